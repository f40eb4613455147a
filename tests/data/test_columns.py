"""Every way in which a column can be stored, by every kind: read for what it says, or refused by name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from recsat.data.columns import Column, typed_table
from recsat.data.faults import FILE, ROW, sentences
from recsat.errors import DataError

MOMENT = datetime(2024, 1, 2, tzinfo=UTC)
EPOCH = 1_704_153_600


def read(cells: pl.Series, name: str = "x", **column: Any) -> tuple[list[Any], list[str], list[str]]:
    """Values, faults and notes of one column."""
    raw = pl.DataFrame({name: cells}).with_columns(pl.lit("t").alias(FILE), pl.int_range(1, pl.len() + 1).alias(ROW))
    notes: list[str] = []
    table, faults = typed_table(raw, {name: Column(**column)}, [FILE, ROW], notes)
    return table[name].to_list(), sentences(faults), notes


@pytest.mark.parametrize(
    ("kind", "cells", "expected"),
    [
        ("text", pl.Series([" a", ""], dtype=pl.Categorical), ["a", None]),
        ("text", pl.Series([7, 8]), ["7", "8"]),
        ("text", pl.Series([7.0, None, float("nan")]), ["7", None, None]),
        ("text", pl.Series([None, None]), [None, None]),
        ("integer", pl.Series(["1999", "2004.0"]), [1999, 2004]),
        ("integer", pl.Series(["1999"], dtype=pl.Categorical), [1999]),
        ("integer", pl.Series([Decimal("2.00")]), [2]),
        ("number", pl.Series(["4.5"], dtype=pl.Enum(["3", "4.5"])), [4.5]),
        ("number", pl.Series([Decimal("1.90")]), [1.9]),
        ("boolean", pl.Series(["1.0", "no"]), [True, False]),
        ("boolean", pl.Series([1.0, 0.0]), [True, False]),
        ("boolean", pl.Series([1, 0]), [True, False]),
        ("time", pl.Series([date(2024, 1, 2)]), [MOMENT]),
        ("time", pl.Series([EPOCH * 1000]), [MOMENT]),
        ("time", pl.Series([float(EPOCH)]), [MOMENT]),
        ("time", pl.Series([str(EPOCH * 10**6)]), [MOMENT]),
        ("list", pl.Series(["a|b"], dtype=pl.Categorical), [["a", "b"]]),
        ("list", pl.Series([[1, 2]]), [["1", "2"]]),
        ("list", pl.Series([["", "a", " b ", None, "  "], [None], None]), [["a", "b"], [], None]),
        ("list", pl.Series(["|a| b ||", "|", None]), [["a", "b"], [], None]),
        ("list", pl.Series([["a"]], dtype=pl.Array(pl.String, 1)), [["a"]]),
    ],
)
def test_what_is_stored_is_read_for_what_it_says(kind: str, cells: pl.Series, expected: list[Any]) -> None:
    values, faults, _ = read(cells, kind=kind)
    assert (values, faults) == (expected, [])


STRUCT, BINARY, LIST = pl.Series([{"a": 1}]), pl.Series([b"a"]), pl.Series([["a"]])
DURATION, DAY, TRUTH = pl.Series([timedelta(hours=1)]), pl.Series([date(1999, 1, 1)]), pl.Series([True])
ELSE = [
    *[(kind, cells) for kind in ("text", "integer", "number", "boolean", "time", "list") for cells in (STRUCT, BINARY, DURATION)],
    *[(kind, DAY) for kind in ("text", "integer", "number", "boolean", "list")],
    *[(kind, TRUTH) for kind in ("text", "integer", "number", "time", "list")],
    *[(kind, LIST) for kind in ("integer", "number", "boolean", "time")],
    ("text", pl.Series([[1]])),
    ("list", pl.Series([1])),
    ("list", pl.Series([[date(1999, 1, 1)]])),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "cells"), ELSE)
def test_what_says_something_else_is_refused_by_its_type(kind: str, cells: pl.Series) -> None:
    with pytest.raises(DataError, match=r"t: column 'x' is stored as .*; write it as "):
        read(cells, kind=kind)


def test_all_columns_that_are_stored_wrongly_are_told_at_once() -> None:
    raw = pl.DataFrame({"x": DAY, "y": DURATION, FILE: ["t"], ROW: [1]})
    with pytest.raises(DataError) as error:
        typed_table(raw, {"x": Column(), "y": Column(kind="number")}, [FILE, ROW])
    assert [line.split(" is stored")[0] for line in str(error.value).splitlines()] == ["t: column 'x'", "t: column 'y'"]


@pytest.mark.parametrize("number", [4.5, 2.0**60])
def test_an_id_that_was_rounded_is_a_fault(number: float) -> None:
    values, (fault,), _ = read(pl.Series([7.0, number]))
    assert values == ["7"]
    assert "is no whole number that Float64 holds exactly, and so no id or name. Write ids as text" in fault


@pytest.mark.parametrize("word", ["nan", "NaN", "null", "None", "N/A", "#N/A", "<NA>", "NaT", r"\N"])
def test_a_word_for_nothing_is_no_id_and_no_optional_value(word: str) -> None:
    cells = pl.Series(["a", word])
    values, (fault,), _ = read(cells, name="user_id")
    assert values == ["a"]
    assert fault.startswith(f"t, row 2: user_id '{word}' reads like a missing value.")
    assert fault.endswith("set missing of the table to {user_id: []}.")
    values, faults, notes = read(cells, required=False)
    assert (values, faults, notes) == (["a", None], [], [f"t: x: 1 cell that may mean nothing ('{word}') are missing"])
    assert read(cells, missing=())[:2] == (["a", word], [])
    assert read(cells, missing=("a",))[0] == [None, word]


def test_a_title_that_reads_like_nothing_stays_and_is_said() -> None:
    values, faults, notes = read(pl.Series(["Heat", "None"]), name="title")
    assert (values, faults) == (["Heat", "None"], [])
    assert notes == ["t: title: 1 cell that may mean nothing ('None') stay as they are"]


def test_words_for_nothing_are_nothing_in_numbers_too() -> None:
    assert read(pl.Series(["1", "N/A", "0"]), kind="number", required=False)[0] == [1.0, None, 0.0]
    assert read(pl.Series(["1", "0"]), kind="number", missing=("0",)) == ([1.0, None], [], [])
    assert read(pl.Series([1, 0]), kind="number", missing=("0",))[0] == [1.0, None]
    assert read(pl.Series([1.0, 0.0, -1.0]), kind="number", missing=("0", "-1"))[0] == [1.0, None, None]
    assert read(pl.Series([1.0, 0.0]), kind="number", missing=("0.0",))[0] == [1.0, None]
    assert read(pl.Series(["1", "0.0"]), kind="number", missing=("0",))[0] == [1.0, None]
    assert read(pl.Series(["1.0", "1"]), kind="text", missing=("1",))[0] == ["1.0", None]


def test_an_unreadable_cell_costs_its_row_or_itself_alone() -> None:
    cells = pl.Series(["1999", "unknown", "19xx"])
    values, faults, notes = read(cells, kind="integer", required=False)
    assert (values, faults) == ([1999, None, None], [])
    assert notes == ["t: x: 2 cells (row 2 'unknown', row 3 '19xx') is not a whole number, and missing"]
    values, faults, notes = read(cells, kind="integer", required=False, unreadable="row")
    assert (values, len(faults), notes) == ([1999], 2, [])
    assert read(cells, kind="integer", default=0)[0] == [1999]


@pytest.mark.parametrize(
    ("cells", "decimal", "values", "n_faults"),
    [
        (["4,5", "3", "0,25"], None, [4.5, 3.0, 0.25], 0),
        (["4,5", "3.5"], None, [3.5], 1),
        (["1,000", "2,500"], None, [], 2),
        (["1,000"], ",", [1.0], 0),
        (["4,5"], ".", [], 1),
    ],
)
def test_a_decimal_comma_is_read_where_it_can_be_nothing_else(
    cells: list[str], decimal: Any, values: list[float], n_faults: int
) -> None:
    read_values, faults, notes = read(pl.Series(cells), kind="number", decimal=decimal)
    assert (read_values, len(faults)) == (values, n_faults)
    assert notes == (["t: x read with a decimal comma"] if decimal is None and not n_faults else [])


COMMA, THREE = "t: x read with a decimal comma", "t: x read with a decimal point and digits in groups of three"


@pytest.mark.parametrize(
    ("cells", "values", "n_faults", "notes"),
    [
        (["1.234,50", "1.234", "12,5", "7"], [1234.5, 1234.0, 12.5, 7.0], 0, [COMMA]),  # 1.234 alone would be a point
        (["1.234,50", "12.5"], [1234.5], 1, [COMMA]),  # what 12.5 is beside decimal commas nobody knows
        (["1,234.50", "1,234", "0.5"], [1234.5, 1234.0, 0.5], 0, [THREE]),
        (["1,234.50", "4,5"], [1234.5], 1, [THREE]),
        (["1 234,50", "3"], [1234.5, 3.0], 0, [COMMA]),
        (["1 234", "12.5"], [1234.0, 12.5], 0, [THREE]),
        (["1’234.50"], [1234.5], 0, [THREE]),
        (["1.234.567", "5"], [1234567.0, 5.0], 0, [COMMA]),
        (["1.234,50", "1,234.50"], [], 2, []),
        (["1.234,50", "x"], [1234.5], 1, [COMMA]),
        (["$12.99", "$1,299.00"], [12.99, 1299.0], 0, [THREE, "t: x read without the $ that all of it has"]),
        (["12,50 €", "1 234,50 €"], [12.5, 1234.5], 0, [COMMA, "t: x read without the € that all of it has"]),
        (["87 %", "9%"], [87.0, 9.0], 0, ["t: x read without the % that all of it has"]),
        (["4/5", " 4.5/5", "0/5"], [4.0, 4.5, 0.0], 0, ["t: x read without the /5 that all of it has"]),
        (["4/5", "8/10"], [], 2, []),
        (["3/2024", "4/2024"], [], 2, []),  # a month is no rating
        (["1/2", "3/20"], [], 2, []),  # no scale that all have
        (["87 %", "0.9"], [0.9], 1, []),  # per cent beside shares
        (["$5", "€5"], [], 2, []),
        (["1.5.2024"], [], 1, []),
    ],
)
def test_groups_of_digits_and_units_are_read_where_they_can_be_one_thing_alone(
    cells: list[str], values: list[float], n_faults: int, notes: list[str]
) -> None:
    read_values, faults, sentences_read = read(pl.Series(cells), kind="number")
    assert (read_values, len(faults), sentences_read) == (values, n_faults, notes)


def test_words_stand_for_what_the_settings_say_and_others_are_read_as_they_are() -> None:
    words = (("Excellent", "5"), ("Poor", "1.5"), ("1", "9"))
    cells = pl.Series(["Excellent ", "Poor", "3", "poor", "1", None])
    values, (fault,), notes = read(cells, kind="number", words=words)
    assert (values, notes) == ([5.0, 1.5, 3.0, 9.0, None], [])
    assert "'poor' is not a number" in fault
    [fault] = read(pl.Series(["poor"]), kind="number", words=words)[1]
    assert "say what these words stand for: values of the table, {x: {Excellent: 5, Poor: 1}}" in fault
    for cells in (["poor", "1 apple"], ["poor", "1", "2"]):  # no words, and one slip
        assert "without unit" in read(pl.Series(cells), kind="number")[1][0]
    assert read(pl.Series([1, 3]), kind="number", words=words)[0] == [9.0, 3.0]
    assert read(pl.Series([1.0, 3.5]), kind="number", words=words)[0] == [9.0, 3.5]
    assert read(pl.Series(["yep", "no"]), kind="boolean", words=(("yep", "True"),))[0] == [True, False]


def test_settings_whose_words_no_cell_is_are_noted() -> None:
    note = "t: x: {} names {}, and no cell is that; write it as the cells are ('0.5', '3'), or take it out"
    cells = pl.Series(["0.5", "3", None])
    assert read(cells, kind="number", missing=("0.5x", "7"))[2] == [note.format("missing.x", "'0.5x', '7'")]
    assert read(cells, kind="number", words=(("Good", "4"),))[2] == [note.format("values.x", "'Good'")]
    assert read(pl.Series([0.5, 3.0]), kind="number", missing=("9",))[2][0].startswith("t: x: missing.x names '9'")
    assert read(cells, kind="number", missing=("0.5x", "3"), words=(("0.5", "4"), ("Poor", "1")))[2] == []
    for nothing in (pl.Series([], dtype=pl.String), pl.Series([None, " "], dtype=pl.String)):
        assert read(nothing, kind="number", missing=("9",), words=(("Good", "4"),))[2] == []


def test_texts_of_a_list_are_one_text_and_ids_of_one_are_refused() -> None:
    cells = pl.Series([["A string", None, "guitar"], [], None])
    raw = pl.DataFrame({"description": cells, "item_id": cells, FILE: "t", ROW: [1, 2, 3]})
    table, _ = typed_table(raw, {"description": Column(required=False)}, [FILE, ROW], [])
    assert table["description"].to_list() == ["A string guitar", None, None]
    with pytest.raises(DataError, match="column 'item_id' is stored as List"):
        typed_table(raw, {"item_id": Column()}, [FILE, ROW], [])


@pytest.mark.parametrize("separator", ["|", ","])
@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("['Horror', 'SciFi']", ["Horror", "SciFi"]),
        ('["Action","Drama"]', ["Action", "Drama"]),
        (r"""['Children\'s', "Rock 'n' Roll", 'War, Peace', 'a|b']""", ["Children's", "Rock 'n' Roll", "War, Peace", "a|b"]),
        (r'["Caf\u00e9", "a \"b\""]', ["Café", 'a "b"']),
        ("['Horror' 'SciFi'\n 'War']", ["Horror", "SciFi", "War"]),  # as numpy writes it
        ("[Horror, Children's Film, 7]", ["Horror", "Children's Film", "7"]),
        ("['Horror', None, nan, '']", ["Horror"]),
        ("[]", []),
    ],
)  # fmt: skip
def test_a_list_as_python_and_json_write_it_is_read_for_its_items(text: str, items: list[str], separator: str) -> None:
    values, faults, notes = read(pl.Series([text, None, f"x{separator}y", text]), kind="list", separator=separator)
    assert (values, faults, notes) == ([items, None, ["x", "y"], items], [], [])


def test_a_list_parted_by_the_separator_may_have_brackets_too() -> None:
    assert read(pl.Series(["[Horror|War]"]), kind="list")[0] == [["Horror", "War"]]
    assert read(pl.Series(["['Horror';'War']"]), kind="list", separator=";")[0] == [["Horror", "War"]]


@pytest.mark.parametrize("text", ["[{'id': 16, 'name': 'Animation'}]", "[['a'], ['b']]"])
def test_a_list_of_lists_or_objects_is_no_list_of_texts(text: str) -> None:
    values, _, notes = read(pl.Series([text]), kind="list", required=False)
    assert (values, notes) == ([None], [f"t: x: 1 cell (row 1 '{text}') is not a list, and missing"])


def test_the_unit_of_times_is_said_and_can_be_set() -> None:
    assert read(pl.Series([str(EPOCH * 1000)]), kind="time")[2] == ["t: x read as milliseconds since 1970"]
    assert read(pl.Series([str(EPOCH * 1000)]), kind="time", time_format="unix")[2] == [
        "t: x read as milliseconds since 1970"
    ]
    values, _, notes = read(pl.Series(["1000"]), kind="time", time_unit="milliseconds")
    assert (values, notes) == ([datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)], [])


@pytest.mark.parametrize("unit", ["seconds", "milliseconds"])
@pytest.mark.parametrize("settings", [{}, {"time_format": "unix"}, {"time_unit": None}])
def test_a_0_among_moments_is_no_time(unit: str, settings: dict[str, Any]) -> None:
    settings = {name: value or unit for name, value in settings.items()}
    moment = EPOCH * (1 if unit == "seconds" else 1000)
    for cells in (pl.Series([moment, 0, 0, None]), pl.Series([str(moment), "0", "0.0", None])):
        values, faults, notes = read(cells, kind="time", required=False, **settings)
        assert (values, faults) == ([MOMENT, None, None, None], [])
        assert any(f"is not a number of {unit} since 1970 other than 0, and missing" in note for note in notes)
        assert len(read(cells, kind="time", **settings)[1]) == 2


def test_numbers_of_year_month_day_and_hour_are_no_seconds() -> None:
    numbers = [2024010200, 2024010223, 0, *[2024022910] * 20]
    expected = [MOMENT, MOMENT + timedelta(hours=23), None, *[datetime(2024, 2, 29, 10, tzinfo=UTC)] * 20]
    for cells in (pl.Series(numbers), pl.Series([*map(str, numbers)]), pl.Series([*map(float, numbers)])):
        values, faults, notes = read(cells, kind="time", required=False)
        assert (values, faults) == (expected, [])
        assert "t: x read as year, month, day and hour (2024010110); set time_unit where it counts since 1970" in notes
    assert read(pl.Series([2024022600]), kind="time", time_unit="seconds")[0][0].year == 2034
    assert read(pl.Series([2024023010]), kind="time")[0][0].year == 2034  # 30 February
    assert read(pl.Series([2024010225, 2024010200]), kind="time")[0][0].year == 2034  # hour 25
    assert read(pl.Series([2099010100]), kind="time")[0][0].year == 2036  # later than now either way


def test_a_0_may_be_a_time_where_no_other_number_is_one_of_our_years() -> None:
    start = datetime(1970, 1, 1, tzinfo=UTC)
    assert read(pl.Series([0, 60]), kind="time", time_format="unix")[0] == [start, start + timedelta(seconds=60)]
    assert read(pl.Series(["0", "0"]), kind="time", time_unit="seconds")[0] == [start, start]


def test_numbers_that_are_no_times_say_how_to_read_them() -> None:
    _, (fault,), _ = read(pl.Series(["20240131"]), kind="time")
    assert "is not a date, nor a number since 1970 of a year from 1980 to 2100. Set time_unit" in fault
    assert "%Y%m%d" in fault


def test_times_in_two_units_are_refused_by_the_setting() -> None:
    with pytest.raises(DataError, match=r"column 'x': 2 cells look like .* Or set time_unit\."):
        read(pl.Series([EPOCH, EPOCH, EPOCH * 1000, EPOCH * 1000]), kind="time")


def test_a_year_that_python_has_not_is_a_fault() -> None:
    stored = pl.Series([MOMENT, None]).dt.offset_by("9000y")
    values, (fault,), _ = read(stored, kind="time")
    assert values == [None]
    assert "is not a date" in fault
