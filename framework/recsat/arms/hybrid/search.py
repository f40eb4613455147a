"""Finds, on held-out likes, the settings of each part; what the parts are worth together is for the stack to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from recsat.arms.hybrid.parts import (
    Aligned,
    Carried,
    Factors,
    Foretold,
    Liked,
    LikedOfLate,
    Likeness,
    Order,
    Recipe,
    Together,
)
from recsat.arms.hybrid.trial import Trial
from recsat.arms.linear.order import moments_of

L2 = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
"""Ridges of item-item weights, in mean likes of a liked item; climbed from 10. Of few items with many likes each far less is best."""
SHARES = (0.5, 0.85)
"""Of the text prior in ridge and prior together."""
TEXT_L2 = (0.2, 0.75)
SESSION_SHARE = 0.5
ORDER_L2 = (1.0, 3.0, 10.0, 30.0, 100.0)
ORDER_TEXT_L2 = (0.2, 0.03, 1.0)
"""Of order's prior above :data:`LARGE` items; below, the first."""
PRIOR_BESIDE = 1.5
"""Of a second prior there, of other texts, for as much of the ridge."""
ENOUGH_FOR_BESIDE = 6_000
"""Users of a trial that say whether it is of use: of 1,500 the standard error is two thirds of what it brings where it does."""
DECAYS: tuple[float | None, ...] = (4.0, 2.0, 8.0, None)
RIDGES = (5.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
CARRIED_L2 = (0.3, 0.03, 3.0)
FACTORS_L2 = (30.0, 10.0)
NO_TEXT = 1e9
"""Of factors: the ridge with which texts say nothing of them."""
LARGE = 5_000
"""With more items a fit takes long enough that one setting of each kind is tried, the middle of its grid."""
AnyRecipe = TypeVar("AnyRecipe", bound=Recipe)
ENOUGH_USERS = 400
"""Settings are tried on as many of the first trials as have so many users; the rest see the best alone."""


@dataclass(frozen=True)
class Parts:
    """The best recipe of each part, by name: those that rank warm items, and those that rank unseen ones."""

    warm: Mapping[str, Recipe]
    unseen: Mapping[str, Recipe]


def search(
    trials: Sequence[Trial],
    vectors: Sequence[str],
    *,
    dense: bool,
    by_time: bool,
    half_life: float | None = None,
    unseen_alone: bool = False,
) -> Parts:
    """``vectors`` are the item vectors that may be read; ``dense``: item-item weights fit; ``by_time``: what comes next is judged;
    ``half_life`` is that of recent popularity, in seconds, where there is one; ``unseen_alone``: no list has a warm item, so that one part will do
    for these."""
    first = _first(trials)
    large = any(len(trial.train.catalogue) > LARGE for trial in first)
    warm: dict[str, Recipe] = {"popularity": Liked()}
    if half_life is not None:
        warm["recent popularity"] = LikedOfLate(half_life)
    unseen: dict[str, Recipe] = {}
    source: Together | Order | None = None
    if dense:
        together, source = _middle_together(first, vectors) if large else _together(first, vectors)
        warm |= {"together": source} if unseen_alone else together
        if by_time and any(_has_order(trial) for trial in first):
            if large:
                in_order, source = _middle_order(
                    first, vectors
                )  # the latest weights, so that scores are carried by these
            else:
                in_order = _order(first, vectors)
            warm |= in_order
    factors = [Factors(vectors[0], regularisation) for regularisation in FACTORS_L2]
    if not dense:
        warm["factors"] = factors[0]
    elif any(map(len, trials)) and not (large or unseen_alone):
        best = best_of(first, factors)
        warm["factors"] = best_of(first, [best, replace(best, map_l2=NO_TEXT)])
    for vector in vectors:
        ridges = RIDGES[::2] if large else RIDGES
        warm[f"aligned {vector}"], unseen[f"aligned {vector}"] = _aligned(trials, vector, ridges)
        warm[f"likeness {vector}"] = unseen[f"likeness {vector}"] = Likeness(vector)
        unseen[f"foretold {vector}"] = Foretold(vector)
        if source is not None:
            unseen[f"carried {vector}"] = _carried(first, source, vector)
    return Parts(warm, unseen)


def best_of(trials: Sequence[Trial], recipes: Iterable[AnyRecipe]) -> AnyRecipe:
    """The recipe with the best nDCG@10 among warm items, mean over users; the first of those that are level."""
    settings = list(recipes)
    values = [_mean(trial.ndcg(trial.of(recipe)) for trial in trials) for recipe in settings]
    return settings[int(np.argmax(values))]


def _with_prior(trials: Sequence[Trial], plain: Together, vector: str, start: int) -> Together:
    """Ridge and prior together are climbed, from the place ``start`` of :data:`L2`, apart from the ridge without texts, which may be far from it; then the prior's share of them, and the texts' ridge."""

    def recipe(total: float, share: float, text_l2: float) -> Together:
        return replace(plain, l2=total * (1 - share), prior=total * share, vector=vector, text_l2=text_l2)

    of_totals = _climbed(trials, [recipe(total, SHARES[0], TEXT_L2[0]) for total in L2], start=start)
    total = of_totals.l2 + of_totals.prior
    of_shares = best_of(trials, [recipe(total, share, TEXT_L2[0]) for share in SHARES])
    return best_of(trials, [of_shares, *(replace(of_shares, text_l2=text_l2) for text_l2 in TEXT_L2[1:])])


def _climbed(trials: Sequence[Trial], recipes: Sequence[AnyRecipe], *, start: int) -> AnyRecipe:
    """The best of ``recipes`` in their order, from ``start`` on uphill."""
    place = start
    while True:
        beside = recipes[max(0, place - 1) : place + 2]
        best = best_of(trials, sorted(beside, key=lambda one: one != recipes[place]))
        if best == recipes[place]:
            return best
        place = recipes.index(best)


def _together(trials: Sequence[Trial], vectors: Sequence[str]) -> tuple[dict[str, Recipe], Together]:
    """Item-item weights without texts, with each of ``vectors`` for a prior, and with likes close in time; and the best of them."""
    plain = _climbed(trials, [Together(l2, 0.5) for l2 in L2], start=L2.index(10.0))
    plain = best_of(trials, [plain, *(replace(plain, length_power=0.0, l2=plain.l2 * step) for step in (1.0, 3.0))])
    family, start = {"together": plain}, L2.index(10.0)
    for vector in vectors:
        of_texts = _with_prior(trials, plain, vector, start)
        family[f"together {vector}"] = of_texts
        start = _nearest(L2, of_texts.l2 + of_texts.prior)
    best = best_of(trials, family.values())
    if any(trial.train.users.times is not None for trial in trials):
        family["together in sessions"] = replace(best, session_share=SESSION_SHARE)
    _keep(trials, family.values())
    return {**family}, best


def _middle_together(trials: Sequence[Trial], vectors: Sequence[str]) -> tuple[dict[str, Recipe], Together]:
    best = Together(1.5, 0.5, prior=8.5, vector=vectors[0])
    _look_at(trials, best)
    return {f"together {vectors[0]}": best}, best


def _middle_order(trials: Sequence[Trial], vectors: Sequence[str]) -> tuple[dict[str, Recipe], Order]:
    """Order without texts and with the first vector's prior, or that of two, by name, and the latter again. All are of one ridge, so that another decay of the history or
    another ridge of the texts, which are chosen, needs no other inverse, nor do other texts beside them."""
    first = _with_decay(trials, Order(3.0, prior=6.0, vector=vectors[0]))
    best = _best_of_order(trials, [replace(first, text_l2=text_l2) for text_l2 in ORDER_TEXT_L2])
    beside = [
        replace(best, l2=best.l2 - PRIOR_BESIDE, beside=vector, prior_beside=PRIOR_BESIDE) for vector in vectors[1:]
    ]
    plain = Order(best.ridge, history_decay=best.history_decay)
    if beside:
        more = (one for trial in trials for one in trial.of_more_users(ENOUGH_FOR_BESIDE))
        best = _best_of_order(more, [best, *beside])
    texts = [vector for vector in (best.vector, best.beside) if vector is not None]
    return {"order": plain, f"order {' and '.join(texts)}": best}, best


def _look_at(trials: Sequence[Trial], *recipes: Recipe) -> None:
    """Scores are kept, so that weights which would take more memory than time to keep are solved once."""
    for trial in trials:
        for recipe in recipes:
            trial.of(recipe)


def _order(trials: Sequence[Trial], vectors: Sequence[str]) -> dict[str, Recipe]:
    """Without texts, and with each of ``vectors`` for a prior, whose ridge and share are sought by themselves."""
    plain = _with_decay(trials, _climbed(trials, [Order(l2) for l2 in ORDER_L2], start=ORDER_L2.index(3.0)))
    family: dict[str, Recipe] = {"order": plain}
    start = ORDER_L2.index(10.0)
    for vector in vectors:
        of_texts = _order_with_prior(trials, plain, vector, start)
        family[f"order {vector}"] = of_texts
        start = _nearest(ORDER_L2, of_texts.ridge)
    return family


def _order_with_prior(trials: Sequence[Trial], plain: Order, vector: str, start: int) -> Order:
    def recipe(ridge: float, share: float) -> Order:
        return replace(plain, l2=ridge * (1 - share), prior=ridge * share, vector=vector)

    climbed = _climbed(trials, [recipe(ridge, SHARES[0]) for ridge in ORDER_L2], start=start)
    return best_of(trials, [climbed, *(recipe(climbed.ridge, share) for share in SHARES[1:])])


def _nearest(grid: Sequence[float], value: float) -> int:
    """Where ``value`` is in ``grid``, but for rounding."""
    return int(np.argmin(np.abs(np.array(grid) - value)))


def _with_decay(trials: Sequence[Trial], recipe: Order) -> Order:
    """Other decays of the history need no other fit."""
    return _best_of_order(trials, [replace(recipe, history_decay=decay) for decay in DECAYS])


def _best_of_order(trials: Iterable[Trial], recipes: Sequence[Order]) -> Order:
    """As :func:`best_of`, by the sum over users, with no scores kept."""
    totals = np.zeros(len(recipes))
    for trial in trials:
        totals += [float(torch.nansum(trial.ndcg(trial.normalised(recipe)))) for recipe in recipes]
    return recipes[int(np.argmax(totals))]


def _aligned(trials: Sequence[Trial], vector: str, ridges: Sequence[float]) -> tuple[Aligned, Aligned]:
    """With the penalties that rank warm items best, on the first trials, and hidden ones, on all; means over the trials of what each ridge is in absolute terms."""
    warm, unseen, units = np.zeros(len(ridges)), np.zeros(len(ridges)), []
    first = _first(trials)
    for trial in trials:
        is_first, has_hidden = trial in first, bool(trial.hidden.any())
        if not (is_first or has_hidden):
            continue
        path = trial.fits.alignments(vector)
        units.append(path.unit)
        E = path.arm.item_vectors
        histories = np.asarray(trial.users.history @ E)
        for place, l2 in enumerate(ridges):
            scores = torch.from_numpy(histories @ path.mapping(l2) @ E[trial.columns].T)
            if is_first:
                warm[place] += float(torch.nansum(trial.ndcg(trial.rounded(scores))))
            if has_hidden:
                unseen[place] += float(torch.nansum(trial.ndcg(trial.rounded(scores, unseen=True), unseen=True)))
    unit = float(np.mean(units))
    of_warm, of_unseen = (ridges[int(totals.argmax())] * unit for totals in (warm, unseen))
    return Aligned(of_warm, vector), Aligned(of_unseen, vector)


def _carried(trials: Sequence[Trial], source: Together | Order, vector: str) -> Carried:
    totals = np.zeros(len(CARRIED_L2))
    for trial in trials:
        if not bool(trial.hidden.any()):
            continue
        for place, l2 in enumerate(CARRIED_L2):
            scores = trial.normalised(Carried(source, vector, l2), unseen=True)
            totals[place] += float(torch.nansum(trial.ndcg(scores, unseen=True)))
    return Carried(source, vector, CARRIED_L2[int(totals.argmax())])


def _first(trials: Sequence[Trial]) -> Sequence[Trial]:
    """As many of the first as have :data:`ENOUGH_USERS`, at least one."""
    total = 0
    for n, trial in enumerate(trials, start=1):
        total += len(trial)
        if total >= ENOUGH_USERS:
            return trials[:n]
    return trials


def _keep(trials: Sequence[Trial], recipes: Iterable[Recipe]) -> None:
    of_these = tuple(recipes)
    for trial in trials:
        trial.forget(*of_these)


def _has_order(trial: Trial) -> bool:
    users = trial.train.users
    return bool((moments_of(users.history, users.times) > 0).any())


def _mean(values: Iterable[Tensor]) -> float:
    together = torch.cat(list(values))
    judged = together[~torch.isnan(together)]
    return float(judged.mean()) if len(judged) else 0.0
