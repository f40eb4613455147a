"""A classifier is trained, a run reranks by it, and its lists are served."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from kept_models import kept_model

from recsat import RunConfig
from recsat.finetune.execute import finetune_run
from recsat.finetune.settings import FinetuneConfig
from recsat.plugins import load_plugins
from recsat.rerank.cross_encoder import CrossEncoder
from recsat.run import RunFolder, execute
from recsat.run.check import check_config
from recsat.stages import PIPELINE
from recsat_content.texts import describe_user

DEPTH = 15


@pytest.fixture(scope="module")
def trained(config: Callable[..., FinetuneConfig], prepared: Callable[..., RunFolder]) -> Path:
    """The folder of a fine-tuning run over both splits, its classifier in it."""
    folder = prepared(objective="classification", epochs=1, pairs_per_epoch=60)
    return finetune_run(config(), load_plugins(["content"]), resume=folder.path)


@pytest.fixture(scope="module")
def plain(config: Callable[..., FinetuneConfig]) -> RunConfig:
    """A run over one of the two splits, whose lists are as deep as the classifier looks."""
    run = config().run
    return run.model_copy(
        update={
            "splits": run.splits[:1],
            "arms": ["popularity", "ease"],
            "rank": run.rank.model_copy(update={"k": DEPTH}),
            "measure": run.measure.model_copy(update={"curves": False}),
        }
    )


@pytest.fixture(scope="module")
def reranking(plain: RunConfig, trained: Path) -> RunConfig:
    """The same run, reranked to lists of five."""
    named = {"k": 5, "reranker": "classifier", "reranker_parameters": {"model": str(trained), "depth": DEPTH}}
    return plain.model_copy(update={"rank": plain.rank.model_copy(update=named)})


@pytest.fixture(scope="module")
def runs(plain: RunConfig, reranking: RunConfig) -> tuple[Path, Path]:
    plugins = load_plugins(["content"])
    check_config(reranking, plugins)
    return execute(plain, plugins, stages=PIPELINE), execute(reranking, plugins, stages=PIPELINE)


def by_hand(lists: pl.DataFrame, known: pl.DataFrame, run: Path, trained: Path) -> pl.DataFrame:
    """(user_id, item_id, rank): the five most probable likes of each list; user texts come from liked ``known`` events."""
    users = lists["user_id"].unique().sort().to_frame()
    liked = known.filter(pl.col("value") >= 4).sort("timestamp", maintain_order=True)
    history = liked.join(pl.read_parquet(run / "data" / "items.parquet"), on="item_id")
    user_texts = users.with_columns(user=describe_user(users, history.join(users, on="user_id", how="semi")))
    pairs = lists.join(user_texts, on="user_id").join(pl.read_parquet(run / "data" / "texts.parquet"), on="item_id")
    classifier = CrossEncoder.load(trained / "finetune" / "classifier", max_tokens=32, device="cpu")
    likes = classifier.probabilities(list(pairs.select("user", "text").iter_rows()))
    best = pairs.with_columns(like=pl.Series(likes)).sort("user_id", "like", descending=[False, True])
    best = best.group_by("user_id", maintain_order=True).head(5)
    return best.select("user_id", "item_id", rank=pl.int_range(1, pl.len() + 1).over("user_id"))


def test_every_arms_best_are_in_the_order_of_the_probabilities_given_what_was_known(
    runs: tuple[Path, Path], trained: Path
) -> None:
    plain, _ = runs
    known = pl.concat(
        pl.read_parquet(plain / "splits" / "warm" / f"{part}.parquet") for part in ("train", "validation")
    )
    deep, short = (pl.read_parquet(run / "lists" / "warm.parquet").filter(~pl.col("fallback")) for run in runs)
    for arm in ("popularity", "ease"):
        expected = by_hand(deep.filter(pl.col("arm") == arm), known, plain, trained)
        reranked = short.filter(pl.col("arm") == arm).select("user_id", "item_id", "rank").sort("user_id", "rank")
        assert reranked.equals(expected)
        first = deep.filter((pl.col("arm") == arm) & (pl.col("rank") <= 5)).select("user_id", "item_id")
        assert not first.sort(pl.all()).equals(reranked.select("user_id", "item_id").sort(pl.all()))


def test_served_lists_are_told_by_everything_that_is_known_and_newcomers_get_the_fallback(
    runs: tuple[Path, Path], trained: Path, tmp_path: Path
) -> None:
    plugins = load_plugins(["content"])
    user = pl.read_parquet(runs[0] / "lists" / "warm.parquet")["user_id"][0]
    deep, short = (kept_model(run, "ease", plugins, tmp_path / run.name).recommend([user, "nobody"]) for run in runs)
    events = pl.read_parquet(runs[0] / "data" / "events.parquet")
    expected = by_hand(deep.filter(pl.col("user_id") == user), events, runs[0], trained)
    assert short.filter(pl.col("user_id") == user)["item_id"].to_list() == expected["item_id"].to_list()
    newcomer = short.filter(pl.col("user_id") == "nobody")
    assert newcomer["fallback"].all()
    assert newcomer["item_id"].to_list() == deep.filter(pl.col("user_id") == "nobody")["item_id"].head(5).to_list()


def test_serving_tests_nothing_and_so_takes_a_model_of_any_splits(
    runs: tuple[Path, Path], trained: Path, tmp_path: Path
) -> None:
    path = trained / "finetune" / "classifier" / "finetune.json"
    before = path.read_text()
    path.write_text(json.dumps(json.loads(before) | {"seed": 7, "data_fingerprint": "another"}))
    try:
        served = kept_model(runs[1], "ease", load_plugins(["content"]), tmp_path).recommend(["1"])
    finally:
        path.write_text(before)
    assert served.height == 5
