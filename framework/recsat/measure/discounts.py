"""What a place in a list is worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def discounts(k: int) -> NDArray[np.float64]:
    r""":math:`1 / \log_2(i + 1)` of places 1 to k, (k,). Järvelin and Kekäläinen, TOIS 2002.

    >>> discounts(3).round(4).tolist()
    [1.0, 0.6309, 0.5]
    """
    return np.asarray(1.0 / np.log2(np.arange(2, k + 2)), dtype=np.float64)
