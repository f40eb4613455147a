"""What items and users say, for rerankers and trainings that read texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from recsat.contract.interactions import UserBatch
from recsat.errors import RunError
from recsat.run.stage import StageContext


@dataclass(frozen=True)
class Texts:
    """Texts for the lists of ``users`` when the ``known`` events are all that has happened; made when first asked for."""

    context: StageContext
    known: pl.DataFrame
    users: UserBatch

    @cached_property
    def items(self) -> Sequence[str]:
        """By item index."""
        texts: list[str] = self.context.folder.read_table("data/texts.parquet")["text"].to_list()
        return texts

    @cached_property
    def of_users(self) -> Mapping[str, str]:
        """By user id, told by liked known events. Users without any are left out: fallbacks serve them.

        Raises RunError where there are such users and the domain has no word for any of them.
        """
        ids = pl.Series("user_id", self.users.ids, dtype=pl.String)
        ids = ids.filter(pl.Series(np.diff(self.users.history.indptr) > 0))
        if ids.is_empty():
            return {}
        table = describe_users(self.context, self.known.filter(self.context.domain.positive), ids)
        told = dict(table.filter(pl.col("text").fill_null("") != "").iter_rows())
        if not told:
            raise RunError(
                f"domain {self.context.domain.name!r} has no text for any of {len(ids)} users with a history, and the reranker "
                "reads texts of users. Give describe_user words for them, or choose another rank.reranker."
            )
        return told


def describe_users(context: StageContext, events: pl.DataFrame, users: pl.Series | None = None) -> pl.DataFrame:
    """(user_id, text) of ``users`` (None: everybody in ``events``), sorted; the domain's own words for what these events say."""
    dataset = context.dataset
    ids = (events["user_id"] if users is None else users.rename("user_id")).unique().sort().to_frame()
    table = ids.join(dataset.users, on="user_id", how="left", maintain_order="left")
    history = (
        events.join(ids, on="user_id", how="semi")
        .join(dataset.items, on="item_id", how="left", maintain_order="left")
        .sort("timestamp", maintain_order=True)
    )
    return ids.with_columns(text=context.domain.describe_user(table, history))
