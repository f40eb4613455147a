"""A classifier over two tastes: trained, reported, saved, and as a reranker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from recsat import EncoderError, RunError
from recsat.errors import UnknownUser
from recsat.finetune.classify import Classification
from recsat.finetune.cross_encoder import CrossEncoder
from recsat.finetune.execute import finetune_run
from recsat.finetune.pairs import PairSource
from recsat.finetune.reranker import ClassifierReranker, reranker_of
from recsat.finetune.settings import FinetuneConfig, FinetuneSettings
from recsat.finetune.training import Surroundings, train
from recsat.plugins import load_plugins
from recsat.rank.reranker import Reranker, RerankInput
from recsat.recommend.interactions import Catalogue
from recsat.run import LogProgress, RunFolder
from recsat.run.stage import StageContext

Toy = tuple[Catalogue, pl.DataFrame]
TASTES = ("likes cats", "likes war")


def told(events: pl.DataFrame) -> pl.DataFrame:
    likes_cats = pl.col("item_id").min() < "i12"
    texts = pl.when(likes_cats).then(pl.lit(TASTES[0])).otherwise(pl.lit(TASTES[1]))
    return events.group_by("user_id").agg(text=texts).sort("user_id")


@pytest.fixture(scope="module")
def trained(toy: Toy, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, float]]]:
    """The folder of a classifier of the toy world, and its report after each epoch."""
    catalogue, events = toy
    texts = dict(zip(catalogue.ids, catalogue.items["title"], strict=True))
    settings = FinetuneSettings(
        epochs=6, patience=6, pairs_per_epoch=300, batch_size=20, negatives=1, learning_rate=5e-3, max_tokens=48
    )
    classifier = CrossEncoder.started(tiny_bert, settings, budget=2048, device="cpu", seed=0)
    dev = [
        ((taste, text), int((item < "i12") == (taste == TASTES[0]))) for taste in TASTES for item, text in texts.items()
    ]
    source = PairSource(events, catalogue, told)
    # Every user likes the whole kind, so that what is drawn as a negative is of the other one.
    kinds = pl.DataFrame({"item_id": catalogue.ids}).with_columns(cats=pl.col("item_id") < "i12")
    own = events.join(kinds, on="item_id").select("user_id", "cats").unique()
    liked = own.join(kinds, on="cats").select("user_id", "item_id")
    task = Classification(classifier, source, liked, texts, dev, settings, seed=0)
    folder = tmp_path_factory.mktemp("classifier")
    state = train(task, settings, Surroundings(folder=folder, digest="toy", seed=0, progress=LogProgress()))
    classifier.save(folder / "classifier", {})
    return folder / "classifier", state.history


def test_it_learns_which_taste_likes_which_kind(trained: tuple[Path, list[dict[str, float]]]) -> None:
    _, history = trained
    assert max(one["auc"] for one in history) > max(0.95, history[0]["auc"])
    assert history[-1]["loss"] < history[1]["loss"]
    assert {"precision", "recall", "f1", "log_loss"} <= history[-1].keys()


def block_of(ids: list[str] | None) -> RerankInput:
    """Candidates of both kinds for two users, the scores in favour of cats for both; one place is filtered, one empty."""
    candidates = torch.tensor([[0, 1, 20, 21, 5], [0, 1, 20, 21, -1]])
    scores = torch.tensor([[5.0, 4.0, 3.0, 2.0, -torch.inf], [5.0, 4.0, 3.0, 2.0, -torch.inf]])
    return RerankInput(candidates, scores, None, None, None, user_ids=ids)


def test_as_a_reranker_it_puts_each_users_own_kind_first_and_never_what_is_filtered(
    trained: tuple[Path, list[dict[str, float]]], toy: Toy
) -> None:
    classifier = CrossEncoder(trained[0], max_tokens=48, device="cpu")
    titles = toy[0].items["title"].to_list()
    reranker = ClassifierReranker(classifier, titles, {"ann": TASTES[0], "bob": TASTES[1]})
    assert isinstance(reranker, Reranker)
    places = reranker.rerank(block_of(["ann", "bob"]), k=5)
    assert set(places[0, :2].tolist()) == {0, 1}
    assert set(places[1, :2].tolist()) == {2, 3}
    assert places[:, 4].tolist() == [-1, -1]
    # Looking no deeper than two, it can only order the arm's own first two.
    shallow = ClassifierReranker(classifier, titles, reranker.user_texts, depth=1)
    assert set(shallow.rerank(block_of(["ann", "bob"]), k=2)[1].tolist()) == {0, 1}
    assert shallow.rerank(block_of(["ann", "bob"]), k=7).shape == (2, 7)


def test_users_that_nobody_named_or_described_are_refused(
    trained: tuple[Path, list[dict[str, float]]], toy: Toy
) -> None:
    reranker = ClassifierReranker(CrossEncoder(trained[0], max_tokens=48, device="cpu"), [], {"ann": "likes cats"})
    with pytest.raises(RunError, match=r"RerankInput.user_ids"):
        reranker.rerank(block_of(None), k=2)
    with pytest.raises(UnknownUser, match="'bob' has no text"):
        reranker.rerank(block_of(["ann", "bob"]), k=2)


def test_a_text_encoder_has_no_head_and_is_not_taken_for_a_classifier(tiny_bert: Path) -> None:
    with pytest.raises(EncoderError, match=r"has no trained head \(.*--classifier"):
        CrossEncoder(tiny_bert, max_tokens=32, device="cpu")


def test_adapters_train_the_new_head_as_well(toy: Toy, tiny_bert: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="low-rank adapters need peft: pip install 'recsat[finetune]'")
    settings = FinetuneSettings(lora_rank=2, lora_targets=["query", "value"], max_tokens=48)
    classifier = CrossEncoder.started(tiny_bert, settings, budget=2048, device="cpu", seed=0)
    with_gradient = {name for name, value in classifier.module.named_parameters() if value.requires_grad}
    assert any(name.endswith("classifier.weight") for name in with_gradient)
    assert all("lora" in name or "classifier" in name or "pooler" in name for name in with_gradient)
    pair = ("likes cats", "number 1 about cats")
    classifier.module.eval()
    before = classifier.probabilities([pair])
    classifier.save(tmp_path / "model", {})
    again = CrossEncoder(tmp_path / "model", max_tokens=48, device="cpu").probabilities([pair])
    np.testing.assert_allclose(again, before, atol=1e-6)


def test_the_stage_reports_every_epoch_and_the_test_part_and_its_folder_reranks(
    prepared: Callable[..., RunFolder], config: Callable[..., FinetuneConfig]
) -> None:
    plugins = load_plugins(["content"])
    folder = prepared(objective="classification", epochs=1, pairs_per_epoch=60)
    path = finetune_run(config(), plugins, resume=folder.path)
    found = json.loads((path / "finetune" / "classifier.json").read_text())
    assert [one["epoch"] for one in found["dev"]] == [0, 1]
    assert found["test"]["n"] == 60
    assert 0 < found["test"]["positive_share"] < 1
    assert (path / "finetune" / "classifier.md").read_text().count("\n| ") == 2 + 3
    context = StageContext(folder, config().run, plugins, LogProgress())
    train_events = folder.read_table("splits/warm/train.parquet")
    users = train_events["user_id"].unique().sort().head(2)
    reranker = reranker_of(context, path / "finetune" / "classifier", train_events, users)
    assert sorted(reranker.rerank(block_of(users.to_list()), k=4)[0].tolist()) == [0, 1, 2, 3]
