"""A tiny BERT with random weights, a toy world of two tastes, and the small run on which whole trainings run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from recsat import RunConfig
from recsat.contract.interactions import Catalogue
from recsat.finetune.classify import Classification
from recsat.finetune.cross_encoder import save_classifier, untrained_classifier
from recsat.finetune.execute import open_finetune
from recsat.finetune.pairs import PairSource
from recsat.finetune.settings import FinetuneConfig, FinetuneSettings
from recsat.finetune.training import TrainingContext, train
from recsat.plugins import load_plugins
from recsat.run import LogProgress, RunFolder, run_stage
from recsat.stages import PREPARE

CORPUS = ["Heat (1995). Action, Crime, Thriller", "Toy Story (1995). Adventure, Animation, Children, Comedy, Fantasy"]
N_EACH = 12


def make_tiny_bert(path: Path) -> Path:
    """Two layers of 32; wide weights, so that texts differ from the start."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<cls>", "<sep>", "<pad>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<cls>:0 $A:0 <sep>:0",
        pair="<cls>:0 $A:0 <sep>:0 $B:1 <sep>:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in special],
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64, cls_token="<cls>", sep_token="<sep>", pad_token="<pad>"
    )
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=400,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.1,
        pad_token_id=2,
    )
    BertModel(config).save_pretrained(path)
    fast.save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("models") / "tiny-bert")


def catalogue_of(titles: list[str]) -> Catalogue:
    return Catalogue(pl.DataFrame({"item_id": [f"i{i:02d}" for i in range(len(titles))], "title": titles}))


@pytest.fixture(scope="session")
def toy() -> tuple[Catalogue, pl.DataFrame]:
    """Items of two kinds whose texts tell the kind by one word; every user likes five items of one kind."""
    titles = [f"number {i} about {'cats' if i < N_EACH else 'war'}" for i in range(2 * N_EACH)]
    rng = np.random.default_rng(0)
    rows = [
        {"user_id": f"u{u:02d}", "item_id": f"i{i:02d}", "event": "like", "value": None}
        for u in range(40)
        for i in rng.choice(N_EACH, 5, replace=False) + N_EACH * (u % 2)
    ]
    times = [datetime(2024, 1, 1 + n % 28, tzinfo=UTC) for n in range(len(rows))]
    return catalogue_of(titles), pl.DataFrame(rows).with_columns(timestamp=pl.Series(times))


TASTES = ("likes cats", "likes war")
"""Texts of the two tastes."""


def taste_texts(events: pl.DataFrame) -> pl.DataFrame:
    likes_cats = pl.col("item_id").min() < "i12"
    texts = pl.when(likes_cats).then(pl.lit(TASTES[0])).otherwise(pl.lit(TASTES[1]))
    return events.group_by("user_id").agg(text=texts).sort("user_id")


@pytest.fixture(scope="session")
def tastes() -> tuple[str, str]:
    return TASTES


@pytest.fixture(scope="session")
def toy_classifier(
    toy: tuple[Catalogue, pl.DataFrame], tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[dict[str, float]]]:
    """The folder of a classifier of the toy world, and its report after each epoch."""
    catalogue, events = toy
    texts = dict(zip(catalogue.ids, catalogue.items["title"], strict=True))
    settings = FinetuneSettings(
        objective="classification",
        epochs=6,
        patience=6,
        pairs_per_epoch=300,
        batch_size=20,
        negatives=1,
        learning_rate=5e-3,
        max_tokens=48,
    )
    classifier = untrained_classifier(tiny_bert, settings, budget=2048, device="cpu", seed=0)
    dev = [
        ((taste, text), int((item < "i12") == (taste == TASTES[0]))) for taste in TASTES for item, text in texts.items()
    ]
    source = PairSource(events, catalogue, taste_texts)
    # Every user likes the whole kind, so that what is drawn as a negative is of the other one.
    kinds = pl.DataFrame({"item_id": catalogue.ids}).with_columns(cats=pl.col("item_id") < "i12")
    user_kinds = events.join(kinds, on="item_id").select("user_id", "cats").unique()
    liked = user_kinds.join(kinds, on="cats").select("user_id", "item_id")
    task = Classification(classifier, source, liked, texts, dev, settings, seed=0)
    folder = tmp_path_factory.mktemp("classifier")
    state = train(task, settings, TrainingContext(folder=folder, digest="toy", seed=0, progress=LogProgress()))
    save_classifier(classifier, folder / "classifier", {"settings": settings.model_dump()})
    return folder / "classifier", state.history


@pytest.fixture(scope="session")
def config(
    small_run_config: RunConfig, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., FinetuneConfig]:
    """``config(epochs=2)``: a training of the tiny BERT on the slice of MovieLens, away from other runs."""
    place = tmp_path_factory.mktemp("finetune")

    def make(**settings: Any) -> FinetuneConfig:
        encoder = small_run_config.encoder.model_copy(update={"name": "transformer", "model": str(tiny_bert)})
        run = small_run_config.model_copy(update={"encoder": encoder, "home": str(place)})
        small = {"epochs": 2, "pairs_per_epoch": 96, "batch_size": 16, "learning_rate": 3e-3, "max_tokens": 32}
        return FinetuneConfig(run=run, finetune=FinetuneSettings.model_validate(small | settings))

    return make


@pytest.fixture(scope="session")
def prepared(config: Callable[..., FinetuneConfig]) -> Callable[..., RunFolder]:
    """``prepared(epochs=2)``: the folder of such a run whose tables are there; all of them are copies of one."""
    first = open_finetune(config())
    run_stage(first, PREPARE, load_plugins(["content"]))

    def make(**settings: Any) -> RunFolder:
        folder = open_finetune(config(**settings))
        for name in ("data", "splits"):
            shutil.copytree(first.path / name, folder.path / name)
        for cost in first.costs():
            folder.record(cost)
        return folder

    return make
