"""Bad input: each fault names file, row, column, value and the fix, or is set aside and counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsat.contract.dataset import Dataset
from recsat.data.columns import Column
from recsat.data.faults import sentences
from recsat.data.reading import read_table
from recsat.data.validate import validate
from recsat.errors import DataError, PluginError

ITEMS = "item_id,kind,title,price\na,film,Alpha,1.5\nb,film,Beta,\nc,film,Gamma,3\n"
EVENTS = (
    "user_id,item_id,event,value,timestamp\nu,a,rating,4,2024-01-01\nu,b,rating,5,2024-01-02\nv,c,view,,2024-01-03\n"
)


def titles(items: pl.DataFrame) -> pl.Series:
    return items["title"].fill_null("")


def loaded(folder: Path, *, items: str = ITEMS, events: str = EVENTS) -> Dataset:
    """What a loader makes of two files."""
    (folder / "items.csv").write_text(items, encoding="utf-8")
    (folder / "events.csv").write_text(events, encoding="utf-8")
    item_rows, item_faults = read_table(
        (folder, "items"),
        {"item_id": Column(), "kind": Column(), "title": Column(), "price": Column(kind="number")},
    )
    event_rows, event_faults = read_table(
        (folder, "events"),
        {
            "user_id": Column(),
            "item_id": Column(),
            "event": Column(),
            "value": Column(kind="number"),
            "timestamp": Column(kind="time"),
        },
    )
    return Dataset(items=item_rows, events=event_rows, quarantine=pl.concat([item_faults, event_faults]))


def error_message(data: Dataset) -> str:
    with pytest.raises(DataError) as error:
        validate(data, "raise", describe_item=titles)
    return str(error.value)


def set_aside(data: Dataset) -> Dataset:
    return validate(data, "quarantine", describe_item=titles)


def test_good_tables_come_out_as_they_went_in_without_their_origin(tmp_path: Path) -> None:
    data = loaded(tmp_path)
    assert "_row" in data.items.columns
    good = validate(data, "raise", describe_item=titles)
    assert good.items.columns == ["item_id", "kind", "title", "price"]
    assert good.events.columns == ["user_id", "item_id", "event", "value", "timestamp"]
    assert good.events.rows() == data.events.select(good.events.columns).rows()
    assert good.quarantine.is_empty()


@pytest.mark.parametrize(
    ("changed", "message", "items_left", "events_left"),
    [
        pytest.param(
            {"events": EVENTS.replace("2024-01-02", "31/02/2024")},
            "events.csv, row 3: timestamp '31/02/2024' is not a date. Use ISO 8601, or set timestamp_format.",
            3,
            2,
            id="an unparseable date",
        ),
        pytest.param(
            {"items": ITEMS + "a,film,Again,\n"},
            "items.csv, row 5: item_id 'a' is a duplicate of row 2. Keep one row for each id.",
            3,
            3,
            id="a duplicate id",
        ),
        pytest.param(
            {"events": EVENTS.replace(",5,", ",NaN,")},
            "events.csv, row 3: value 'NaN' is not a finite number. Leave the cell empty where there is no value.",
            3,
            2,
            id="NaN",
        ),
        pytest.param(
            {"items": ITEMS.replace(",3\n", ",inf\n"), "events": EVENTS.replace("v,c", "v,a")},
            "items.csv, row 4: price 'inf' is not a finite number. Leave the cell empty where there is no value.",
            2,
            3,
            id="an infinite value in a column of the plugin's own",
        ),
        pytest.param(
            {"events": EVENTS + "v,zz,view,,2024-01-03\n"},
            "events.csv, row 5: item_id 'zz' is not among the items. Add the item to items, or take the row out.",
            3,
            3,
            id="an event for an unknown item",
        ),
        pytest.param(
            {"events": EVENTS + ",a,view,,2024-01-03\n"},
            "events.csv, row 5: user_id is empty. Fill it in, or take the row out.",
            3,
            3,
            id="an empty id",
        ),
    ],
)
def test_a_fault_is_named_or_set_aside(
    tmp_path: Path, changed: dict[str, str], message: str, items_left: int, events_left: int
) -> None:
    data = loaded(tmp_path, **changed)
    assert error_message(data) == f"{message} Or set data.on_bad_rows to quarantine to go on without the row."
    good = set_aside(data)
    assert sentences(good.quarantine) == [message]
    assert (good.items.height, good.events.height) == (items_left, events_left)
    assert validate(replace(good, quarantine=good.quarantine.clear()), "raise").events.equals(good.events)


@pytest.mark.parametrize("way", ["raise", "quarantine"])
def test_an_empty_table_is_refused(tmp_path: Path, way: Literal["raise", "quarantine"]) -> None:
    with pytest.raises(DataError, match=r"^events: the table is empty\. Give at least one row\.$"):
        validate(loaded(tmp_path, events=EVENTS.splitlines()[0] + "\n"), way)
    empty = replace(DATA, items=DATA.items.clear(), events=DATA.events.clear())
    with pytest.raises(DataError, match=r"^items: the table is empty\. Give at least one row\.$"):
        validate(empty, way)


def test_nothing_left_after_setting_aside_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"events: the table has no row without a fault:"):
        set_aside(loaded(tmp_path, events=EVENTS.replace("2024", "long ago")))


def test_an_event_on_an_item_that_was_set_aside_goes_with_it(tmp_path: Path) -> None:
    good = set_aside(loaded(tmp_path, items=ITEMS.replace("b,film", "b,")))
    assert good.items["item_id"].to_list() == ["a", "c"]
    assert good.events["item_id"].to_list() == ["a", "c"]
    assert good.quarantine.select("file", "row").rows() == [("items.csv", 3), ("events.csv", 3)]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    message = error_message(
        loaded(tmp_path, items=ITEMS + "a,film,Again,x\nb,,Twice,inf\n", events=EVENTS.replace(",4,", ",inf,"))
    )
    assert message.splitlines() == [
        "5 faults in the data:",
        "  items.csv, row 5: price 'x' is not a number. Write digits with a decimal point, without unit or thousands separator.",
        "  items.csv, row 6: item_id 'b' is a duplicate of row 3. Keep one row for each id.",
        "  items.csv, row 6: kind is empty. Fill it in, or take the row out.",
        "  items.csv, row 6: price 'inf' is not a finite number. Leave the cell empty where there is no value.",
        "  events.csv, row 2: value 'inf' is not a finite number. Leave the cell empty where there is no value.",
        "Mend them, or set data.on_bad_rows to quarantine to go on without these rows.",
    ]


def test_one_cause_is_one_line_with_a_count_and_three_examples(tmp_path: Path) -> None:
    message = error_message(loaded(tmp_path, events=EVENTS + "w,zz,view,,2024-01-01\n" * 30 + "w,a,view,soon,\n"))
    assert message.splitlines() == [
        "31 faults in the data:",
        "  events.csv, row 35: value 'soon' is not a number. Write digits with a decimal point, without unit or thousands separator.",
        "  events.csv, 30 rows: item_id is not among the items (row 5 'zz', row 6 'zz', row 7 'zz'). Add the item to items, or take the row out.",
        "Mend them, or set data.on_bad_rows to quarantine to go on without these rows.",
    ]


def test_duplicates_are_one_cause_whichever_rows_they_repeat(tmp_path: Path) -> None:
    message = error_message(loaded(tmp_path, items=ITEMS + "a,film,Again,1\nb,film,Twice,1\n"))
    assert "items.csv, 2 rows: item_id is a duplicate of another row (row 5 'a', row 6 'b'). Keep" in message


def test_what_is_odd_is_refused_beside_the_faults_and_all_at_once(tmp_path: Path) -> None:
    data = loaded(tmp_path, events=EVENTS.replace("u,b,rating", "u,b,Rating") + "u,zz,view,,2024-01-01\n")
    with pytest.raises(DataError) as error:
        validate(data, "raise", describe_item=titles, events_of_domain=["rating", "view"])
    spellings, fault = (
        next(line for line in str(error.value).splitlines() if word in line) for word in ("Rating", "zz")
    )
    assert "event 'Rating' (1 rows) stands beside 'rating' (1 rows)" in spellings
    assert "item_id 'zz' is not among the items" in fault


STAMP = pl.Series([datetime(2024, 1, 1, tzinfo=UTC)], dtype=pl.Datetime("us", "UTC"))
DATA = Dataset(
    items=pl.DataFrame({"item_id": ["a"], "kind": ["film"]}),
    events=pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "event": ["view"], "value": [1.0], "timestamp": STAMP}),
)
EXPOSURES = pl.DataFrame(
    {"user_id": ["u"], "item_id": ["a"], "position": [1], "timestamp": STAMP, "policy": ["p"], "propensity": [0.5]}
)


def test_a_missing_column_of_a_made_table_suggests_the_nearest() -> None:
    data = replace(DATA, events=DATA.events.rename({"timestamp": "timestamps"}))
    with pytest.raises(DataError, match=r"events: there is no column 'timestamp'; .* Did you mean 'timestamps'\?"):
        validate(data, "quarantine")


def test_a_column_of_another_type_is_the_loaders_fault() -> None:
    data = replace(DATA, events=DATA.events.with_columns(pl.col("value").cast(pl.Int64)))
    with pytest.raises(DataError, match=r"events: column 'value' has the type Int64; it must be Float64\. Cast it"):
        validate(data, "quarantine")


def test_a_logged_click_is_true_or_false_where_there_is_one() -> None:
    logged = EXPOSURES.with_columns(click=pl.Series([True]))
    assert validate(replace(DATA, exposures=logged), "raise").exposures is not None
    with pytest.raises(DataError, match=r"exposures: column 'click' has the type Int64; it must be Boolean\. Cast it"):
        validate(replace(DATA, exposures=logged.with_columns(pl.col("click").cast(pl.Int64))), "raise")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("propensity", 0.0, "exposures, row 1: propensity '0.0' is not a probability above 0 and up to 1."),
        ("propensity", 1.5, "exposures, row 1: propensity '1.5' is not a probability"),
        ("propensity", None, "exposures, row 1: propensity is empty."),
        ("position", 0, "exposures, row 1: position '0' is not a position. Count positions from 1."),
        ("item_id", "zz", "exposures, row 1: item_id 'zz' is not among the items."),
    ],
)
def test_exposures_are_checked(column: str, value: object, message: str) -> None:
    data = replace(DATA, exposures=EXPOSURES.with_columns(pl.Series(column, [value], dtype=EXPOSURES.schema[column])))
    with pytest.raises(DataError) as error:
        validate(data, "raise")
    assert str(error.value).startswith(message)
    good = validate(data, "quarantine")
    assert good.exposures is not None
    assert good.exposures.is_empty()


def test_users_and_ties_are_checked() -> None:
    users = pl.DataFrame({"user_id": ["u", "u"]})
    ties = pl.DataFrame({"user_id": ["u", None], "other_id": ["v", "w"], "timestamp": [STAMP[0], None]})
    good = validate(replace(DATA, users=users, ties=ties), "quarantine")
    assert good.users.height == 1
    assert good.ties is not None
    assert good.ties["other_id"].to_list() == ["v"]
    assert good.quarantine.select("file", "row").rows() == [("users", 2), ("ties", 2)]


def test_a_probability_that_is_not_a_number_is_not_called_empty() -> None:
    exposures = pl.DataFrame(
        {
            "user_id": ["u", "u"],
            "item_id": ["a", "a"],
            "position": [1, 0],
            "timestamp": pl.Series([None, None], dtype=pl.Datetime("us", "UTC")),
            "policy": ["p", None],
            "propensity": [float("nan"), None],
        }
    )
    quarantine = validate(replace(DATA, exposures=exposures), "quarantine").quarantine
    assert quarantine.select("row", "column", "reason").rows() == [
        (2, "policy", "is empty"),
        (2, "position", "is not a position"),
        (1, "propensity", "is not a finite number"),
        (2, "propensity", "is empty"),
        (1, "propensity", "is not a probability above 0 and up to 1"),
    ]


def test_one_file_may_be_the_source_of_two_tables() -> None:
    def row(n: int) -> dict[str, pl.Expr]:
        return {"_file": pl.lit("sales.csv"), "_row": pl.lit(n, pl.Int64)}

    unlisted = DATA.events.with_columns(**row(2), item_id=pl.lit("zz"))
    data = replace(
        DATA, items=DATA.items.with_columns(**row(2)), events=pl.concat([unlisted, DATA.events.with_columns(**row(3))])
    )
    good = validate(data, "quarantine")
    assert (good.items.height, good.events.height) == (1, 1)


def test_items_without_a_text_stay_and_are_counted_with_examples() -> None:
    titled = DATA.items.with_columns(title=pl.lit("A"))
    rows = [titled.with_columns(item_id=pl.lit(name), title=pl.lit(" ")) for name in "bcde"]
    data = replace(DATA, items=pl.concat([titled, *rows]))
    good = validate(data, "raise", describe_item=titles)
    assert good.items.height == 5
    assert good.quarantine.is_empty()
    assert good.notes[-1] == (
        "items: 4 of 5 have no text, and arms that read have nothing to go by there ('b', 'c', 'd', …)"
    )
    assert validate(replace(data, items=titled), "raise", describe_item=titles).notes == ()


def test_a_missing_text_counts_as_an_empty_one() -> None:
    nothing = validate(DATA, "raise", describe_item=lambda items: pl.Series([None] * items.height, dtype=pl.String))
    assert nothing.notes == ("items: none has a text, so arms that read are left out",)


def test_texts_of_another_number_are_the_plugins_fault() -> None:
    with pytest.raises(PluginError, match="return one text for each of the 1 rows of items"):
        validate(DATA, "raise", describe_item=lambda items: pl.Series(["a", "b"]))


@pytest.mark.parametrize("moment", [datetime(1969, 12, 31, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)])
def test_a_moment_that_cannot_have_been_is_a_fault(moment: datetime) -> None:
    data = replace(DATA, events=DATA.events.with_columns(timestamp=pl.lit(moment).dt.cast_time_unit("us")))
    with pytest.raises(DataError, match=r"events, row 1: timestamp .* lies before 1970 or after 2099\."):
        validate(data, "raise")


@pytest.mark.parametrize("column", ["user_id", "item_id"])
def test_a_word_for_nothing_is_no_id_of_a_table_made_in_memory(column: str) -> None:
    data = replace(DATA, events=DATA.events.with_columns(pl.lit("nan").alias(column)))
    with pytest.raises(DataError, match=rf"events, row 1: {column} 'nan' reads like a missing value\."):
        validate(data, "raise")


def test_a_catalogue_without_any_text_is_one_of_ids_and_said() -> None:
    data = replace(DATA, items=DATA.items.with_columns(title=pl.lit(" ")))
    assert "items: none has a text" in validate(data, "raise", describe_item=titles).notes[-1]


@settings(max_examples=40)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "zz", None]),
            st.sampled_from([1.0, None, float("nan"), float("inf")]),
            st.sampled_from(["view", None]),
        ),
        min_size=1,
        max_size=25,
    )
)
def test_what_is_set_aside_and_what_stays_is_what_came(rows: list[tuple[str | None, float | None, str | None]]) -> None:
    schema: dict[str, pl.DataType | type[pl.DataType]] = {"item_id": pl.String, "value": pl.Float64, "event": pl.String}
    events = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        user_id=pl.format("u{}", pl.int_range(pl.len())), timestamp=STAMP[0]
    )
    events = pl.concat([events, DATA.events.select(events.columns)])
    items = pl.DataFrame({"item_id": ["a", "b"], "kind": ["film", "film"]})
    good = validate(Dataset(items=items, events=events), "quarantine")
    fine = [
        f"u{i}"
        for i, (item, value, event) in enumerate(rows)
        if item in ("a", "b") and event is not None and (value is None or value == 1.0)
    ]
    assert good.events["user_id"].to_list() == [*fine, "u"]
    assert good.quarantine["row"].n_unique() == len(rows) - len(fine)


def with_future_dates() -> Dataset:
    """Thirty events and exposures, the third and the seventh of which are to come."""
    n = 30
    time = [datetime(2024, 1, 1 + i, tzinfo=UTC) for i in range(n)]
    time[2], time[6] = datetime(2098, 1, 1, tzinfo=UTC), datetime(2061, 1, 1, tzinfo=UTC)
    pairs = {"user_id": ["u"] * n, "item_id": ["a"] * n, "timestamp": pl.Series(time).dt.cast_time_unit("us")}
    return Dataset(
        items=pl.DataFrame({"item_id": ["a"], "kind": ["film"], "title": ["Alpha"]}),
        events=pl.DataFrame({**pairs, "event": ["view"] * n, "value": [1.0] * n}),
        exposures=pl.DataFrame({**pairs, "position": [1] * n, "policy": ["p"] * n, "propensity": [0.5] * n}),
    )


def test_dates_in_the_future_are_faults_of_every_table() -> None:
    data = with_future_dates()
    message = error_message(data)
    assert "4 faults in the data" in message
    assert "events, 2 rows: timestamp lies in the future (row 3 '2098-01-01" in message
    clean = set_aside(data)
    assert clean.exposures is not None
    assert clean.events["timestamp"].max() == clean.exposures["timestamp"].max() == datetime(2024, 1, 30, tzinfo=UTC)
    assert clean.quarantine["row"].to_list() == [3, 7, 3, 7]


def test_exposures_that_are_all_to_come_are_faults_beside_events_that_happened() -> None:
    data = with_future_dates()
    assert data.exposures is not None
    later = data.exposures.with_columns(pl.col("timestamp").dt.offset_by("45y"))
    past = data.events.filter(pl.col("timestamp").dt.year() == 2024)
    message = error_message(replace(data, events=past, exposures=later))
    assert "exposures, 28 rows: timestamp lies in the future" in message
    shifted = data.events.with_columns(pl.col("timestamp").dt.offset_by("45y"))
    simulated = set_aside(replace(data, events=shifted, exposures=later))
    assert simulated.exposures is not None
    assert simulated.exposures.height == 28  # two lie after 2099
    assert not [note for note in simulated.notes if note.startswith("exposures: they lie between")]


def test_exposures_of_another_time_than_the_events_are_noted() -> None:
    data = set_aside(with_future_dates())
    assert data.exposures is not None
    earlier = data.exposures.with_columns(pl.col("timestamp").dt.offset_by("-10y"))
    [note] = [note for note in set_aside(replace(data, exposures=earlier)).notes if "no event does" in note]
    assert note == (
        "exposures: they lie between 2014-01-01 and 2014-01-30, and no event does: events lie between 2024-01-01 and 2024-01-30"
    )
    assert not [note for note in data.notes if "no event does" in note]


@pytest.mark.parametrize(
    ("item", "places", "fix"),
    [
        ("ALPHA-1", "row 2 'ALPHA-1', row 3 'ALPHA-1'", "'ALPHA-1' is 'Alpha-1' in items."),
        ("042", "row 2 '042', row 3 '042'", "'042' is '42' in items."),
        ("al\u200bpha-1", "row 2", "'al\u200bpha-1' is 'Alpha-1' in items."),
    ],
)
def test_ids_in_another_spelling_than_that_of_items_are_named_as_such(item: str, places: str, fix: str) -> None:
    items = pl.DataFrame({"item_id": ["Alpha-1", "42", "x"], "kind": ["film"] * 3, "title": ["A", "B", "C"]})
    events = (
        with_future_dates()
        .events[:4]
        .with_columns(item_id=pl.Series(["x", item, item, "zz"]), timestamp=pl.lit(None, pl.Datetime("us", "UTC")))
    )
    message = error_message(Dataset(items=items, events=events))
    assert "events, row 4: item_id 'zz' is not among the items. Add the item to items" in message
    assert "item_id is among the items only in another spelling" in message
    assert places in message
    assert fix.encode("unicode_escape").decode() in message or fix in message


def test_tables_that_differ_in_case_alone_say_so() -> None:
    events = (
        with_future_dates()
        .events[:2]
        .with_columns(
            item_id=pl.Series(["ABC", "DEF"]),
            user_id=pl.Series(["Ann", "Bob"]),
            timestamp=pl.lit(None, pl.Datetime("us", "UTC")),
        )
    )
    items = pl.DataFrame({"item_id": ["abc", "def"], "kind": ["film"] * 2, "title": ["A", "B"]})
    message = error_message(Dataset(items=items, events=events))
    assert "the table has 'ABC', the table has 'abc'; 2 differ in case, blanks or leading zeros alone." in message
    users = pl.DataFrame({"user_id": ["ann", "Bob", "eve"]})
    upper = items.with_columns(pl.col("item_id").str.to_uppercase())
    notes = set_aside(Dataset(items=upper, events=events, users=users)).notes
    assert [note for note in notes if note.startswith("users")] == [
        "users: 1 user_ids without an event differ from one that has some in case, blanks or leading zeros alone: 'ann' is not 'Ann'"
    ]


def test_where_no_row_is_sound_the_causes_are_told() -> None:
    data = with_future_dates()
    bad = data.events.with_columns(pl.lit("zz").alias("item_id"), timestamp=pl.lit(None, pl.Datetime("us", "UTC")))
    with pytest.raises(DataError) as error:
        validate(
            replace(
                data,
                events=pl.concat([bad, bad.with_columns(item_id=pl.lit("yy"))]),
                exposures=data.exposures,
                items=data.items.clear(),
            ),
            "quarantine",
        )
    assert "items" in str(error.value)
    faulty = pl.concat([bad.with_columns(user_id=pl.lit(None, pl.String))])
    with pytest.raises(
        DataError, match=r"(?s)^events: the table has no row without a fault:\nevents, 30 rows: user_id is empty"
    ):
        validate(replace(data, events=faulty, exposures=None), "quarantine")


def test_simulated_time_may_lie_in_the_future() -> None:
    data = with_future_dates()
    assert validate(replace(data, simulated=True), "raise").events.height == 30
    shifted = data.events.with_columns(pl.col("timestamp").dt.offset_by("70y"))[:2]
    assert validate(replace(data, events=shifted, exposures=None), "raise").events.height == 2


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("a\x00", "has control characters"),
        ("\u202ea", "has control characters"),
        ("a\nb", "has control characters"),
        ("a" * 1001, "is longer than 1,000 bytes"),
        ("é" * 501, "is longer than 1,000 bytes"),
        ("a\u2066b", "has control characters"),
    ],
)
@pytest.mark.parametrize("column", ["user_id", "item_id", "event"])
def test_ids_and_events_are_what_people_can_write(column: str, cell: str, reason: str) -> None:
    data = with_future_dates()
    events = data.events.drop("timestamp").with_columns(timestamp=pl.lit(None, data.events.schema["timestamp"]))
    events = events.with_columns(
        pl.when(pl.int_range(pl.len()) == 3).then(pl.lit(cell)).otherwise(column).alias(column)
    )
    clean = set_aside(replace(data, events=events, exposures=None))
    assert clean.events.height == 29
    assert clean.quarantine.row(0, named=True) == {
        "file": "events", "row": 4, "column": column, "value": cell[:80], "reason": reason, "fix": clean.quarantine["fix"][0]
    }  # fmt: skip
    emoji = events.with_columns(
        pl.lit("👩\u200d🔬 é").alias("user_id"), pl.lit("a").alias("item_id"), event=pl.lit("view")
    )
    assert set_aside(replace(data, events=emoji, exposures=None)).events.height == 30


def test_a_number_beyond_all_amounts_is_a_fault() -> None:
    data = with_future_dates()
    values = pl.Series("value", [1e300, -1e16, 1e15, *[1.0] * 27])
    events = data.events.with_columns(
        values, timestamp=pl.lit(datetime(2024, 1, 1, tzinfo=UTC)).dt.cast_time_unit("us")
    )
    clean = set_aside(replace(data, events=events, exposures=None))
    assert clean.quarantine.select("row", "reason").rows() == [(1, "is larger than 1e+15"), (2, "is larger than 1e+15")]
