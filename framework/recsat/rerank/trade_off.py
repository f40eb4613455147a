"""The accuracy–diversity curve of a reranker: one arm's candidates, scored once, reranked at every trade-off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from recsat.arms.returned import checked_places
from recsat.contract.reranker import DEPTH, Reranker, RerankInput
from recsat.measure.accuracy import ndcg
from recsat.measure.diversity import intra_list_diversity
from recsat.measure.evidence import ItemVectors
from recsat.rerank.greedy import pool_of

TRADE_OFFS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7, 0.9)
LOSS = 0.01
"""Share of nDCG that diversity may cost."""


@dataclass(frozen=True)
class ScoredUsers:
    """Users with their best candidates, ready to be reranked over and over.

    ``blocks`` hold at most :data:`~recsat.contract.reranker.DEPTH` candidates a user and keep their similarities; ``users`` are
    the ids of their rows, each with something in ``relevant`` (user_id, item_id). ``vectors`` are those of diversity.
    """

    blocks: Sequence[RerankInput]
    users: pl.Series
    relevant: pl.DataFrame
    vectors: ItemVectors
    k: int


@dataclass(frozen=True)
class TradeOffPoint:
    """Means over users of nDCG and intra-list diversity at one trade-off."""

    trade_off: float
    ndcg: float
    ild: float


def scored_users(
    shortlists: Iterable[tuple[slice, RerankInput]],
    ids: Sequence[str],
    mask: NDArray[np.bool_],
    relevant: pl.DataFrame,
    vectors: ItemVectors,
    k: int,
) -> ScoredUsers:
    """Of every block the users who are of ``mask``, (n_users,), and of these the best candidates."""
    blocks = []
    for rows, block in shortlists:
        rows_in_block = torch.from_numpy(np.flatnonzero(mask[rows])).to(block.scores.device)
        if len(rows_in_block):
            blocks.append(pool_of(block.of_users(rows_in_block), DEPTH, k).block)
    users = pl.Series("user_id", ids, dtype=pl.String).filter(pl.Series(mask))
    return ScoredUsers(blocks, users, relevant, vectors, k)


def sweep(
    scored: ScoredUsers, make: Callable[[float], Reranker], trade_offs: Sequence[float] = TRADE_OFFS
) -> list[TradeOffPoint]:
    """A point for each of ``trade_offs``."""
    return [measured(scored, trade_off, make(trade_off)) for trade_off in trade_offs]


def measured(scored: ScoredUsers, trade_off: float, reranker: Reranker) -> TradeOffPoint:
    """What ``reranker`` makes of the users' candidates."""
    values = by_user(scored, reranker)
    return TradeOffPoint(trade_off, _mean(values["ndcg"]), _mean(values["ild"]))


def by_user(scored: ScoredUsers, reranker: Reranker) -> pl.DataFrame:
    """(user_id, ndcg, ild) of the lists that ``reranker`` makes; ild is null where a list has no pairs."""
    lists = _lists(scored, reranker)
    accuracy = ndcg(lists, scored.relevant, scored.users, k=scored.k).rename({"value": "ndcg"})
    diversity = intra_list_diversity(lists, scored.vectors).select("user_id", ild=pl.col("value").fill_nan(None))
    return accuracy.join(diversity, on="user_id", how="left", maintain_order="left")


def chosen_point(points: Sequence[TradeOffPoint], *, loss: float = LOSS) -> TradeOffPoint:
    """The most diverse one that keeps all but ``loss`` of the nDCG that the arm's own order, trade-off 0, has.

    The plain order where that has no hit: then nothing says what diversity costs.
    """
    plain = next(point for point in points if point.trade_off == 0)
    if plain.ndcg == 0:
        return plain
    floor = (1 - loss) * plain.ndcg
    return max((point for point in points if point.ndcg >= floor), key=lambda point: point.ild)


def _lists(scored: ScoredUsers, reranker: Reranker) -> pl.DataFrame:
    items = []
    for block in scored.blocks:
        n_users, n_candidates = block.candidates.shape
        places = checked_places(reranker, reranker.rerank(block, scored.k), n_users, n_candidates, scored.k)
        items.append(block.candidates.gather(1, places.clamp(min=0)).masked_fill(places < 0, -1).cpu().numpy())
    table = np.concatenate(items) if items else np.zeros((0, scored.k), dtype=np.int64)
    row, place = np.nonzero(table >= 0)
    return pl.DataFrame(
        {
            "user_id": scored.users.gather(row),
            "item_id": scored.vectors.ids.gather(table[row, place]),
            "rank": place + 1,
        }
    )


def _mean(values: pl.Series) -> float:
    mean = values.mean()
    return float(mean) if isinstance(mean, float) else 0.0
