r"""Accuracy kind by kind: lists of items of one kind alone, by held-out likes of that kind alone.

For kind c, a user's list :math:`L_c(u)` holds the k best permitted items of kind c, and :math:`R_c(u)` the user's held-out likes of kind c that the filters
permit. What is estimated is the mean of :math:`\mathrm{nDCG}@k(L_c(u), R_c(u))` over the users with :math:`R_c(u)` not empty: other users, and other
lists, than the split's nDCG@k has. In the slice ``kind c`` the users are the same, and a like counts by its place in the one list of all kinds: an arm that puts every friend below every post has
nothing there, and may still order friends well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recsat.config.settings import MeasureSettings
from recsat.measure.accuracy import Values, ndcg
from recsat.measure.evaluate import measures_of
from recsat.measure.measures import key_of
from recsat.measure.significance import false_discovery
from recsat.measure.slices import FEWEST_USERS
from recsat.measure.verdict import compare_pairs
from recsat.result.model import ArmOfKind, Comparison, Difference, KindAccuracy, MeasureInfo


@dataclass(frozen=True)
class KindsOfDraw:
    """One draw of a split."""

    lists: Callable[[str, str], pl.DataFrame]
    """Of a kind and an arm: (user_id, item_id, rank)."""
    relevant: pl.DataFrame
    """(user_id, item_id): held-out likes of any kind that the filters permit."""
    items: pl.DataFrame
    """(item_id, kind) of what is ranked."""


def kind_accuracy(
    split: str,
    kinds: Sequence[str],
    arms: Sequence[str],
    draws: Sequence[KindsOfDraw],
    *,
    pair: tuple[str, str] | None,
    settings: MeasureSettings,
    k: int,
    seed: int,
) -> list[KindAccuracy]:
    """One for each of ``kinds``, in their order, of ``arms``; ``settings.baseline`` is the arm that the others are compared with, ``pair`` the verdict's.

    Kinds with fewer than :data:`~recsat.measure.slices.FEWEST_USERS` users get no number. All comparisons are exploratory: p-values are adjusted for the false discovery
    rate, the pair's over the kinds, those with the baseline over kinds and arms.
    """
    likes = [_likes_by_kind(draw) for draw in draws]
    users = pl.concat([one["user_id"] for one in likes]).unique().sort()
    judged = {
        kind: pl.concat([one.filter(pl.col("kind") == kind)["user_id"] for one in likes]).n_unique() for kind in kinds
    }
    infos = {kind: _info(kind, k) for kind in kinds}
    values = {
        infos[kind].name: {
            arm: np.stack(
                [_of_draw(draw, one, kind, arm, users, k) for draw, one in zip(draws, likes, strict=True)], axis=1
            )
            for arm in arms
        }
        for kind in kinds
        if judged[kind] >= FEWEST_USERS
    }
    judged_infos = [infos[kind] for kind in kinds if infos[kind].name in values]
    others = [arm for arm in arms if arm != settings.baseline]
    of_pair = compare_pairs(
        [(*pair, info) for info in judged_infos] if pair is not None else [],
        values,
        false_discovery,
        settings,
        seed,
    )
    of_arms = compare_pairs(
        [(arm, settings.baseline, info) for info in judged_infos for arm in others],
        values,
        false_discovery,
        settings,
        seed,
    )
    return [
        KindAccuracy(
            split=split,
            kind=kind,
            k=k,
            n_items=draws[0].items.filter(pl.col("kind") == kind).height,
            n_users=judged[kind],
            arms=_arms(infos[kind].name, values, of_arms, settings, seed),
            pair=None if pair is None else of_pair.get((*pair, infos[kind].name)),
        )
        for kind in kinds
    ]


def _info(kind: str, k: int) -> MeasureInfo:
    name = f"{key_of('ndcg', k)} of kind {kind} alone"
    return MeasureInfo(name=name, label=name, description="", dimension="accuracy", better="higher")


def _likes_by_kind(draw: KindsOfDraw) -> pl.DataFrame:
    """(user_id, item_id, kind)."""
    pairs = draw.relevant.select("user_id", "item_id").unique()
    return pairs.join(draw.items.select("item_id", "kind"), on="item_id").sort("user_id", "item_id")


def _of_draw(draw: KindsOfDraw, likes: pl.DataFrame, kind: str, arm: str, users: pl.Series, k: int) -> Values:
    """nDCG@k of ``users``, NaN for those without a like of ``kind`` in this draw."""
    of_kind = likes.filter(pl.col("kind") == kind)
    values = np.full(len(users), np.nan)
    if of_kind.height:
        judged = of_kind["user_id"].unique().sort()
        rows = users.search_sorted(judged).to_numpy()
        values[rows] = ndcg(draw.lists(kind, arm), of_kind, judged, k=k)["value"].to_numpy()
    return values


def _arms(
    name: str,
    values: dict[str, dict[str, Values]],
    compared: dict[tuple[str, str, str], Comparison],
    settings: MeasureSettings,
    seed: int,
) -> list[ArmOfKind]:
    of_arms = values.get(name, {})
    if not of_arms:
        return []
    columns = {(arm, "all", name): of_arm for arm, of_arm in of_arms.items()}
    measures = measures_of(columns, {name: (0.0, 1.0)}, settings, seed)
    return [
        ArmOfKind(arm=arm, ndcg=measure, difference=_difference(compared.get((arm, settings.baseline, name))))
        for arm, measure in zip(of_arms, measures, strict=True)
    ]


def _difference(compared: Comparison | None) -> Difference | None:
    if compared is None:
        return None
    return Difference(
        mean=compared.mean,
        low=compared.low,
        high=compared.high,
        p_adjusted=compared.p_adjusted,
        significant=compared.outcome in ("better", "worse"),
        n_users=compared.n_users,
        mean_arm=compared.mean_arm,
        mean_baseline=compared.mean_other,
        detectable=compared.detectable,
    )
