"""What arms and rerankers of plugins return, checked where it comes in: a wrong shape would become a wrong list, or an error far from its cause."""

from __future__ import annotations

import inspect

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.contract.arm import Reasons, Recommender
from recsat.contract.reranker import Reranker
from recsat.errors import PluginError, RunError


def checked_scores(recommender: Recommender, scores: object, shape: tuple[int, int]) -> Tensor:
    """``scores`` of an arm, a tensor of numbers of ``shape``; raises PluginError that names the arm otherwise, RunError where one is no number."""
    if not isinstance(scores, Tensor):
        raise _refused(recommender, "score", _kind(scores), f"a float32 tensor of {shape}")
    if scores.dtype == torch.bool or scores.is_complex() or tuple(scores.shape) != shape:
        raise _refused(recommender, "score", f"{scores.dtype} of {tuple(scores.shape)}", f"a float32 tensor of {shape}")
    # A sum is one pass without a copy, and NaN where a term is: only then, or where infinities meet, each is looked at.
    if torch.isnan(scores.sum()) and torch.isnan(scores).any():
        raise RunError(
            f"{type(recommender).__name__} gave scores that are not a number. Check its hyperparameters and vectors."
        )
    return scores


def checked_reasons(recommender: Recommender, reasons: object, items: NDArray[np.int64]) -> Reasons:
    """``reasons`` of an arm for ``items``, (n_users, k); raises PluginError that names the arm where they are none, or of another shape."""
    wish = f"recsat.Reasons with code and item of {items.shape}"
    if not isinstance(reasons, Reasons):
        raise _refused(recommender, "explain", _kind(reasons), wish)
    code, item = np.asarray(reasons.code), np.asarray(reasons.item)
    if (
        code.shape != items.shape
        or item.shape != items.shape
        or item.dtype.kind not in "iu"
        or code.dtype.kind not in "UO"
    ):
        raise _refused(
            recommender, "explain", f"code {code.dtype} {code.shape} and item {item.dtype} {item.shape}", wish
        )
    return reasons


def checked_places(reranker: Reranker, places: object, n_users: int, n_candidates: int, k: int) -> Tensor:
    """``places`` of a reranker, whole numbers of (n_users, k) from -1 to the last candidate, each once for a user; raises PluginError that names it otherwise."""
    wish = f"an int64 tensor of {(n_users, k)}, places from 0 to {n_candidates - 1} or -1"
    if not isinstance(places, Tensor):
        raise _refused(reranker, "rerank", _kind(places), wish)
    if places.is_floating_point() or places.dtype == torch.bool or tuple(places.shape) != (n_users, k):
        raise _refused(reranker, "rerank", f"{places.dtype} of {tuple(places.shape)}", wish)
    if places.numel() and (int(places.min()) < -1 or int(places.max()) >= n_candidates):
        raise _refused(reranker, "rerank", f"places from {int(places.min())} to {int(places.max())}", wish)
    ordered = places.sort(dim=1).values
    is_again = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    if is_again.any():
        raise _refused(
            reranker, "rerank", f"place {int(ordered[:, 1:][is_again][0])} twice in one list", f"{wish}, each once"
        )
    return places.to(torch.int64)


def checked_arm(name: str, fitted: object) -> Recommender:
    """What ``fit`` of the arm ``name`` returned; raises PluginError where it is no recommender."""
    if not isinstance(fitted, Recommender):
        raise PluginError(
            f"arm {name!r}: fit returned {_kind(fitted)}, and must return the fitted recsat.Recommender. End it with return self."
        )
    return fitted


def _kind(value: object) -> str:
    return (
        "None" if value is None else f"a {type(value).__module__}.{type(value).__qualname__}".replace("builtins.", "")
    )


def _place(of: object, method: str) -> str:
    """``Mine.score (mine.py:12)``."""
    kind = type(of)
    try:
        code = inspect.unwrap(getattr(kind, method)).__code__
        return f"{kind.__qualname__}.{method} ({code.co_filename}:{code.co_firstlineno})"
    except AttributeError:
        return f"{kind.__qualname__}.{method}"


def _refused(of: object, method: str, value: str, wish: str) -> PluginError:
    word = "reranker" if method == "rerank" else "arm"
    return PluginError(f"{word} {_place(of, method)} returned {value}; return {wish}.")
