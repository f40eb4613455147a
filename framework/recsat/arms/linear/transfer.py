"""A map from text to taste that was learnt in one domain, as the starting point of another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from recsat.arms.linear.bilinear import Moments, solve_bilinear
from recsat.errors import ConfigError

KEY = "mapping"
IDENTITY = "identity"


def save_mapping(mapping: NDArray[np.float32], path: str | Path, encoder: str = "") -> None:
    """Writes the d × d ``mapping`` of a fitted aligned arm, in safetensors' format, with the fingerprint of its ``encoder``."""
    save_file({KEY: np.ascontiguousarray(mapping, dtype=np.float32)}, path, {"encoder": encoder})


def encoder_of_mapping(path: str | Path, *, needed: bool = True) -> str:
    """The fingerprint that :func:`save_mapping` was given; raises ConfigError where ``path`` is no file of it, or has none and it is ``needed``."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            known = file.metadata() or {}
            return str(known["encoder"] if needed else known.get("encoder", ""))
    except (OSError, SafetensorError, KeyError) as error:
        raise ConfigError(
            f"map {path}: it does not say its encoder ({error}). Write it with recsat map export."
        ) from error


def is_other_encoder(one: str, other: str) -> bool:
    """Whether two fingerprints are known and differ."""
    return bool(one and other) and one != other


def refuse_other_encoder(path: str | Path, of_mapping: str, encoder: str) -> None:
    """Raises ConfigError where two fingerprints are known and differ."""
    if is_other_encoder(of_mapping, encoder):
        raise ConfigError(
            f"prior {path}: it was learnt with another encoder ({of_mapping[:12]}) than this run's ({encoder[:12]}). "
            "Export one of a run with this encoder, or set encoder to that one."
        )


def load_mapping(path: str | Path, dimension: int, encoder: str = "") -> NDArray[np.float64]:
    """What :func:`save_mapping` wrote; raises ConfigError where it is missing, damaged, or of another encoder's vectors than those of the fingerprint ``encoder``.

    Where one of the two fingerprints is not known, the length of the vectors alone can tell.
    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            mapping: NDArray[np.float32] = file.get_tensor(KEY)
            of_mapping = str((file.metadata() or {}).get("encoder", ""))
    except (OSError, SafetensorError) as error:
        raise ConfigError(
            f"prior {path}: no mapping can be read ({error}). Write one with recsat map export."
        ) from error
    refuse_other_encoder(path, of_mapping, encoder)
    if mapping.shape != (dimension, dimension):
        raise ConfigError(
            f"prior {path}: its mapping is {' × '.join(map(str, mapping.shape))}, the item vectors have {dimension} numbers. "
            "Use a mapping that was learnt with the same encoder."
        )
    return mapping.astype(np.float64)


def solve_towards(
    moments: Moments, l2: float, prior: str | Path | NDArray[np.float64], encoder: str = ""
) -> NDArray[np.float64]:
    r"""Ridge towards a map that was learnt elsewhere, in closed form.

    .. math:: \min_M \sum_{ui} w_u v_i \bigl(x_{ui} - h_u^\top M e_i\bigr)^2 + \lambda \|M - \alpha M_0\|_F^2,
              \qquad \alpha = \frac{\langle R, M_0 \rangle}{\langle A M_0 C, M_0 \rangle}

    Two domains differ in how much is liked, and so in the size of M: α is the factor with which the old map alone fits
    the new data best, not below 0. Without data M is M₀. ``"identity"`` takes I for M₀, plain cosine of texts: it needs no
    other domain, and on the data measured here it is the better start (docs/decisions/0010-transfer.md). A prior mean in the place of 0 is the simplest hierarchical
    model (Gelman and Hill 2006, chapter 12); for transfer: Chelba and Acero, Computer Speech and Language 2006.
    ``encoder`` is as in :func:`load_mapping`.
    """
    M0 = _map(prior, len(moments.users), encoder)
    fitted = float((moments.users @ M0 @ moments.items * M0).sum())
    if fitted <= 0:
        return M0
    scale = max(float((moments.liked * M0).sum()) / fitted, 0.0)
    return solve_bilinear(moments, l2, scale * M0)


def _map(prior: str | Path | NDArray[np.float64], dimension: int, encoder: str) -> NDArray[np.float64]:
    if isinstance(prior, np.ndarray):
        return prior
    return np.eye(dimension) if prior == IDENTITY else load_mapping(prior, dimension, encoder)
