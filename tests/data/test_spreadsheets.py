"""Cells that a spreadsheet would run."""

from __future__ import annotations

import polars as pl
import pytest

from recsat.data.spreadsheets import without_formulas


@pytest.mark.parametrize(
    "cell", ['=HYPERLINK("http://x")', "+cmd", "-2+3", "@SUM(A1)", "\t=1", " =1", "＝1+1", "\r\n@x"]
)
def test_a_formula_becomes_a_text(cell: str) -> None:
    assert without_formulas(pl.DataFrame({"a": [cell], "b": [1]})).rows() == [(f"'{cell}", 1)]


@pytest.mark.parametrize("cell", ["-3", "+4.5", "-1e-9", "1,000", "a=b", "", None, "user 7"])
def test_anything_else_stays(cell: str | None) -> None:
    table = pl.DataFrame({"a": [cell]}, schema={"a": pl.String})
    assert without_formulas(table).equals(table)


def test_columns_of_numbers_stay() -> None:
    table = pl.DataFrame({"a": [-1.5], "b": [-3]})
    assert without_formulas(table).equals(table)
