"""The loop on a toy world of two tastes: it learns, stops, clips and keeps the best."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

from recsat import ConfigError, RunError
from recsat.contract.interactions import Catalogue
from recsat.embed.transformer import TransformerEncoder
from recsat.finetune.encoder import Contrastive
from recsat.finetune.layers import set_training
from recsat.finetune.pairs import PairSource
from recsat.finetune.settings import FinetuneSettings
from recsat.finetune.text_model import TextModel
from recsat.finetune.training import TrainingContext, train, warmed_up
from recsat.finetune.validation import Validation
from recsat.lists.request import Request
from recsat.run import LogProgress

Toy = tuple[Catalogue, pl.DataFrame]


class SameKind(Validation):
    """Share of items whose nearest neighbour is of their own kind."""

    def values(self, vectors: np.ndarray[Any, np.dtype[np.float32]]) -> dict[str, float]:
        cosines = vectors @ vectors.T - 2 * np.eye(len(vectors))
        half = len(vectors) // 2
        return {"ndcg@10": float(((cosines.argmax(axis=1) < half) == (np.arange(len(vectors)) < half)).mean())}


def describe(events: pl.DataFrame) -> pl.DataFrame:
    """A user's text is the words of what the user liked."""
    return events.sort("item_id").group_by("user_id").agg(text=pl.col("item_id").str.join(" ")).sort("user_id")


def task_of(toy: Toy, folder: Path, **settings: Any) -> tuple[Contrastive, FinetuneSettings]:
    catalogue, events = toy
    finetune_settings = FinetuneSettings.model_validate(
        {"pairs_per_epoch": 128, "batch_size": 16, "learning_rate": 3e-3, "epochs": 3, "max_tokens": 16} | settings
    )
    model = TextModel(TransformerEncoder(folder, device="cpu"), finetune_settings, seed=0)
    source = PairSource(events, catalogue, describe)
    return Contrastive(
        model, source, catalogue.items["title"], SameKind({}, Request()), finetune_settings, seed=0
    ), finetune_settings


def training_context(folder: Path) -> TrainingContext:
    return TrainingContext(folder=folder, digest="toy", seed=0, progress=LogProgress())


def test_the_loss_falls_and_items_come_to_lie_with_their_kind(toy: Toy, tiny_bert: Path, tmp_path: Path) -> None:
    task, settings = task_of(toy, tiny_bert, epochs=4, user_share=0.0)
    first = task.validate()["ndcg@10"]
    state = train(task, settings, training_context(tmp_path))
    losses = [one["loss"] for one in state.history[1:]]
    assert losses[-1] < 0.8 * losses[0]
    assert losses[-1] < math.log(16)  # what vectors without any meaning would give
    assert state.best > max(first, 0.9)
    assert task.validate()["ndcg@10"] == state.best


def test_adapters_learn_while_the_weights_stay_and_are_merged_at_the_end(
    toy: Toy, tiny_bert: Path, tmp_path: Path
) -> None:
    pytest.importorskip("peft", reason="low-rank adapters need peft: pip install 'recsat[finetune]'")
    task, settings = task_of(toy, tiny_bert, lora_rank=4, lora_targets=["query", "value"], learning_rate=2e-2)
    start = {name: value.clone() for name, value in task.model.named_parameters()}
    state = train(task, settings, training_context(tmp_path))
    assert state.history[-1]["loss"] < state.history[1]["loss"]
    for name, value in task.model.named_parameters():
        assert value.requires_grad == ("lora" in name)
        assert "lora" in name or torch.equal(value, start[name])
    trained = task.text_model.encode(["cats"])
    task.text_model.save(tmp_path / "model", {})
    again = TransformerEncoder(tmp_path / "model", device="cpu").encode(["cats"])
    np.testing.assert_allclose(again, trained, atol=1e-5)
    assert not np.allclose(again, TransformerEncoder(tiny_bert, device="cpu").encode(["cats"]), atol=1e-3)


def test_without_peft_adapters_are_refused_with_what_to_install(
    toy: Toy, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ConfigError, match=r"need peft.*pip install 'recsat\[finetune\]'"):
        task_of(toy, tiny_bert, lora_rank=4)


def test_frozen_layers_and_embeddings_get_no_gradient_and_no_dropout_and_the_rest_does(
    toy: Toy, tiny_bert: Path
) -> None:
    task, _ = task_of(toy, tiny_bert, freeze_layers=1)
    set_training(task.model)
    task.loss(task.batches(0)[0]).backward()  # type: ignore[no-untyped-call]
    for name, value in task.model.named_parameters():
        frozen = name.startswith(("embeddings.", "encoder.layer.0."))
        assert (value.grad is None) is frozen, name
    modes = {name: part.training for name, part in task.model.named_modules() if name.endswith("dropout")}
    assert modes["embeddings.dropout"] is False
    assert modes["encoder.layer.0.output.dropout"] is False
    assert modes["encoder.layer.1.output.dropout"] is True


def test_freezing_every_layer_is_refused(toy: Toy, tiny_bert: Path) -> None:
    with pytest.raises(ConfigError, match="has 2 layers, so nothing would be trained"):
        task_of(toy, tiny_bert, freeze_layers=2)


class Ladder:
    """One weight that moves by the same step whatever happens, and validation values set in advance."""

    goal = "good"

    def __init__(self, goods: list[float], *, gradient: float = 1.0) -> None:
        self.model: nn.Module = nn.Linear(1, 1, bias=False)
        self.goods, self.gradient, self.seen = goods, gradient, 0

    def batches(self, epoch: int) -> list[int]:
        return [0, 1]

    def loss(self, batch: int) -> Tensor:
        weight: Tensor = next(self.model.parameters())
        return (weight * self.gradient).sum()

    def validate(self) -> Mapping[str, float]:
        self.seen += 1
        return {"good": self.goods[self.seen - 1]}


@pytest.mark.parametrize(
    ("goods", "patience", "epochs_run", "best"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5], 2, 4, 4),  # better all the time: to the last epoch
        ([0.1, 0.3, 0.2, 0.2], 2, 3, 1),  # two epochs without a better value
        ([0.1, 0.3, 0.3], 1, 2, 1),  # as good is not better
        ([0.5, 0.4, 0.3], 2, 2, 0),  # the start was the best
    ],
)
def test_training_stops_when_validation_does_and_keeps_the_best(
    goods: list[float], patience: int, epochs_run: int, best: int, tmp_path: Path
) -> None:
    task = Ladder(goods)
    start = next(task.model.parameters()).item()
    settings = FinetuneSettings(epochs=4, patience=patience, learning_rate=0.01, weight_decay=0.0)
    state = train(task, settings, training_context(tmp_path))
    assert (state.epoch, state.best_epoch, state.best) == (epochs_run, best, max(goods))
    assert len(state.history) == epochs_run + 1
    moved = start - next(task.model.parameters()).item()
    assert (moved == 0) == (best == 0)


def test_a_resumed_training_that_had_finished_does_nothing_more(tmp_path: Path) -> None:
    settings = FinetuneSettings(epochs=2, learning_rate=0.01)
    first = Ladder([0.1, 0.2, 0.3])
    state = train(first, settings, training_context(tmp_path))
    again = Ladder([])
    assert train(again, settings, training_context(tmp_path)) == state
    assert torch.equal(next(again.model.parameters()), next(first.model.parameters()))


def test_a_gradient_that_is_not_finite_ends_the_training_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"step 0: the gradient is not finite.*finetune.learning_rate"):
        train(Ladder([0.1], gradient=float("inf")), FinetuneSettings(), training_context(tmp_path))


def test_dropout_draws_leave_the_callers_random_numbers_alone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    task = Ladder([0.1, 0.2])
    torch.manual_seed(3)
    train(task, FinetuneSettings(epochs=1), training_context(tmp_path))
    assert torch.equal(torch.rand(3), expected)


def test_the_rate_rises_in_a_line_and_falls_in_a_line_and_is_never_zero_in_a_step() -> None:
    rates = [warmed_up(step, 20, 0.25) for step in range(20)]
    assert rates[:6] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    assert rates[-1] == pytest.approx(1 / 15)
    assert all(a > b for a, b in itertools.pairwise(rates[5:]))
    assert warmed_up(0, 4, 0.0) == 1.0
