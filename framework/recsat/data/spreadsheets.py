"""CSV that people open in a spreadsheet, where a text that begins like a formula would be run."""

from __future__ import annotations

import polars as pl

_FORMULA = r"^[\s\x00-\x1f]*[=+\-@＝＋－＠]"
_NUMBER = r"^[+-]?\d+([.,]\d+)*([eE][+-]?\d+)?$"


def without_formulas(table: pl.DataFrame) -> pl.DataFrame:
    """``table`` whose text cells that a spreadsheet would take for a formula begin with an apostrophe; numbers stay.

    >>> without_formulas(pl.DataFrame({"title": ["=1+1", "-3.5", "Up"]}))["title"].to_list()
    ["'=1+1", '-3.5', 'Up']
    """
    text = pl.col(pl.String)
    live = text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)
    return table.with_columns(pl.when(live).then(text.str.replace("^", "'")).otherwise(text).name.keep())
