"""Lists made elsewhere: places from ranks or scores, and a line for every fault."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from recsat.data.lists import read_lists, read_truth
from recsat.errors import DataError


def file(tmp_path: Path, text: str, name: str = "lists.csv") -> Path:
    (tmp_path / name).write_text(text.replace(" ", "\n") + "\n")
    return tmp_path / name


def test_ranks_are_taken_as_they_stand_and_scores_from_the_highest(tmp_path: Path) -> None:
    by_rank = read_lists(file(tmp_path, "user_id,item_id,rank,score u,a,2,9 u,b,1,1"))
    assert by_rank.table.rows() == [("u", "a", 2), ("u", "b", 1)]
    by_score = read_lists(file(tmp_path, "score,user_id,item_id 0.1,u,a 0.5,u,b 7,v,a 0.3,u,c"))
    assert by_score.table.rows() == [("u", "a", 3), ("u", "b", 1), ("v", "a", 1), ("u", "c", 2)]
    assert by_score.tied_users.is_empty()


def test_tied_scores_keep_the_order_of_the_file_and_are_counted(tmp_path: Path) -> None:
    lists = read_lists(file(tmp_path, "user_id,item_id,score u,z,1 u,a,1 u,m,2 v,a,1"))
    assert lists.table.rows() == [("u", "z", 2), ("u", "a", 3), ("u", "m", 1), ("v", "a", 1)]
    assert lists.tied_users.to_list() == ["u"]


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    table = pl.DataFrame({"user_id": [1, 1], "item_id": [7, 8], "rank": [1, 2]})
    table.write_parquet(tmp_path / "lists.parquet")
    table.write_csv(tmp_path / "lists.csv")
    assert read_lists(tmp_path / "lists.parquet").table.equals(read_lists(tmp_path / "lists.csv").table)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user_id,item,rank u,a,1", r"^lists\.csv, row 1: there is no column 'item_id'.* Did you mean 'item'\?"),
        ("user_id,item_id,rnak u,a,1", r"no column 'rank'.* Did you mean 'rnak'\?.*A column 'score' does as well\.$"),
        (
            "user_id,item_id,rank u,a,1 u,b,2 u,a,3",
            r"^lists\.csv, row 4: user 'u' has item 'a' twice, first in row 2\.",
        ),
        ("user_id,item_id,rank u,a,0 u,b,1", r"^lists\.csv, row 2: rank 0 of user 'u' is out of line"),
        ("user_id,item_id,rank u,a,1 u,b,3", r"^lists\.csv, row 3: rank 3 of user 'u' is out of line"),
        ("user_id,item_id,rank u,a,1 u,b,1", r"^lists\.csv, row 3: rank 1 of user 'u' is out of line"),
        ("user_id,item_id,rank u,a,first", r"^lists\.csv, row 2: rank 'first' is not a whole number"),
        ("user_id,item_id,score u,a,", r"^lists\.csv, row 2: score is missing"),
        ("user_id,item_id,score u,a,nan", r"^lists\.csv, row 2: score is missing"),
        ("user_id,item_id,score ,a,1", r"^lists\.csv, row 2: user_id is missing"),
        ("user_id,item_id,score", r"^lists\.csv: there are no rows"),
    ],
)
def test_a_fault_is_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        read_lists(file(tmp_path, text))
    assert "\n" not in str(error.value)


def test_the_truth_has_a_pair_once(tmp_path: Path) -> None:
    assert read_truth(file(tmp_path, "user_id,item_id,when u,a,1 v,a,2")).rows() == [("u", "a"), ("v", "a")]
    with pytest.raises(DataError, match=r"row 3: user 'u' has item 'a' twice, first in row 2"):
        read_truth(file(tmp_path, "user_id,item_id u,a u,a"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        read_truth(tmp_path / "truth.csv")
