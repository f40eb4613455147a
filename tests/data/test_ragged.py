"""Short rows, long rows, and quotes that swallow rows are faults with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from recsat.data.columns import Column
from recsat.data.faults import sentences
from recsat.data.reading import read_table
from recsat.errors import DataError

COLUMNS = {"id": Column(), "name": Column(), "note": Column(required=False)}


def read(tmp_path: Path, text: str) -> tuple[list[str], list[str]]:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    rows, faults = read_table(tmp_path / "t.csv", COLUMNS)
    return rows["id"].to_list(), sentences(faults)


def test_a_row_that_is_too_short_is_a_fault_and_one_with_an_empty_cell_is_none(tmp_path: Path) -> None:
    ids, faults = read(tmp_path, 'id,name,note\n1,a,\n2,b\n3,"c,\nd",\n4\n5,e,x\n')
    assert ids == ["1", "3", "5"]
    assert faults == [
        "t.csv, row 3: line '2,b' is a row of 2 cells where there are 3 columns. Write a separator for every empty cell too.",
        "t.csv, row 5: line '4' is a row of 1 cells where there are 3 columns. Write a separator for every empty cell too.",
    ]


def test_rows_within_the_quotes_of_a_cell_are_a_fault(tmp_path: Path) -> None:
    ids, (fault,) = read(tmp_path, 'id,name,note\n1,a,"open\n2,b,x\n3,c,y"\n4,d,z\n')
    assert ids == ["4"]
    assert fault.startswith("t.csv, row 2: note 'open\n2,b,x\n3,c,y' has whole rows within its quotes. Close the quote")


def test_prose_of_several_lines_is_no_fault(tmp_path: Path) -> None:
    assert read(
        tmp_path, 'id,name,note\n1,a,"First, a line,\nthen a second, with more, commas,\nand a third"\n2,b,\n'
    ) == (["1", "2"], [])


def test_a_list_within_a_text_is_no_row(tmp_path: Path) -> None:
    text = 'id,name,note\n1,a,"Colours\nin no order\nred,green,blue"\n2,b,\n'
    assert read(tmp_path, text) == (["1", "2"], [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "id,name,note\n1,a,b\n2,c,d,e\n3,f,g,h\n",
            r"t\.csv: row 3 has 4 cells and the header 3 \(2 such rows\)\. Put values",
        ),
        (
            "id;name;note\n1;a;b\n2;c;d;e\n",
            r"t\.csv: row 3 has 4 cells and the header 3\. Put values that contain a ';'",
        ),
        (
            'id,name,note\n1,"Heroes" by X,b\n',
            r"t\.csv: row 2: text stands behind a closing quote: '1,\"Heroes\" by X,b'\.",
        ),
        ('id,name,note\n1,a,b\n2,"open,c\n3,d,e\n', r"t\.csv: row 3: a quote opens a cell and nothing closes it"),
    ],
)
def test_a_file_that_no_reader_takes_is_refused_with_the_row(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path, text)
    assert "\n" not in str(error.value)
