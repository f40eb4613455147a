"""Two steps of a BERT layer in one pass each over an accelerator's memory, compiled by Triton at their first call.

Of titles a layer's products take half of its time; the other half went to attention in tiles of 128 tokens, of which a title fills ten,
and to sums and norms that are written and read again. Imported only where an accelerator is used: Triton comes with torch's CUDA builds.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

LONGEST = {torch.bfloat16: 128, torch.float32: 64}
"""Tokens up to which :func:`attention` takes a text whole, by format: its tiles must fit the shared memory of a small card."""


# Triton reads the annotations of these two itself, and knows none but its own.
@triton.jit  # type: ignore[untyped-decorator]
def _attention(qkv, mixed, starts, scale, width: tl.constexpr, head: tl.constexpr, rows: tl.constexpr):  # type: ignore[no-untyped-def]
    text, first = tl.program_id(0), tl.program_id(1) * head
    start = tl.load(starts + text)
    row, column = tl.arange(0, rows), tl.arange(0, head)
    inside = row < tl.load(starts + text + 1) - start
    at = qkv + (start + row)[:, None] * (3 * width) + first + column[None, :]
    query = tl.load(at, mask=inside[:, None], other=0.0)
    key = tl.load(at + width, mask=inside[:, None], other=0.0)
    value = tl.load(at + 2 * width, mask=inside[:, None], other=0.0)
    scores = tl.dot(query, tl.trans(key), input_precision="ieee") * scale
    scores = tl.where(inside[None, :], scores, float("-inf"))
    shares = tl.exp(scores - tl.max(scores, axis=1)[:, None])
    shares = shares / tl.sum(shares, axis=1)[:, None]
    result = tl.dot(shares.to(value.dtype), value, input_precision="ieee")
    to = mixed + (start + row)[:, None] * width + first + column[None, :]
    tl.store(to, result.to(value.dtype), mask=inside[:, None])


def attention(qkv: Tensor, starts: Tensor, longest: int, heads: int) -> Tensor:
    """Attention inside each text of one flat row of tokens, (tokens, width), in the format of ``qkv``.

    ``qkv`` (tokens, 3 · width) holds query, key and value of all heads; text i has the tokens ``starts[i]`` to ``starts[i + 1]``, int64, at
    most ``longest`` of them, which is at most what :data:`LONGEST` says. The width of a head is a power of two from 16 on.
    """
    width = qkv.shape[1] // 3
    mixed = torch.empty(len(qkv), width, dtype=qkv.dtype, device=qkv.device)
    rows = max(16, triton.next_power_of_2(longest))
    _attention[(len(starts) - 1, heads)](
        qkv, mixed, starts, (width // heads) ** -0.5, width, width // heads, rows, num_warps=1 if rows <= 32 else 4
    )
    return mixed


@triton.jit  # type: ignore[untyped-decorator]
def _added_norm(x, residual, weight, bias, result, eps, width: tl.constexpr, block: tl.constexpr):  # type: ignore[no-untyped-def]
    start = tl.program_id(0).to(tl.int64) * width
    column = tl.arange(0, block)
    inside = column < width
    total = tl.load(x + start + column, mask=inside, other=0.0).to(tl.float32)
    total += tl.load(residual + start + column, mask=inside, other=0.0).to(tl.float32)
    centred = tl.where(inside, total - tl.sum(total) / width, 0.0)
    scaled = centred / tl.sqrt(tl.sum(centred * centred) / width + eps)
    scaled = scaled * tl.load(weight + column, mask=inside, other=0.0).to(tl.float32)
    scaled += tl.load(bias + column, mask=inside, other=0.0).to(tl.float32)
    tl.store(result + start + column, scaled.to(result.dtype.element_ty), mask=inside)


def added_norm(x: Tensor, residual: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """layer_norm(x + residual), (tokens, width); sums in float32, the result in the format of ``x``."""
    result = torch.empty_like(x)
    width = x.shape[1]
    _added_norm[(len(x),)](x, residual, weight, bias, result, eps, width, triton.next_power_of_2(width), num_warps=4)
    return result
