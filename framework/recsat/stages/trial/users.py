"""What is known of users besides their events: where they are, what they say of themselves, and what they and items say in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from recsat.contract.domain import Domain
from recsat.contract.interactions import UserBatch
from recsat.errors import RunError
from recsat.stages.trial.inputs import RunInputs


def with_markets(users: UserBatch, table: pl.DataFrame, column: str | None) -> UserBatch:
    """``users`` with their markets from ``column`` of the user table, "" for those who have no row or an empty one.

    As they are where the domain names no such column or the table has none.
    """
    if column is None or column not in table.columns:
        return users
    markets = table.select("user_id", market=pl.col(column).cast(pl.String).str.strip_chars().fill_null(""))
    ids = users.id_series.to_frame()
    of_users = ids.join(markets, on="user_id", how="left", maintain_order="left")["market"].fill_null("")
    return replace(users, markets=of_users.to_numpy().astype(np.str_))


def with_profiles(users: UserBatch, inputs: RunInputs) -> UserBatch:
    """``users`` with the vectors of ``describe_user`` texts for those without history.

    Only users who have a row in the user table with something in it besides the id and the market are described: a market
    says where somebody is, not what they like. Where there is none, nothing is embedded and ``users`` comes back as it is.
    """
    table, domain = inputs.dataset.users, inputs.domain
    described = [name for name in table.columns if name not in ("user_id", domain.market)]
    new = users.id_series.to_frame().with_columns(row=np.arange(len(users))).filter(pl.Series(users.is_new))
    if inputs.encode is None or not described or new.is_empty():
        return users
    profiles = table.filter(pl.any_horizontal(pl.col(described).is_not_null()))
    new = new.join(profiles, on="user_id", how="inner", maintain_order="left")
    if new.is_empty():
        return users
    history = _with_liked(inputs.dataset.events.clear(), domain).join(inputs.catalogue.items, on="item_id", how="left")
    encoded = inputs.encode(domain.describe_user(new.select(table.columns), history))
    vectors = np.zeros((len(users), encoded.shape[1]), dtype=np.float32)
    vectors[new["row"].to_numpy()] = encoded
    return replace(users, profile_vectors=vectors)


def with_texts(users: UserBatch, inputs: RunInputs, liked: pl.DataFrame) -> UserBatch:
    """``users`` with the vectors of ``describe_user`` texts of those who have a history, by their ``liked`` events.

    As they are where no arm of the run reads users. A user of whom the domain has no word keeps a row of zeros.
    """
    if inputs.encode_users is None:
        return users
    vectors = np.zeros((len(users), inputs.vectors["raw"].shape[1]), dtype=np.float32)
    rows = users.id_series.to_frame().with_columns(row=np.arange(len(users))).filter(~pl.Series(users.is_new))
    if len(rows):
        texts = describe_users(inputs, liked, rows["user_id"]).filter(pl.col("text").fill_null("") != "")
        texts = texts.join(rows, on="user_id", maintain_order="left")
        vectors[texts["row"].to_numpy()] = inputs.encode_users(texts["text"])
    return replace(users, text_vectors=vectors)


@dataclass(frozen=True)
class Texts:
    """Texts for the lists of ``users`` when the ``known`` events are all that has happened; made when first asked for."""

    inputs: RunInputs
    known: pl.DataFrame
    users: UserBatch

    @property
    def items(self) -> Sequence[str]:
        """By item index."""
        return self.inputs.item_texts

    @cached_property
    def of_users(self) -> Mapping[str, str]:
        """By user id, from liked known events. Users without any are left out: fallbacks serve them.

        Raises RunError where there are such users and the domain has no word for any of them.
        """
        ids = self.users.id_series.filter(pl.Series(~self.users.is_new))
        if ids.is_empty():
            return {}
        domain = self.inputs.domain
        table = describe_users(self.inputs, self.known.filter(domain.positive), ids)
        texts = dict(table.filter(pl.col("text").fill_null("") != "").iter_rows())
        if not texts:
            raise RunError(
                f"domain {domain.name!r} has no text for any of {len(ids)} users with a history, and the reranker "
                "reads texts of users. Give describe_user words for them, or choose another rank.reranker."
            )
        return texts


def describe_users(inputs: RunInputs, events: pl.DataFrame, users: pl.Series | None = None) -> pl.DataFrame:
    """(user_id, text) of ``users`` (None: everybody in ``events``), sorted; the domain's own words for what these events say."""
    dataset = inputs.dataset
    ids = (events["user_id"] if users is None else users.rename("user_id")).unique().sort().to_frame()
    table = ids.join(dataset.users, on="user_id", how="left", maintain_order="left")
    history = (
        _with_liked(events, inputs.domain)
        .join(ids, on="user_id", how="semi")
        .join(dataset.items, on="item_id", how="left", maintain_order="left")
        .sort("timestamp", maintain_order=True)
    )
    return ids.with_columns(text=inputs.domain.describe_user(table, history))


def _with_liked(events: pl.DataFrame, domain: Domain) -> pl.DataFrame:
    """``events`` with ``liked``, where the run's settings say what that is."""
    return events if domain.positive_of is None else events.with_columns(liked=domain.positive)
