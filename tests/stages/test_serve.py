"""Lists from a finished run."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsat.plugins import load_plugins
from recsat.stages.serve import ServeConfig, serve


def ask(run: Path, **settings: object) -> pl.DataFrame:
    return serve(ServeConfig.model_validate({"run": str(run), "users": ["1"], **settings}), load_plugins(["content"]))


def test_lists_hold_new_items_with_titles_and_reasons(finished_run: Path) -> None:
    lists = ask(finished_run, users=["1", "2"], k=5)
    events = pl.read_parquet(finished_run / "data" / "events.parquet")
    assert lists["rank"].to_list() == [1, 2, 3, 4, 5] * 2
    assert lists.join(events, on=["user_id", "item_id"], how="semi").is_empty()
    assert lists.select(pl.col("title", "reason").is_null().any()).row(0) == (False, False)


def test_an_unknown_user_gets_the_fallback_and_is_told_so(finished_run: Path) -> None:
    lists = ask(finished_run, users=["nobody"])
    assert lists["fallback"].all()
    assert set(lists["reason"]) == {"popular now; nothing is known of your taste yet"}
