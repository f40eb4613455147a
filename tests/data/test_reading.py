"""Files into typed tables: every cell is read, or is a fault with its place."""

from __future__ import annotations

import gzip
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recsat.config.tables import TableSettings
from recsat.data.columns import Column
from recsat.data.faults import sentences
from recsat.data.reading import find_table, read_table
from recsat.errors import DataError

EVENTS = {
    "user_id": Column(),
    "item_id": Column(),
    "value": Column(kind="number", required=False, unreadable="row"),
    "timestamp": Column(kind="time"),
}


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def cell(tmp_path: Path, text: str, column: Column) -> tuple[list[Any], list[str]]:
    """One column read from one row; the faults as sentences."""
    path = tmp_path / "t.csv"
    pl.DataFrame({"x": [text], "other": ["-"]}).write_csv(path)
    rows, faults = read_table(path, {"x": column})
    return rows["x"].to_list(), sentences(faults)


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        (" a b ", Column(), "a b"),
        ("", Column(), None),
        ("007", Column(), "007"),
        ("-12", Column(kind="integer"), -12),
        ("1e3", Column(kind="number"), 1000.0),
        ("0.1", Column(kind="number"), 0.1),
        ("YES", Column(kind="boolean"), True),
        ("0", Column(kind="boolean"), False),
        ("x| y ||z", Column(kind="list"), ["x", "y", "z"]),
        ("x,y", Column(kind="list", separator=","), ["x", "y"]),
        ("2024-02-29", Column(kind="time"), datetime(2024, 2, 29, tzinfo=UTC)),
        ("2024-02-29 13:05", Column(kind="time"), datetime(2024, 2, 29, 13, 5, tzinfo=UTC)),
        ("2024-02-29T13:05:06", Column(kind="time"), datetime(2024, 2, 29, 13, 5, 6, tzinfo=UTC)),
        ("2024-02-29T13:05:06.25Z", Column(kind="time"), datetime(2024, 2, 29, 13, 5, 6, 250_000, tzinfo=UTC)),
        ("2024-02-29 13:05:06+02:00", Column(kind="time"), datetime(2024, 2, 29, 11, 5, 6, tzinfo=UTC)),
        ("964982703", Column(kind="time", time_format="unix"), datetime(2000, 7, 30, 18, 45, 3, tzinfo=UTC)),
        ("0.5", Column(kind="time", time_format="unix"), datetime(1970, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("31/01/2024", Column(kind="time", time_format="%d/%m/%Y"), datetime(2024, 1, 31, tzinfo=UTC)),
    ],
)
def test_a_cell_is_read_in_its_type(tmp_path: Path, text: str, column: Column, expected: Any) -> None:
    assert cell(tmp_path, text, column) == ([expected], [])


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("12.5", Column(kind="integer"), "is not a whole number. Write digits alone"),
        ("1,000", Column(kind="number"), "is not a number. Write digits with a decimal point"),
        ("perhaps", Column(kind="boolean"), "is neither true nor false. Write true or false."),
        ("31/02/2024", Column(kind="time"), "is not a date. Use ISO 8601, or set timestamp_format."),
        ("2023-02-29", Column(kind="time"), "is not a date. Use ISO 8601, or set timestamp_format."),
        ("99999999999999", Column(kind="time", time_format="unix"), "is not a number of seconds since 1970."),
        ("inf", Column(kind="time", time_format="unix"), "is not a number of seconds since 1970."),
        ("2024-01-31", Column(kind="time", time_format="%d/%m/%Y"), "is not a date of the form %d/%m/%Y."),
    ],
)
def test_a_cell_that_does_not_fit_is_a_fault_and_its_row_is_left_out(
    tmp_path: Path, text: str, column: Column, reason: str
) -> None:
    rows, (fault,) = cell(tmp_path, text, column)
    assert rows == []
    assert fault.startswith(f"t.csv, row 2: x '{text}' {reason}")


def test_an_unparseable_date_names_file_row_column_value_and_fix(tmp_path: Path) -> None:
    lines = [f"u{i},i,4,2024-01-01" for i in range(39)]
    path = write(tmp_path / "events.csv", "\n".join(["user_id,item_id,value,timestamp", *lines, "u,i,4,31/02/2024"]))
    rows, faults = read_table(path, EVENTS)
    assert rows.height == 39
    assert sentences(faults) == [
        "events.csv, row 41: timestamp '31/02/2024' is not a date. Use ISO 8601, or set timestamp_format."
    ]


def test_rows_are_counted_as_a_spreadsheet_counts_them(tmp_path: Path) -> None:
    text = '\ufeffuser_id,item_id,value,timestamp\nu,"i\n1",4,2024-01-01\n\nv,i,four,2024-01-01\n'
    rows, faults = read_table(write(tmp_path / "e.csv", text), EVENTS)
    assert rows["_row"].to_list() == [2]
    assert rows["item_id"].to_list() == ["i\n1"]
    assert faults["row"].to_list() == [4]


def test_two_bad_cells_of_a_row_are_two_faults(tmp_path: Path) -> None:
    text = "user_id,item_id,value,timestamp\nu,i,four,never\nv,j,1,2024-01-01\n"
    rows, faults = read_table(write(tmp_path / "e.csv", text), EVENTS)
    assert rows["user_id"].to_list() == ["v"]
    assert faults.select("row", "column").rows() == [(2, "value"), (2, "timestamp")]


def test_faults_name_the_column_as_the_file_does(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", "userId,rating\nu,good\n")
    _, faults = read_table(path, {"user_id": Column(source="userId"), "value": Column(kind="number", source="rating")})
    assert faults["column"].to_list() == ["rating"]


TYPED = pl.DataFrame(
    {
        "user_id": [1, 2],
        "item_id": ["a", "b"],
        "value": [1.5, None],
        "timestamp": pl.Series([datetime(2024, 1, 1), datetime(2024, 1, 2)], dtype=pl.Datetime("ms")),
    }
)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".jsonl", ".jsonl.gz"])
def test_every_format_gives_the_same_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"events{suffix}"
    if suffix == ".parquet":
        TYPED.write_parquet(path)
    else:
        plain = tmp_path / "plain"
        TYPED.write_csv(plain) if suffix.startswith(".csv") else TYPED.write_ndjson(plain)
        path.write_bytes(gzip.compress(plain.read_bytes()) if suffix.endswith(".gz") else plain.read_bytes())
    rows, faults = read_table((tmp_path, "events"), EVENTS)
    assert faults.is_empty()
    assert rows.drop("_file", "_row").rows() == [
        ("1", "a", 1.5, datetime(2024, 1, 1, tzinfo=UTC)),
        ("2", "b", None, datetime(2024, 1, 2, tzinfo=UTC)),
    ]
    assert rows["_file"].to_list() == [path.name] * 2
    assert rows["_row"].to_list() == ([2, 3] if suffix.startswith(".csv") else [1, 2])


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "UTC"])
def test_a_time_stored_with_a_zone_is_the_same_moment_in_utc(tmp_path: Path, zone: str) -> None:
    moments = [datetime(2024, 1, 15, 17, 0, tzinfo=UTC), datetime(2024, 7, 15, 1, 30, tzinfo=UTC)]
    stored = pl.Series(moments, dtype=pl.Datetime("ms", "UTC")).dt.convert_time_zone(zone)
    TYPED.with_columns(timestamp=stored).write_parquet(tmp_path / "events.parquet")
    assert pl.read_parquet_schema(tmp_path / "events.parquet")["timestamp"] == pl.Datetime("ms", zone)
    rows, faults = read_table((tmp_path, "events"), EVENTS)
    assert faults.is_empty()
    assert rows["timestamp"].to_list() == moments
    assert rows.schema["timestamp"] == pl.Datetime("us", "UTC")


def test_whole_numbers_stored_as_floats_are_whole_and_others_are_faults(tmp_path: Path) -> None:
    pl.DataFrame({"year": [1999.0, 1999.5, None]}).write_parquet(tmp_path / "i.parquet")
    with pytest.raises(DataError, match="no column 'id'"):
        read_table(tmp_path / "i.parquet", {"id": Column()})
    pl.DataFrame({"id": [1, 2, 3], "year": [1999.0, 1999.5, None]}).write_parquet(tmp_path / "i.parquet")
    rows, faults = read_table(tmp_path / "i.parquet", {"id": Column(), "year": Column(kind="integer")})
    assert rows["year"].to_list() == [1999, None]
    assert sentences(faults)[0].startswith("i.parquet, row 2: year '1999.5' is not a whole number.")


def test_a_missing_file_lists_what_is_there(tmp_path: Path) -> None:
    write(tmp_path / "event.csv", "a\n1\n")
    with pytest.raises(
        DataError, match=r"events: there is no such file\. The folder has event\.csv\. Did you mean 'event\.csv'\?"
    ):
        read_table((tmp_path, "events"), EVENTS)
    with pytest.raises(DataError, match=r"events\.csv: there is no such file.*Did you mean 'event\.csv'"):
        read_table(tmp_path / "events.csv", EVENTS)


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(DataError, match=r"/no/where: there is no such folder"):
        find_table(Path("/no/where"), "items")


def test_two_files_for_one_table_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "items.csv", "a\n1\n")
    write(tmp_path / "items.jsonl", "{}\n")
    with pytest.raises(DataError, match=r"items\.csv and items\.jsonl are both there\. Keep one\."):
        find_table(tmp_path, "items")


def test_a_wrong_column_suggests_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path / "events.csv", "user_id,item_id,timestmp\nu,i,2024-01-01\n")
    expected = (
        r"events\.csv, row 1: there is no column 'timestamp'; the columns are user_id, item_id, timestmp\."
        r" Did you mean 'timestmp'\? Rename or add it\."
    )
    with pytest.raises(DataError, match=expected):
        read_table(path, EVENTS)


def test_a_misspelt_column_that_need_not_be_there_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "events.csv", "user_id,item_id,valeu,timestamp\nu,i,3,2024-01-01\n")
    with caplog.at_level(logging.WARNING):
        rows, _ = read_table(path, EVENTS)
    assert "value" not in rows.columns
    assert "column 'value' is left out" in caplog.text
    assert "Did you mean 'valeu'?" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.csv", b"", r"e\.csv: the file is empty\. Its first row must name the columns\."),
        (
            "e.csv",
            "user_id,item_id\nа,б\n".encode("cp1251"),
            r"e\.csv: it is not UTF-8, and which .* cp1251 .* Set encoding to",
        ),
        (
            "e.csv",
            b'user_id,item_id\nu,"1,5"\nu,2,5\n',
            r"e\.csv: row 3 has 3 cells and the header 2\. Put values .* in double quotes",
        ),
        ("e.xlsx", b"PK", r"e\.xlsx: this format cannot be read\. Use one of \.csv"),
        ("e.parquet", b"not parquet", r"e\.parquet: it cannot be read"),
        ("e.jsonl", b'{"user_id": "u"\n', r"e\.jsonl: it cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / name, EVENTS)


@pytest.mark.parametrize("form", ["%Q", "%H:%M", "day month year"])
def test_a_pattern_that_cannot_give_a_date_is_refused(tmp_path: Path, form: str) -> None:
    with pytest.raises(DataError, match=f"timestamp_format '{form}' is not a pattern for dates"):
        cell(tmp_path, "2024-01-01", Column(kind="time", time_format=form))


def test_a_folder_of_partitions_is_a_table_with_the_folders_names_as_columns(tmp_path: Path) -> None:
    columns = {"user_id": Column(), "event": Column(), "timestamp": Column(kind="time")}
    for event, user, day in (("click", "u2", 2), ("rating", "u1", 1)):
        part = tmp_path / "events.parquet" / f"event={event}"
        part.mkdir(parents=True)
        pl.DataFrame({"user_id": [user], "timestamp": [datetime(2026, 1, day)]}).write_parquet(part / "part-0.parquet")
    (tmp_path / "events.parquet" / "_SUCCESS").touch()
    assert find_table(tmp_path, "events") == tmp_path / "events.parquet"
    rows, faults = read_table((tmp_path, "events"), columns)
    assert faults.is_empty()
    assert rows.select("user_id", "event", "_row").rows() == [("u2", "click", 1), ("u1", "rating", 2)]


def test_a_folder_without_a_part_is_refused(tmp_path: Path) -> None:
    (tmp_path / "events.parquet" / "_temporary").mkdir(parents=True)
    with pytest.raises(DataError, match=r"events\.parquet: the folder has no part that ends in \.parquet"):
        read_table((tmp_path, "events"), EVENTS)


def test_a_folder_beside_a_file_of_one_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "events.parquet").mkdir()
    write(tmp_path / "events.csv", "user_id\n")
    with pytest.raises(DataError, match=r"events\.csv and events\.parquet are both there"):
        find_table(tmp_path, "events")


@pytest.mark.parametrize("name", ["e.jsonl", "e.json"])
def test_a_byte_order_mark_before_json_lines_is_no_part_of_them(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b'\xef\xbb\xbf{"user_id": "u"}\n\n{"user_id": "v"}\n')
    rows, faults = read_table(tmp_path / name, {"user_id": Column()})
    assert faults.is_empty()
    assert rows["user_id"].to_list() == ["u", "v"]


def test_what_lies_within_a_column_has_a_point_in_its_name(tmp_path: Path) -> None:
    lines = [
        '{"user": {"id": "u"}, "items": [{"id": "a", "price": 2}, {"id": "b", "price": 3}]}',
        '{"user": {"id": "v"}, "items": []}',
    ]
    path = write(tmp_path / "e.jsonl", "\n".join(lines))
    columns = {
        "user_id": Column(source="user.id"),
        "item_id": Column(source="items.id"),
        "price": Column(kind="number", source="items.price"),
    }
    rows, faults = read_table(path, columns)
    assert faults.is_empty()
    assert rows.select("user_id", "item_id", "price", "_row").rows() == [
        ("u", "a", 2.0, 1),
        ("u", "b", 3.0, 1),
        ("v", None, None, 2),
    ]
    with pytest.raises(DataError, match=r"no column 'items\.name'"):
        read_table(path, {"name": Column(source="items.name")})


def test_json_may_be_one_array(tmp_path: Path) -> None:
    path = write(tmp_path / "e.json", '\n[{"id": 1}, {"id": 2}]')
    assert read_table(path, {"id": Column()})[0]["id"].to_list() == ["1", "2"]


def test_a_folder_of_parts_need_not_end_in_parquet(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    pl.DataFrame({"id": ["a"]}).write_parquet(tmp_path / "events" / "part-0.parquet")
    (tmp_path / "events" / "_SUCCESS").touch()
    assert read_table(tmp_path / "events", {"id": Column()})[0]["id"].to_list() == ["a"]


def test_a_column_that_is_called_as_recsat_counts_rows_is_left_out_and_refused_where_it_is_to_be_read(
    tmp_path: Path,
) -> None:
    write(tmp_path / "items.csv", "_row,item_id\n7,a\n8,b\n")
    table, faults = read_table((tmp_path, "items"), {"item_id": Column()})
    assert table.select("item_id", "_row").rows() == [("a", 2), ("b", 3)]
    assert faults.is_empty()
    with pytest.raises(DataError, match=r"items\.csv: a column that is read is called '_row'.* Rename it\."):
        read_table((tmp_path, "items"), {"item_id": Column(source="_row")})


@pytest.mark.parametrize("target", ["gone.csv", "users.csv"])
def test_a_link_that_leads_nowhere_is_not_a_table_that_is_not_there(tmp_path: Path, target: str) -> None:
    (tmp_path / "users.csv").symlink_to(tmp_path / target)
    with pytest.raises(DataError, match=r"users\.csv: it is a link to .*, which leads to no file"):
        find_table(tmp_path, "users")
    with pytest.raises(DataError, match="which leads to no file"):
        read_table((tmp_path, "users"), {"user_id": Column()}, TableSettings(path="users.csv"))


def test_what_has_a_tables_name_and_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "users.csv").mkdir()
    with pytest.raises(DataError, match=r"users\.csv: it is no file"):
        find_table(tmp_path, "users")


def test_a_part_that_is_a_link_to_a_folder_or_to_nothing_is_not_left_out(tmp_path: Path) -> None:
    for day in ("day=1", "elsewhere"):
        (tmp_path / day).mkdir()
    table = tmp_path / "items.parquet"
    table.mkdir()
    pl.DataFrame({"item_id": ["a"]}).write_parquet(table / "part-0.parquet")
    assert read_table(table, {"item_id": Column()})[0].height == 1
    (table / "day=2").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="day=2 is a link to a folder or to nothing"):
        read_table(table, {"item_id": Column()})


def test_numbers_beyond_what_a_column_may_have_are_told_with_their_bounds(tmp_path: Path) -> None:
    year = Column(kind="integer", least=1, most=2100)
    assert cell(tmp_path, "-5", year) == (
        [],
        [
            "t.csv, row 2: x '-5' is not at least 1 and at most 2100. Mend it, or leave the cell empty where it is not known."
        ],
    )
    assert cell(tmp_path, "99999999999", year)[0] == []
    assert cell(tmp_path, "1999", year) == ([1999], [])
    path, notes = write(tmp_path / "u.csv", "item_id,price\na,-1\nb,2\n"), list[str]()
    rows, _ = read_table(
        path, {"item_id": Column(), "price": Column(kind="number", required=False, least=0)}, None, notes
    )
    assert rows["price"].to_list() == [None, 2.0]
    assert notes == ["u.csv: price: 1 cell (row 2 '-1') is not at least 0, and missing"]


def spark_parts(folder: Path, *tables: pl.DataFrame) -> Path:
    folder.mkdir()
    for i, table in enumerate(tables):
        table.write_parquet(folder / f"part-{i}.parquet")
    return folder


def test_parts_of_other_columns_or_types_are_named(tmp_path: Path) -> None:
    first = pl.DataFrame({"item_id": ["a"], "price": [1.0]})
    without = spark_parts(tmp_path / "a.parquet", first, first.drop("price"))
    with pytest.raises(
        DataError, match=r"^a\.parquet: part-0\.parquet has a column 'price', and part-1\.parquet does not\."
    ):
        read_table(without, {"item_id": Column()})
    more = spark_parts(tmp_path / "b.parquet", first.drop("price"), first)
    with pytest.raises(
        DataError, match=r"^b\.parquet: part-1\.parquet has a column 'price', and part-0\.parquet does not\."
    ):
        read_table(more, {"item_id": Column()})
    other = spark_parts(tmp_path / "c.parquet", first, first.cast({"price": pl.String}))
    with pytest.raises(
        DataError,
        match=r"^c\.parquet: column 'price' is stored as Float64 in part-0\.parquet and as String in part-1\.parquet\.",
    ):
        read_table(other, {"item_id": Column()})


def test_parts_may_have_their_columns_in_another_order(tmp_path: Path) -> None:
    first = pl.DataFrame({"item_id": ["a"], "title": ["A"]})
    parts = spark_parts(tmp_path / "a.parquet", first, pl.DataFrame({"title": ["B"], "item_id": ["b"]}))
    rows, _ = read_table(parts, {"item_id": Column(), "title": Column()})
    assert rows.select("item_id", "title").rows() == [("a", "A"), ("b", "B")]


def test_a_column_that_settings_name_must_be_there_even_where_it_need_not_be(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "item_id,Title\na,A\n")
    settings = TableSettings(columns={"title": "Titel", "item_id": "item_id"})
    with pytest.raises(DataError) as error:
        read_table(path, {"item_id": Column(), "title": Column(required=False)}, settings)
    assert str(error.value) == (
        "t.csv, row 1: there is no column 'Titel', which columns.title names; the columns are item_id, Title. Did you mean 'Title'?"
    )


def test_a_line_nested_beyond_any_depth_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(b'{"a":' * 50_000 + b"1" + b"}" * 50_000)
    with pytest.raises(DataError, match=r"^t\.json: it cannot be read"):
        read_table(path, {"item_id": Column()})


def test_a_column_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"item_id": ["a"], "title": ["A"]}).write_parquet(path)
    path.write_bytes(path.read_bytes().replace(b"title", b"t\xe1\xe1le"))
    with pytest.raises(DataError, match=r"^t\.parquet: it cannot be read"):
        read_table(path, {"item_id": Column()})


def test_columns_are_told_in_a_line_whatever_their_names(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ",".join(f"c{i}" for i in range(60)) + "\n" + ",".join("1" * 60) + "\n")
    with pytest.raises(DataError, match=r"the columns are c0, c1, .*, c49, … \(60 in all\)\. Rename or add it\.$"):
        read_table(path, {"item_id": Column()})
    path = write(tmp_path / "u.csv", f"a\x0b\x1b[2J,{'b' * 200}\n1,2\n")
    with pytest.raises(DataError) as error:
        read_table(path, {"item_id": Column()})
    assert str(error.value).isprintable()
    assert f"{'b' * 80}…" in str(error.value)


@pytest.mark.parametrize("name", ["reviews.json", "reviews.jsonl", "reviews.json.gz"])
def test_rows_as_python_writes_them_are_named_with_what_makes_json_of_them(name: str, tmp_path: Path) -> None:
    rows = b"{'work': '3206242', 'stars': 5.0, 'user': None}\n{'work': '1', 'stars': 2.0, 'user': 'a'}\n"
    (tmp_path / name).write_bytes(gzip.compress(rows) if name.endswith(".gz") else rows)
    with pytest.raises(DataError) as error:
        read_table(tmp_path / name, {"user": Column()})
    message = str(error.value)
    assert message.startswith(
        f"{name}: its rows are written as Python writes them, which is no JSON. Write them anew: python -c"
    )
    assert "\n" not in message


def test_a_quote_in_a_tab_separated_file_with_short_rows_is_told_by_its_row(tmp_path: Path) -> None:
    path = tmp_path / "plays.tsv"
    path.write_text("user_id\titem_id\ttitle\n" + "u1\ta\tb\n" * 3 + 'u2\t"b\n' + "u3\tc\td\n" * 5)
    with pytest.raises(DataError, match=r"plays\.tsv: row 5: a quote opens a cell and nothing closes it"):
        read_table(path, {"user_id": Column()})


def test_words_stand_for_what_the_settings_of_the_table_say(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("item_id,value\nfive,Excellent\n7,2\n", encoding="utf-8")
    columns = {"item_id": Column(), "value": Column(kind="number")}
    settings = TableSettings.model_validate({"values": {"item_id": {"five": 5}, "value": {"Excellent": 5}}})
    table, faults = read_table(tmp_path / "t.csv", columns, settings=settings)
    assert faults.is_empty()
    assert table.select("item_id", "value").rows() == [("5", 5.0), ("7", 2.0)]
    with pytest.raises(DataError, match=r"values\.valu: the table has no such column"):
        read_table(tmp_path / "t.csv", columns, settings=TableSettings(values={"valu": {"Excellent": 5}}))


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("twin", ["Value", "VALUE", "va_lue", "Va Lue", "val-ue"])
def test_a_column_beside_one_that_is_called_alike_is_said_to_be_left_out(
    tmp_path: Path, suffix: str, twin: str
) -> None:
    path = tmp_path / f"events.{suffix}"
    rows = pl.DataFrame(
        {"user_id": ["u"], "item_id": ["i"], twin: ["5"], "value": ["3"], "timestamp": ["2024-01-01"], "extra": ["1"]}
    )
    {"csv": rows.write_csv, "jsonl": rows.write_ndjson, "parquet": rows.write_parquet}[suffix](path)
    notes: list[str] = []
    table, _ = read_table(path, EVENTS, notes=notes)
    assert table["value"].to_list() == [3.0]
    assert notes == [f"{path.name}: column {twin!r} is left out; 'value' is read"]


def test_a_column_beside_one_that_the_settings_name_is_said_too(tmp_path: Path) -> None:
    path = write(tmp_path / "events.csv", "user_id,item_id,Rating,rating,value,timestamp\nu,i,5,4,3,2024-01-01\n")
    notes: list[str] = []
    table, _ = read_table(path, EVENTS, TableSettings(columns={"value": "rating"}), notes)
    assert table["value"].to_list() == [4.0]
    assert "events.csv: column 'Rating' is left out; 'rating' is read" in notes
