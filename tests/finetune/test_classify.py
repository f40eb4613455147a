"""A classifier over two tastes: trained, reported and saved."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from recsat import EncoderError
from recsat.contract.interactions import Catalogue
from recsat.finetune import classify
from recsat.finetune.classify import Classification
from recsat.finetune.cross_encoder import save_classifier, untrained_classifier
from recsat.finetune.execute import finetune_run
from recsat.finetune.pairs import PairSource
from recsat.finetune.settings import FinetuneConfig, FinetuneSettings
from recsat.plugins import load_plugins
from recsat.rerank.cross_encoder import CrossEncoder
from recsat.run import RunFolder

Toy = tuple[Catalogue, pl.DataFrame]


def test_it_learns_which_taste_likes_which_kind(toy_classifier: tuple[Path, list[dict[str, float]]]) -> None:
    _, history = toy_classifier
    assert max(one["auc"] for one in history) > max(0.95, history[0]["auc"])
    assert history[-1]["loss"] < history[1]["loss"]
    assert {"precision", "recall", "f1", "log_loss"} <= history[-1].keys()


def test_a_text_encoder_has_no_head_and_is_not_taken_for_a_classifier(tiny_bert: Path) -> None:
    with pytest.raises(EncoderError, match=r"has no trained head \(.*--classifier"):
        CrossEncoder.load(tiny_bert, max_tokens=32, device="cpu")


def test_adapters_train_the_new_head_as_well(toy: Toy, tiny_bert: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="low-rank adapters need peft: pip install 'recsat[finetune]'")
    settings = FinetuneSettings(lora_rank=2, lora_targets=["query", "value"], max_tokens=48)
    classifier = untrained_classifier(tiny_bert, settings, budget=2048, device="cpu", seed=0)
    with_gradient = {name for name, value in classifier.module.named_parameters() if value.requires_grad}
    assert any(name.endswith("classifier.weight") for name in with_gradient)
    assert all("lora" in name or "classifier" in name or "pooler" in name for name in with_gradient)
    pair = ("likes cats", "number 1 about cats")
    classifier.module.eval()
    before = classifier.probabilities([pair])
    save_classifier(classifier, tmp_path / "model", {})
    again = CrossEncoder.load(tmp_path / "model", max_tokens=48, device="cpu").probabilities([pair])
    np.testing.assert_allclose(again, before, atol=1e-6)


def test_the_stage_reports_every_epoch_and_the_test_part_and_spares_no_negative_for_a_held_out_like(
    prepared: Callable[..., RunFolder], config: Callable[..., FinetuneConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    spared: list[pl.DataFrame] = []

    class Watched(Classification):
        def __init__(self, classifier: CrossEncoder, source: PairSource, liked: pl.DataFrame, *others: Any) -> None:
            spared.append(liked)
            super().__init__(classifier, source, liked, *others)

    monkeypatch.setattr(classify, "Classification", Watched)
    folder = prepared(objective="classification", epochs=1, pairs_per_epoch=60)
    path = finetune_run(config(), load_plugins(["content"]), resume=folder.path)
    reports = json.loads((path / "finetune" / "classifier.json").read_text())
    assert [one["epoch"] for one in reports["dev"]] == [0, 1]
    assert reports["test"]["n"] == 60
    assert 0 < reports["test"]["positive_share"] < 1
    assert (path / "finetune" / "classifier.md").read_text().count("\n| ") == 2 + 3
    held_out = [
        pl.read_parquet(path / "splits" / split / f"{part}.parquet")
        for split in ("warm", "cold")
        for part in ("validation", "test")
    ]
    assert spared[0].height > 100
    assert spared[0].join(pl.concat(held_out), on=["user_id", "item_id"], how="semi").is_empty()
