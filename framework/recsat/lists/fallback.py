"""Places that an arm leaves empty, filled by arms that know less: lists are closed up, and the reason says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.linear.padded import PADDING
from recsat.contract.arm import Reasons, Recommender
from recsat.contract.interactions import UserBatch
from recsat.lists.permitted import Permitted
from recsat.lists.reasons import reasons_of
from recsat.lists.request import Request
from recsat.lists.select import TieNoise, top_k
from recsat.lists.shortlist import user_blocks


@dataclass(frozen=True)
class Lists:
    """A block's lists, every member (B, k)."""

    items: NDArray[np.int64]
    scores: NDArray[np.float32]
    codes: NDArray[np.str_]
    because: NDArray[np.int64]
    is_fallback: NDArray[np.bool_]
    people: NDArray[np.int64]
    """How many the reason counts, 0 where it counts nobody."""
    days: NDArray[np.int64]
    """Over how many days."""


def joined(blocks: Sequence[Lists]) -> Lists:
    """The lists of several blocks as those of one."""
    if len(blocks) == 1:
        return blocks[0]
    return Lists(*(np.concatenate([getattr(block, part.name) for block in blocks]) for part in fields(Lists)))


def filled_by(fallback: Recommender, lists: Lists, batch: UserBatch, permitted: Permitted, request: Request) -> Lists:
    """``lists`` closed up, their empty places filled with the best of ``fallback`` that is permitted and not in the list yet.

    For users without a history, and for lists that end short, the reason is another.
    """
    short = np.flatnonzero((lists.items == PADDING).any(axis=1))
    for block in user_blocks(len(short), permitted.shape[1], request.user_block, torch.device("cpu")):
        rows = short[block]
        users = batch.take(rows)
        spare = _spare(
            fallback, users, lists.items[rows], permitted.mask[torch.from_numpy(rows).to(permitted.device)], request
        )
        reasons = reasons_of(fallback, users, spare)
        filled = _filled(_rows(lists, rows), spare, replace(reasons, code=_reason_codes(reasons.code, ~users.is_new)))
        lists = _put(lists, rows, filled)
    return lists


def _rows(lists: Lists, rows: NDArray[np.int64]) -> Lists:
    return Lists(*(getattr(lists, part.name)[rows] for part in fields(Lists)))


def _put(lists: Lists, rows: NDArray[np.int64], some: Lists) -> Lists:
    """``lists`` with ``some`` at ``rows``."""

    def whole(name: str) -> NDArray[Any]:
        of_all, of_some = getattr(lists, name), getattr(some, name)
        values: NDArray[Any] = of_all.astype(
            np.result_type(of_all, of_some)
        )  # a copy, wide enough for the longest code
        values[rows] = of_some
        return values

    return Lists(*(whole(part.name) for part in fields(Lists)))


def _spare(
    fallback: Recommender, batch: UserBatch, listed_items: NDArray[np.int64], permitted: Tensor, request: Request
) -> NDArray[np.int64]:
    """The fallback's best k items that are permitted and not in the list yet, (B, k)."""
    scores = fallback.score(batch).to(request.device, torch.float32)
    n_items = permitted.shape[1]
    in_list = torch.zeros(len(batch), n_items + 1, dtype=torch.bool, device=request.device)
    listed = torch.from_numpy(listed_items).to(request.device)
    in_list.scatter_(1, listed.masked_fill(listed == PADDING, n_items), value=True)
    scores = scores.masked_fill(~permitted | in_list[:, :n_items], float("-inf"))
    return top_k(scores, request.k, TieNoise(request.seed, batch.ids)).cpu().numpy()


def _reason_codes(codes: NDArray[np.str_], known: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Reason codes of the fallback's items, (B, k): its ``codes``, or for popularity why it was needed."""
    is_known = known[:, None]
    plain = np.where(np.isin(codes, ("popular", "new")), np.where(is_known, "filled", "no-history"), codes)
    return np.where(codes == "recent", np.where(is_known, "filled", "no-history-recent"), plain)


def _filled(lists: Lists, spare: NDArray[np.int64], reasons: Reasons) -> Lists:
    """``lists`` closed up, and their empty places filled in order from ``spare``; ``reasons`` (B, k) say why."""
    k = lists.items.shape[1]
    items = np.concatenate([lists.items, spare], axis=1)
    order = np.argsort(items == PADDING, axis=1, kind="stable")[:, :k]

    def ordered(values: NDArray[Any], filler: Any) -> NDArray[Any]:
        both = np.concatenate([values, np.broadcast_to(filler, spare.shape)], axis=1)
        return np.take_along_axis(both, order, axis=1)

    return Lists(
        items=np.take_along_axis(items, order, axis=1),
        scores=ordered(lists.scores, np.float32(np.nan)),
        codes=ordered(lists.codes, reasons.code),
        because=ordered(lists.because, PADDING),
        is_fallback=ordered(lists.is_fallback, True),
        people=ordered(lists.people, 0 if reasons.n is None else reasons.n),
        days=ordered(lists.days, 0 if reasons.days is None else reasons.days),
    )
