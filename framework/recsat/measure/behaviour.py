"""Who gains? The verdict's pair for people of different habits, by what they did before the cut.

Three habits, each of which has a low and a high third of the users:

- *interests*: how far apart the items of a history are, as their mean pairwise distance over text vectors
  (:func:`~recsat.measure.diversity.intra_list_diversity`).
- *exploration*: the share of a history that is outside the head, the smallest set of items with half of all likes.
- *activity*: the number of items that somebody liked.

Where a run asks for lists of each kind (``rank.kinds``) there is a fourth: of which kind more than half of a history is.

The middle third belongs to neither: the ends are what differs, and a contrast of them has nobody twice. Slices of habits are for the verdict's pair
alone. They are no part of the tables of every arm and measure, whose p-values would pay for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.config.settings import MeasureSettings
from recsat.measure.diversity import vector_diversity_of
from recsat.measure.evaluate import EvaluatedSplit
from recsat.measure.evidence import Evidence
from recsat.measure.exposure import Values
from recsat.measure.slices import MOSTLY, item_slices
from recsat.measure.within_slices import compared_within
from recsat.result.model import Comparison, WithinSlices

HABITS: Mapping[str, tuple[str, str]] = {
    "interests": ("few interests", "many interests"),
    "exploration": ("loyal users", "explorers"),
    "activity": ("occasional users", "active users"),
}
"""The slices with low and with high values of each habit."""


def who_gains(
    evaluated: EvaluatedSplit,
    pair: Comparison,
    evidence: Sequence[Evidence],
    *,
    settings: MeasureSettings,
    seed: int,
    kinds: Sequence[str] = (),
) -> WithinSlices:
    """``pair`` of a split within each slice of habits, and each habit's ends against each other, with p-values adjusted for the false
    discovery rate over all of them.

    ``evidence`` has that of every draw: in each, a user belongs where the history of that draw puts them. Slices with fewer than
    :data:`~recsat.measure.slices.FEWEST_USERS` users are left out.
    """
    by_draw = [habit_slices(one) | (mostly(one, kinds) if kinds else {}) for one in evidence]
    families = [*HABITS.values(), [f"{MOSTLY}{kind}" for kind in kinds]]
    nobody = pl.Series("user_id", [], dtype=pl.String)
    differences: dict[str, Values] = {}
    for name in (name for family in families for name in family):
        values = _within(evaluated, pair, [slices.get(name, nobody) for slices in by_draw])
        if values is not None:
            differences[name] = values
    return compared_within(evaluated.split, pair, differences, families, settings=settings, seed=seed)


def habit_slices(evidence: Evidence) -> dict[str, pl.Series]:
    """Ids of the served users of each slice, sorted; those of a habit that is not known, or the same for nearly everybody, are left out."""
    users = evidence.users.rename("user_id").cast(pl.String)
    slices: dict[str, pl.Series] = {}
    for habit, values in habits(evidence).items():
        low, high = thirds(values)
        if low.any() and high.any():
            of_habit = zip(HABITS[habit], (low, high), strict=True)
            slices |= {name: users.filter(pl.Series(rows)).sort() for name, rows in of_habit}
    return slices


def mostly(evidence: Evidence, kinds: Sequence[str]) -> dict[str, pl.Series]:
    """``mostly …``: ids of the served users more than half of whose known likes are of that kind, sorted; kinds of whom there are none are left out."""
    users = evidence.users.rename("user_id").cast(pl.String)
    likes = evidence.known_likes.select("user_id", "item_id").unique()
    of_kind = likes.join(evidence.items.select("item_id", "kind"), on="item_id").filter(
        pl.col("user_id").is_in(users.implode())
    )
    shares = of_kind.group_by("user_id").agg((pl.col("kind") == kind).mean().alias(kind) for kind in kinds)
    slices = {f"{MOSTLY}{kind}": shares.filter(pl.col(kind) > 0.5)["user_id"].sort() for kind in kinds}
    return {name: ids for name, ids in slices.items() if len(ids)}


def habits(evidence: Evidence) -> dict[str, Values]:
    """Each habit of the served users, (n_users,), NaN for those of whom it is not known: who liked nothing, or one item where it takes two."""
    listed = evidence.liked_items
    n = listed.lengths
    values: dict[str, Values] = {}
    if evidence.vectors is not None:
        values["interests"] = vector_diversity_of(listed, evidence.vectors)
    head = item_slices(evidence.n_likes["item_id"], listed.items).get("head items")
    if head is not None:
        in_head = listed.items.is_in(head.implode()).to_numpy().astype(np.float64)
        values["exploration"] = 1 - np.divide(listed.matrix @ in_head, n, out=np.full(len(n), np.nan), where=n > 0)
    values["activity"] = np.where(n > 0, n.astype(np.float64), np.nan)
    return values


def thirds(values: Values) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which values are in the lower and which in the upper third; equal values are never divided, and both are empty where the ends would meet.

    >>> [rows.astype(int).tolist() for rows in thirds(np.array([1.0, 1.0, 2.0, 5.0, 6.0, np.nan]))]
    [[1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0]]
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros(len(values), dtype=bool), np.zeros(len(values), dtype=bool)
    low, high = np.quantile(known, [1 / 3, 2 / 3], method="inverted_cdf")
    apart = low < high
    return apart & (values <= low), apart & (values >= high)


def _within(evaluated: EvaluatedSplit, pair: Comparison, among: Sequence[pl.Series]) -> Values | None:
    """Differences of the pair, (n_users, n_draws) over every user of the split, NaN outside ``among`` of each draw."""
    everybody, values = evaluated.values.by_arm(pair.measure)
    if not {pair.arm, pair.other} <= values.keys():
        return None
    inside = np.stack([everybody.is_in(ids.implode()).to_numpy() for ids in among], axis=1)
    return np.where(inside, values[pair.arm] - values[pair.other], np.nan)
