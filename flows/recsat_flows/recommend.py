"""Lists for some users as a flow: for an operator with a question, or a schedule that fills a shop window."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact

from recsat.plugins import load_plugins
from recsat.stages.serve import ServeConfig, serve

PREVIEW_ROWS = 200


@task(name="serve")
def make_lists(config: ServeConfig, target: str) -> int:
    """Make the lists, write them as parquet and show the first of them."""
    lists = serve(config, load_plugins())
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    lists.write_parquet(path)
    preview = lists.head(PREVIEW_ROWS).select("user_id", "rank", "item_id", "title", pl.col("score").round(4), "reason")
    create_table_artifact(preview.to_dicts(), key="recsat-lists", description=f"{lists.height} rows in {path}")
    return lists.height


@flow(name="recsat-recommend", persist_result=False, result_serializer="json", validate_parameters=True)
def recommend(config: ServeConfig, target: str = "runs/lists.parquet") -> str:
    """Recommend to some users, with reasons, from a finished run.

    Args:
        config: What to recommend, to whom, from which run.
        target: Parquet file that the lists are written to.
    """
    n = make_lists(config, target)
    get_run_logger().info("%d rows written to %s", n, target)
    return target
