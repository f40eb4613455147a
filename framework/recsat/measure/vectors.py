"""Item vectors by item id, as diversity needs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True)
class ItemVectors:
    """Row ``i`` of ``values`` is the vector of item ``ids[i]``."""

    ids: pl.Series
    values: NDArray[np.float32]
    """(n_items, d), unit length; zero length stands for an item without one."""
