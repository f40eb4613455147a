"""Validation splits made inside fit, held out as what is judged will be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.arms.hybrid.stack import K, ndcg_of_hits
from recsat.arms.linear.order import moments_of
from recsat.arms.linear.padded import dense
from recsat.contract.arm import Recommender
from recsat.contract.interactions import TrainingData

MOSTLY_UNSEEN = 2 / 3
"""Chance that a like to come is of an unseen item from which on these are judged as they come up: of three likes two."""
WINDOWS = (0.15, 0.3, 0.45)
"""Shares of the likes that lie after the rolling cuts of a timeline; each window ends where the one before it begins."""

HIDES_ITEMS = ("cold-items", "mixed", None)
"""Protocols, of which None is not known, that hide a share of the items."""


@dataclass(frozen=True)
class HoldOut:
    """``train`` without what was held out."""

    train: TrainingData
    hidden_likes: csr_array
    """What was held out, (n_users, n_items)."""
    hidden: NDArray[np.bool_]
    """Items that were left without a like, (n_items,)."""
    listed: NDArray[np.bool_]
    """Items without a like that stand in the lists beside those that have some, (n_items,)."""
    p_dead: NDArray[np.float32]
    """How likely it is of each item without a like that nobody chose it, not that it was hidden, (n_items,); 0 for the others."""


def hold_outs(train: TrainingData, *, share: float, rounds: int, rng: np.random.Generator) -> Iterator[HoldOut]:
    """``rounds`` of them at most, by ``train.protocol``.

    - ``timeline``: windows in time, one after the other back from the end; items first liked in a window are unseen before it.
    - ``last-n``: the last like of each user, then the last but one, … .
    - ``random``: a ``share`` of each user's likes; half of that share of the items is hidden besides, to learn how unseen items are
      ranked among themselves, and is in no list of the others. Where so little is known that many of the likes to come are of unseen items
      (:func:`chance_of_unseen`), no item is hidden besides: those that are left without a like are as many as there will be, and stand in the lists.
    - any other, or none: a ``share`` of the items, none twice while others are left (:func:`draws_of_items`), and of each user's other likes.

    Where there is no time, what would be cut by it is held out as for ``random``. Where the split hides items, those that it hid itself are neither in the lists nor taken for
    items that nobody chose: of the items without a like as many are listed beside the hidden ones as are dead by :func:`n_dead`.
    """
    timed = train.users.times is not None
    draws = draws_of_items(train, share, rng)
    for place in range(rounds):
        if train.protocol == "timeline" and timed and place < len(WINDOWS):
            yield latest(train, WINDOWS[place], WINDOWS[place - 1] if place else 0.0)
        elif train.protocol == "last-n" and timed:
            yield last_likes(train, place, rng)
        elif mostly_unseen(train):
            yield hold_out(train, next(draws_of_items(train, 0.0, rng)), share=share, rng=rng)
        elif train.protocol in ("random", "last-n", "timeline"):
            hidden = next(draws_of_items(train, share / 2, rng))
            yield replace(hold_out(train, hidden, share=share, rng=rng), listed=~train.warm)
        else:
            yield _as_hidden_again(hold_out(train, next(draws), share=share, rng=rng), train, share)


def draws_of_items(train: TrainingData, share: float, rng: np.random.Generator) -> Iterator[NDArray[np.bool_]]:
    """Masks over the items, (n_items,), each of a ``share`` of the warm ones, without end: one after the other through all of them in an order that is drawn once.

    Draws that have no item in common say more of what any other will be than such that happen to hide the same few popular items.
    """
    order = rng.permutation(np.flatnonzero(train.warm))
    n = round(share * len(order))
    for draw in count():
        hidden = np.zeros(len(train.warm), dtype=bool)
        hidden[np.take(order, np.arange(draw * n, (draw + 1) * n), mode="wrap")] = True
        yield hidden


def n_dead(train: TrainingData, share: float) -> float | None:
    r"""How many of the items without a like had every chance of one and nobody chose them, by what a split that hides a ``share`` of the items leaves; None where the protocol hides none: all of them.

    .. math:: \max\Bigl(0,\ n_\text{unseen} - \frac{\text{share}}{1 - \text{share}} \cdot n_\text{warm}\Bigr)

    Of W liked items :math:`n_\text{warm} = (1 - \text{share}) W` are left, so that :math:`\text{share} \cdot W` of those without a like are hidden and the rest is dead. Where the split
    hides a greater share than ``share``, some of its items are taken for dead.
    """
    if train.protocol not in HIDES_ITEMS:
        return None
    n_warm = int(train.warm.sum())
    return max(0.0, len(train.warm) - n_warm - share / (1 - share) * n_warm)


def p_dead(train: TrainingData, n_dead: float | None) -> NDArray[np.float32]:
    """How likely it is of each item without a like that it is one of the ``n_dead`` (None: all) that nobody chose, (n_items,); 0 for the others."""
    unseen = ~train.warm
    p = 1.0 if n_dead is None else min(1.0, n_dead / max(1, unseen.sum()))
    return np.where(unseen, np.float32(p), np.float32(0))


def _as_hidden_again(split: HoldOut, train: TrainingData, share: float) -> HoldOut:
    """``split`` of ``train``, from which a ``share`` of the items was hidden before, with as many dead items in its lists as there will be in those that are judged."""
    unseen, dead = np.flatnonzero(~train.warm), n_dead(train, share)
    n_listed = len(unseen) if dead is None else round(dead)
    listed = split.hidden.copy()
    listed[unseen[np.arange(n_listed) * len(unseen) // max(1, n_listed)]] = True
    return replace(split, listed=listed, p_dead=listed * np.float32(n_listed / max(1, listed.sum())))


def chance_of_unseen(train: TrainingData) -> float:
    r"""Probability that a like to come is of an item without one: :math:`n_1 / N`, of N likes those whose item has no other (Good, Biometrika 1953)."""
    history = train.users.history
    n_likes = np.bincount(history.indices, minlength=history.shape[1])
    return float((n_likes == 1).sum() / max(history.nnz, 1))


def mostly_unseen(train: TrainingData) -> bool:
    """Whether likes to come, which may be of any time, are often of items that have none yet."""
    return train.protocol == "random" and chance_of_unseen(train) >= MOSTLY_UNSEEN


def ndcg_of_hold_out(arm: Recommender, split: HoldOut) -> float:
    """Mean nDCG@10 of the likes that ``split`` hides, over users who have both a history and such, among the items that they had not met; 0 where there are none."""
    users, hidden = split.train.users, split.hidden_likes
    judged = np.flatnonzero((np.diff(hidden.indptr) > 0) & ~users.is_new)
    if not len(judged):
        return 0.0
    scores = arm.score(users.take(judged)).masked_fill(dense(users.history[judged]) > 0, float("-inf"))
    liked = dense(hidden[judged])
    top = scores.topk(min(K, scores.shape[1]), dim=1).indices
    return float(ndcg_of_hits(liked.gather(1, top), liked.sum(dim=1)).nanmean())


def hold_out(train: TrainingData, hidden: NDArray[np.bool_], *, share: float, rng: np.random.Generator) -> HoldOut:
    """Hides the items ``hidden`` (n_items,) altogether, and a ``share`` of each user's likes of the other items.

    A user's number of held-out likes is rounded by chance, so that short histories take part as well.
    """
    history = train.users.history
    of_hidden = hidden[history.indices]
    train = replace(train, now=None)  # likes of all times are held out
    hidden_likes = of_hidden | _some_of_each_row(history, ~of_hidden, share, rng)
    return _without(train, hidden_likes, ~hidden_likes)


def latest(train: TrainingData, share: float, later: float) -> HoldOut:
    """Likes in the window that begins where ``share`` of all likes are to come and ends where ``later`` of them are; what follows is left out."""
    assert train.users.times is not None
    times = train.users.times.data
    opening, end = np.quantile(times, [1 - share, 1 - later], method="lower")
    judged = (times >= opening) & ((times < end) | (later == 0))
    return _without(replace(train, now=float(opening)), judged, times < opening)


def last_likes(train: TrainingData, back: int, rng: np.random.Generator) -> HoldOut:
    """The like of each user that has ``back`` likes after it, those of one moment in an order that is drawn; what follows is left out."""
    history = train.users.history
    rows = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr))
    moments = moments_of(history, train.users.times)
    order = np.lexsort((rng.random(len(rows)), moments, rows))
    from_end = np.empty(len(rows), dtype=np.int64)
    from_end[order] = (np.cumsum(np.bincount(rows, minlength=history.shape[0])) - 1)[rows[order]] - np.arange(len(rows))
    return _without(train, from_end == back, from_end > back)


def _without(train: TrainingData, judged: NDArray[np.bool_], known: NDArray[np.bool_]) -> HoldOut:
    """Masks over the stored likes: those that are judged, and those that remain."""
    times, first_times = train.users.times, train.users.first_times
    users = replace(
        train.users,
        history=_only(train.users.history, known),
        times=None if times is None else _only(times, known),
        first_times=None if first_times is None else _only(first_times, known),
    )
    left = replace(train, users=users)
    unseen = ~left.warm
    return HoldOut(left, _only(train.users.history, judged), train.warm & unseen, unseen, unseen.astype(np.float32))


def _some_of_each_row(
    matrix: csr_array, eligible: NDArray[np.bool_], share: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """A mask over the stored entries: ``share`` of each row's eligible ones, drawn at random."""
    n_rows = matrix.shape[0]
    places = np.flatnonzero(eligible)
    rows = np.repeat(np.arange(n_rows), np.diff(matrix.indptr))[places]
    order = np.lexsort((rng.random(len(places)), rows))
    n = np.bincount(rows, minlength=n_rows)
    rank = np.arange(len(places)) - np.repeat(np.cumsum(n) - n, n)
    quota = np.floor(share * n + rng.random(n_rows)).astype(np.int64)
    mask = np.zeros(len(eligible), dtype=bool)
    mask[places[order]] = rank < np.repeat(quota, n)
    return mask


def _only(matrix: csr_array, mask: NDArray[np.bool_]) -> csr_array:
    """The stored entries where ``mask`` holds."""
    indptr = np.concatenate([[0], np.cumsum(mask)])[matrix.indptr]
    return csr_array((matrix.data[mask], matrix.indices[mask], indptr), shape=matrix.shape)
