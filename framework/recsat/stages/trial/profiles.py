"""Vectors of what users say of themselves, for those of whom nothing else is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from recsat.contract.interactions import UserBatch
from recsat.run.stage import StageContext


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
    from recsat.embed.cache import embed_texts
    from recsat.embed.centre import subtract_mean

    history = context.dataset.events.clear().join(context.catalogue.items, on="item_id", how="left")
    texts = context.domain.describe_user(described.select(table.columns), history)
    encoder = context.plugins.encoder(context.config.encoder.name).make(context.config.encoder)
    embedded = embed_texts(texts, encoder, context.config.cache_dir)
    mean = context.folder.read_arrays("vectors/mean.safetensors")["mean"]
    vectors = np.zeros((len(users), embedded.vectors.shape[1]), dtype=np.float32)
    vectors[described["row"].to_numpy()] = subtract_mean(embedded.vectors, mean)
    return replace(users, profile_vectors=vectors)
