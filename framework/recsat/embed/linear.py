"""A linear layer on a CPU, in the form that this machine computes fastest."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

logger = logging.getLogger(__name__)

Linear = Callable[[Tensor], Tensor]
"""(rows, n_in) -> (rows, n_out)."""
Form = Callable[[Tensor, Tensor, bool], Linear]
"""From weight (n_out, n_in), bias (n_out,) and whether gelu(xWᵀ + b) is meant and not xWᵀ + b."""

ROWS = 512
"""Rows for which weights are laid out and forms are timed: the tokens of a batch."""
MARGIN = 2.0
"""oneDNN is left only where it takes this many times as long: a choice that noise could turn would move last bits between runs."""


def by_torch(weight: Tensor, bias: Tensor, gelu: bool = False) -> Linear:
    """What torch takes by itself: MKL in float32, which gives AMD's processors its AVX2 kernels, and oneDNN in bfloat16."""
    if gelu:
        return lambda x: functional.gelu(functional.linear(x, weight, bias))
    return lambda x: functional.linear(x, weight, bias)


def by_onednn(weight: Tensor, bias: Tensor, gelu: bool = False) -> Linear:
    """oneDNN, the weights laid out once in its blocks, gelu computed while the product is in the cache.

    Both operators are torch's own (its compiler writes them) but not public: raises AttributeError, NotImplementedError or
    RuntimeError where this torch or machine has them not.
    """
    operators: Any = torch.ops.mkldnn
    blocks = operators._reorder_linear_weight(weight, ROWS)
    after: tuple[str, list[Any], str] = ("gelu", [], "none") if gelu else ("none", [], "")
    product: Any = operators._linear_pointwise
    return lambda x: product(x, blocks, bias, *after)


def fastest_form(weight: Tensor, bias: Tensor) -> Form:
    """The form for a model's layers, by some milliseconds of the largest of them: oneDNN, unless it is slower (:data:`MARGIN`)."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return by_torch
    x = torch.randn(ROWS, weight.shape[1], generator=torch.Generator().manual_seed(0)).to(weight.dtype)
    try:
        forms: dict[Form, Linear] = {form: form(weight, bias, True) for form in (by_torch, by_onednn)}
        seconds = {form: _cpu_seconds(layer, x) for form, layer in forms.items()}
    except (AttributeError, NotImplementedError, RuntimeError) as error:
        logger.info("torch %s has no oneDNN product with blocked weights here: %s", torch.__version__, error)
        return by_torch
    return by_onednn if seconds[by_onednn] <= MARGIN * seconds[by_torch] else by_torch


def _cpu_seconds(layer: Linear, x: Tensor) -> float:
    """The least of five calls after one that compiles the kernel, by the process's own time: other processes are not in it."""
    layer(x)
    runs = []
    for _ in range(5):
        start = time.process_time()
        layer(x)
        runs.append(time.process_time() - start)
    return min(runs)
