"""What is known of users besides their events: where they are, what they say of themselves, and what they and items say in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from recsat.contract.interactions import UserBatch
from recsat.embed.cache import embed_texts
from recsat.embed.centre import subtract_mean
from recsat.errors import RunError
from recsat.run.stage import StageContext


def with_markets(context: StageContext, users: UserBatch) -> UserBatch:
    """``users`` with their markets, "" for those who have no row or an empty one; as they are where no market is told."""
    column, table = context.domain.market, context.dataset.users
    if column is None or column not in table.columns:
        return users
    ids = pl.DataFrame({"user_id": pl.Series(users.ids, dtype=pl.String)})
    told = table.select("user_id", market=pl.col(column).cast(pl.String).str.strip_chars().fill_null(""))
    markets = ids.join(told, on="user_id", how="left", maintain_order="left")["market"].fill_null("")
    return replace(users, markets=markets.to_numpy().astype(np.str_))


def with_profiles(context: StageContext, users: UserBatch) -> UserBatch:
    """``users`` with the vectors of ``describe_user`` texts for those without history.

    Only users who have a row in the user table with something in it besides the id and the market are described: a market
    says where somebody is, not what they like. Where there is none, nothing is embedded and ``users`` comes back as it is.
    """
    table = context.dataset.users
    said = [name for name in table.columns if name not in ("user_id", context.domain.market)]
    silent = pl.DataFrame({"user_id": pl.Series(users.ids, dtype=pl.String), "row": np.arange(len(users))}).filter(
        pl.Series(np.diff(users.history.indptr) == 0)
    )
    if not said or silent.is_empty():
        return users
    told = table.filter(pl.any_horizontal(pl.col(said).is_not_null()))
    described = silent.join(told, on="user_id", how="inner", maintain_order="left")
    if described.is_empty():
        return users
    history = context.dataset.events.clear().join(context.catalogue.items, on="item_id", how="left")
    texts = context.domain.describe_user(described.select(table.columns), history)
    encoder = context.plugins.encoder(context.config.encoder.name).make(context.config.encoder)
    embedded = embed_texts(texts, encoder, context.config.cache_dir)
    mean = context.folder.read_arrays("vectors/mean.safetensors")["mean"]
    vectors = np.zeros((len(users), embedded.vectors.shape[1]), dtype=np.float32)
    vectors[described["row"].to_numpy()] = subtract_mean(embedded.vectors, mean)
    return replace(users, profile_vectors=vectors)


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
