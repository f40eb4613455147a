"""Distinct texts of a list, so that no text is embedded twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.errors import DataError


def distinct(texts: Sequence[str] | pl.Series) -> tuple[list[str], NDArray[np.intp]]:
    """(distinct texts in order of first appearance, place of every text among them).

    Raises DataError where a text is null: an empty text has a vector, a missing one has none.
    """
    if not isinstance(texts, pl.Series):
        as_set = set(texts)
        if len(as_set) == len(texts) and None not in as_set:
            return list(texts), np.arange(len(texts))
    column = texts.rename("text") if isinstance(texts, pl.Series) else pl.Series("text", texts, dtype=pl.String)
    if column.null_count():
        row = int(column.is_null().arg_max() or 0)
        raise DataError(
            f"texts, row {row}: null. {column.null_count()} of {len(column)} texts are missing; fill them or drop their rows."
        )
    first = column.to_frame().unique(maintain_order=True).with_row_index("place")
    places = column.to_frame().join(first, on="text", how="left", maintain_order="left")["place"]
    return first["text"].to_list(), places.to_numpy().astype(np.intp)
