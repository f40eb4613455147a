"""Files and frames as strangers have them: read for what they say, with a sentence where that may be something else, or refused with the cause."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from recsat import DataError, Dataset
from recsat.config.tables import TableSettings
from recsat.data.validate import validate
from recsat.plugins import load_plugins

ITEMS = "item_id,title\na,Alpha\nb,Beta\n"
EVENTS = "user_id,item_id,event,value,timestamp\n"


def checked(folder: Path, domain: str, **tables: str | pl.DataFrame) -> Dataset:
    for name, table in {"items": ITEMS, **tables}.items():
        if isinstance(table, str):
            (folder / f"{name}.csv").write_bytes(table.encode())
        else:
            table.write_parquet(folder / f"{name}.parquet")
    spec = load_plugins([domain]).domain(domain)
    data = spec.load(spec.config.model_validate({"layout": "tables", "folder": str(folder)}))
    return validate(data, "raise", describe_item=spec.describe_item, events_of_domain=spec.events, topics=spec.topics)


@pytest.mark.parametrize(
    ("dtype", "ids", "is_sound"),
    [
        (pl.Float32, [16_777_217, 16_777_216], False),
        (pl.Float32, [16_777_215, 16_777_214], True),
        (pl.Float64, [2**53, 1], False),
        (pl.Float64, [16_777_217, 16_777_216], True),
    ],
)
def test_ids_stored_as_floats_are_refused_where_two_could_be_one(
    dtype: type[pl.DataType], ids: list[int], is_sound: bool, tmp_path: Path
) -> None:
    events = pl.DataFrame({"user_id": pl.Series(ids, dtype=dtype), "item_id": ["a", "b"], "event": "play"})
    if is_sound:
        assert checked(tmp_path, "game", events=events).events["user_id"].to_list() == [str(one) for one in ids]
        return
    with pytest.raises(DataError, match=r"is no whole number that Float(32|64) holds exactly"):
        checked(tmp_path, "game", events=events)


@pytest.mark.parametrize("domain", ["content", "ecommerce", "social", "game"])
def test_ids_that_a_spreadsheet_has_rounded_are_refused(domain: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'1\.23E\+12' is a number that a spreadsheet has rounded"):
        checked(tmp_path, domain, events=f"{EVENTS}1.23E+12,a,view,,2024-01-01\n")
    (tmp_path / "events.csv").unlink()
    for sound in ("12E5", "E+12", "1.23E+12x"):
        assert checked(tmp_path, domain, events=f"{EVENTS}{sound},a,view,,2024-01-01\n").events["user_id"][0] == sound


def test_times_without_an_offset_beside_others_with_one_are_counted(tmp_path: Path) -> None:
    times = ["2024-01-01T00:00:00+09:00", "2024-01-01T00:00:00", "2024-01-01", "2024-01-01T00:00:00Z"]
    rows = "".join(f"u{i},a,view,,{time}\n" for i, time in enumerate(times))
    data = checked(tmp_path, "content", events=EVENTS + rows)
    note = "events.csv: timestamp: 1 of 3 cells have no offset, where others have one, and are read as UTC"
    assert note in data.notes
    assert [moment.hour for moment in data.events["timestamp"]] == [15, 0, 0, 0]
    for alike in (times[:1], times[1:3], times[2:]):
        rows = "".join(f"u{i},a,view,,{time}\n" for i, time in enumerate(alike))
        assert not any("offset" in one for one in checked(tmp_path, "content", events=EVENTS + rows).notes)


def test_lines_that_end_with_a_carriage_return_alone_are_the_cause_that_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"events\.csv: its lines end with a carriage return alone"):
        checked(tmp_path, "content", events=f"{EVENTS}u,a,view,,2024-01-01\n".replace("\n", "\r"))


@pytest.mark.parametrize(
    ("genres", "sign"),
    [
        (["Drama, War", "Comedy, War"], ","),
        (["Drama;War", "War"], None),
        (["Drama|War", "A, B"], None),
        (["", ""], None),
    ],
)
def test_lists_that_another_sign_parts_are_named(genres: list[str], sign: str | None, tmp_path: Path) -> None:
    items = "item_id,title,genres\n" + "".join(f'i{i},T{i},"{cell}"\n' for i, cell in enumerate(genres))
    data = checked(tmp_path, "content", items=items, events=f"{EVENTS}u,i0,view,,2024-01-01\n")
    note = f"items.csv: genres: none of 2 cells has '|', which parts lists, and 2 have '{sign}': each is one value unless list_separator says so"
    assert (note in data.notes) is (sign is not None)


def test_markets_in_two_cases_are_named(tmp_path: Path) -> None:
    users = "user_id,market\nu,DE\nv,de\nw,DE\n"
    data = checked(tmp_path, "ecommerce", users=users, events=f"{EVENTS}u,a,purchase,1,2024-01-01\n")
    assert "users: market has 'DE' (2 users), 'de' (1 users), which count as different" in data.notes


ROWS = f"{EVENTS}u,a,view,,2024-01-01\n"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"defaults": {"value": "many"}}, r"^defaults\.value: 'many' is not a number\."),
        ({"defaults": {"value": True}}, r"^defaults\.value: True is not a number\."),
        ({"defaults": {"timestamp": "yesterday"}}, r"^defaults\.timestamp: 'yesterday' is not a date\. Use ISO 8601"),
        ({"columns": {"user_id": "user_id", "item_id": "user_id"}}, r"user_id and item_id are both 'user_id'"),
    ],
)
def test_settings_that_no_table_can_have_are_refused(settings: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        loaded(tmp_path, settings)


def loaded(folder: Path, settings: dict[str, object]) -> Dataset:
    (folder / "items.csv").write_text(ITEMS, encoding="utf-8")
    (folder / "events.csv").write_text(ROWS, encoding="utf-8")
    spec = load_plugins(["content"]).domain("content")
    return spec.load(
        spec.config.model_validate({"layout": "tables", "folder": str(folder), "tables": {"events": settings}})
    )


def test_a_default_is_read_as_its_column_is(tmp_path: Path) -> None:
    data = loaded(
        tmp_path, {"defaults": {"value": "2,5", "timestamp": "2024-02-01"}, "columns": {"timestamp": "value"}}
    )
    assert (data.events["value"].to_list(), data.events["timestamp"][0].isoformat()) == (
        [2.5],
        "2024-02-01T00:00:00+00:00",
    )


@pytest.mark.parametrize("sign", ["§", '"', "\n", "'", "ab"])
def test_a_sign_that_can_part_no_cells_is_refused(sign: str) -> None:
    with pytest.raises(ValidationError, match="is not one sign of ASCII"):
        TableSettings(separator=sign)


def test_a_folder_that_no_disk_can_have_is_refused_by_name() -> None:
    spec = load_plugins(["content"]).domain("content")
    with pytest.raises(DataError, match=r"xxx': it cannot be looked into \(File name too long\)"):
        spec.load(spec.config.model_validate({"layout": "tables", "folder": "x" * 5_000}))
