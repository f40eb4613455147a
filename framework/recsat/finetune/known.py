"""What training may see: only what no split of the run holds out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import polars as pl

from recsat.data.split import Split
from recsat.errors import DataError

PAIR = ["user_id", "item_id"]


@dataclass(frozen=True)
class Known:
    """One encoder is made for all splits of a run, so it learns from what is in the training part of every one of them.

    ``train``: liked events (columns of the event table). ``splits``: the run's splits with ``train`` for their training part
    and validation parts from which what another split tests is taken out; their test parts are as they were.
    """

    train: pl.DataFrame
    splits: list[Split]


def what_is_known(splits: Sequence[Split], positive: pl.Expr) -> Known:
    """Takes every (user, item) pair that any split holds out, liked or not, out of the first split's training part.

    Raises DataError where nothing liked is left to learn from, or no split has a validation part left.
    """
    tested = pl.concat([split.test.select(PAIR) for split in splits]).unique()
    held_out = pl.concat([tested, *(split.validation.select(PAIR) for split in splits)]).unique()
    # A pair that is in every training part is in the first one's.
    in_all = reduce(
        lambda left, split: left.join(split.train.select(PAIR), on=PAIR, how="semi"), splits, splits[0].train
    )
    train = in_all.filter(positive).join(held_out, on=PAIR, how="anti")
    if train.is_empty():
        raise DataError(
            f"splits {', '.join(split.name for split in splits)} have no liked event that none of them holds out, so there is "
            "nothing to learn from. Use fewer splits, or smaller shares."
        )
    judged = [
        replace(split, train=train, validation=split.validation.join(tested, on=PAIR, how="anti")) for split in splits
    ]
    if not any(split.validation.filter(positive).height for split in judged):
        raise DataError(
            "no split has a liked validation event that another one does not test, so early stopping has nothing to go by. "
            "Use fewer splits, or raise validation_share."
        )
    return Known(train, judged)
