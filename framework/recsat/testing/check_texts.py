"""Rules for texts: one for each row, none empty, the same each time, whatever else is in the table."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from recsat.contract.dataset import Dataset

N_USERS = 200


def check_item_texts(describe: Callable[[pl.DataFrame], pl.Series], items: pl.DataFrame) -> None:
    """Raises AssertionError with what to do where a rule is broken."""
    _check("describe_item", describe, items, "item_id")


def check_user_texts(describe: Callable[[pl.DataFrame, pl.DataFrame], pl.Series], data: Dataset) -> None:
    """The same for users, also for one without any history."""
    ids = data.events["user_id"].unique().sort().head(N_USERS)
    known = data.users.filter(~pl.col("user_id").is_in(ids.implode())).head(1)["user_id"]
    everybody = pl.DataFrame({"user_id": pl.concat([ids, known, pl.Series("user_id", ["nobody has this id"])])})
    users = everybody.join(data.users, on="user_id", how="left", maintain_order="left")
    history = (
        data.events.join(users, on="user_id", how="semi")
        .join(data.items, on="item_id", how="left", maintain_order="left")
        .sort("timestamp", maintain_order=True)
    )
    _check("describe_user", lambda table: describe(table, history), users, "user_id")
    texts = describe(users, history.clear())
    assert len(texts) == users.height, "describe_user leaves out users without history. Return one text for each."


def _check(name: str, describe: Callable[[pl.DataFrame], pl.Series], table: pl.DataFrame, key: str) -> None:
    texts = describe(table)
    assert isinstance(texts, pl.Series), f"{name} returns a {type(texts).__name__}; return a polars Series."
    assert texts.dtype == pl.String, f"{name} returns {texts.dtype}; return texts."
    assert len(texts) == table.height, (
        f"{name} returns {len(texts)} texts for {table.height} rows; return one for each."
    )
    empty = table.filter(texts.str.strip_chars().fill_null("") == "")[key]
    assert empty.is_empty(), (
        f"{name} gives {key} {empty[0]!r} and {len(empty) - 1} more an empty text. Say at least something."
    )
    assert describe(table).equals(texts), (
        f"{name} gives other texts the second time. Sort what has no order of its own."
    )
    half = table.gather_every(2).reverse()
    assert describe(half).equals(texts.gather_every(2).reverse(), check_names=False), (
        f"{name} gives a row another text when the table has other rows or another order. Return texts in row order."
    )
    assert len(describe(table.clear())) == 0, f"{name} returns texts for a table without rows."
