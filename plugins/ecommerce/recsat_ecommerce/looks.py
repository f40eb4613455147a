"""What products look like: pictures, and vectors that come ready."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat import DataError
from recsat_ecommerce.config import EcommerceConfig


def item_pictures(items: pl.DataFrame, config: EcommerceConfig) -> pl.Series:
    """Paths from ``image_column``, relative ones below the folder; null where a product has none."""
    if config.image_column is None or config.image_column not in items.columns:
        return pl.Series("image", [None] * len(items), dtype=pl.String)
    folder = Path(config.folder or ".")
    return items[config.image_column].map_elements(lambda path: str(folder / path), return_dtype=pl.String)


def item_vectors(items: pl.DataFrame, config: EcommerceConfig) -> Mapping[str, NDArray[np.float32]]:
    """(n_items, d) of each of ``vector_columns``; a row of zeros where a product has none. Raises DataError for what is no number, and for vectors of several lengths."""
    return {name: _matrix(items, name) for name in config.vector_columns}


def _matrix(items: pl.DataFrame, name: str) -> NDArray[np.float32]:
    cells = items[name].fill_null(pl.Series([[]], dtype=pl.List(pl.String)))
    lengths = cells.list.len()
    widths = lengths.filter(lengths > 0).unique().sort().to_list()
    if len(widths) != 1:
        place = items["item_id"][int(lengths.arg_max() or 0)] if widths else "any item"
        raise DataError(
            f"items, column {name!r}: vectors have {' and '.join(map(str, widths)) or 'no'} numbers, such as that of {place}. Give all of them one length, and nothing where a product has none."
        )
    numbers = cells.list.eval(pl.element().cast(pl.Float32, strict=False))
    bad = numbers.list.eval(pl.element().is_null() | pl.element().is_infinite() | pl.element().is_nan()).list.any()
    if bad.any():
        raise DataError(
            f"items, column {name!r}: the vector of {items['item_id'].filter(bad)[0]} has something that is no finite number ({int(bad.sum())} products in all)."
        )
    matrix = np.zeros((len(items), widths[0]), dtype=np.float32)
    known = (lengths > 0).to_numpy()
    matrix[known] = np.array(numbers.filter(lengths > 0).to_list(), dtype=np.float32)
    return matrix
