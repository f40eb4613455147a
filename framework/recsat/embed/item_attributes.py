"""Vectors of what items have in common by their attributes: one number for each direction of the item–attribute matrix. Light: no torch."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.embed.fusion import unit_length
from recsat.errors import DataError

GRAPH: Final = "graph"
"""Name of the vectors, in the store and in training data."""
WIDTH: Final = 256
COLUMNS: Final = ("item_id", "relation", "value")


def attribute_vectors(edges: pl.DataFrame, item_ids: pl.Series, *, width: int = WIDTH) -> NDArray[np.float32]:
    r"""(n_items, at most ``width``) rows of unit length: singular directions of the item–attribute matrix.

    .. math:: A_{iv} = \log\frac{1 + n}{1 + n_v} + 1, \qquad A \approx U S V^\top

    ``edges`` has one row for each attribute of an item (item_id, relation, value), such as (70, developer, Valve); n items have attributes and :math:`n_v` of them this one. Rows of A have
    unit length; vectors are rows of U S, randomised with a fixed seed. What one item alone has ties it to no other and is left out, as are edges of items that ``item_ids`` does not
    have; an item without attributes has a row of zeros. Subtract the catalogue mean as from a text's.

    Raises DataError where a column is missing.
    """
    from sklearn.decomposition import TruncatedSVD

    shared = shared_attributes(edges).join(item_ids.to_frame("item_id").with_row_index("row"), on="item_id")
    if shared.is_empty():
        return np.zeros((len(item_ids), 1), dtype=np.float32)
    columns = shared.select(pl.struct("relation", "value").rank("dense") - 1).to_series().to_numpy().astype(np.int64)
    n_items = shared["item_id"].n_unique()
    idf = np.log((1 + n_items) / (1 + np.bincount(columns))) + 1
    rows = shared["row"].to_numpy().astype(np.int64)
    matrix = csr_array((idf[columns], (rows, columns)), shape=(len(item_ids), len(idf)))
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    matrix = csr_array(matrix.multiply(1 / np.where(norms > 0, norms, 1)[:, None]))
    if min(matrix.shape) <= width:
        dense = matrix.toarray()
        return unit_length((dense if dense.shape[1] <= width else np.linalg.qr(dense.T)[1].T).astype(np.float32))
    return unit_length(TruncatedSVD(width, n_iter=5, random_state=0).fit_transform(matrix).astype(np.float32))


def shared_attributes(edges: pl.DataFrame) -> pl.DataFrame:
    """Those of at least two items, each edge once, as strings, sorted."""
    missing = [name for name in COLUMNS if name not in edges.columns]
    if missing:
        raise DataError(
            f"item attributes have no column {missing[0]!r}; they have {', '.join(edges.columns) or 'none'}. Give {', '.join(COLUMNS)}, one row an attribute."
        )
    text = edges.select(pl.col(name).cast(pl.String).str.strip_chars() for name in COLUMNS)
    whole = text.drop_nulls().filter(pl.col("value") != "").unique()
    return whole.filter(pl.len().over("relation", "value") > 1).sort(COLUMNS)
