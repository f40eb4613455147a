"""A causal model's log-likelihoods, against the plain sum over one text at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from causal_models import tiny_causal_model

from recsat.errors import EncoderError
from recsat.rerank import causal
from recsat.rerank.causal import CausalModel

ITEMS = ["heat", "the red cat sat", "fargo fargo fargo", "", "a dog"]


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_causal_model(tmp_path_factory.mktemp("causal") / str(request.param), request.param)


def plainly(model: CausalModel, user: str, item: str) -> float:
    """log p of the item's tokens, one forward pass over everything."""
    prefix = model.tokenizer(f"{user}\nAnother one for the same person:")["input_ids"]
    tokens = (
        model.tokenizer(f" {item}", add_special_tokens=False)["input_ids"]
        or model.tokenizer(" ?", add_special_tokens=False)["input_ids"]
    )
    with torch.no_grad():
        logits = model.module(input_ids=torch.tensor([prefix + tokens])).logits[0].double().log_softmax(-1)
    places = range(len(prefix) - 1, len(prefix) + len(tokens) - 1)
    return sum(float(logits[place, token]) for place, token in zip(places, tokens, strict=True))


def test_log_likelihoods_are_those_of_one_text_at_a_time(folder: Path) -> None:
    model = CausalModel.load(folder, device="cpu")
    for user in ("likes the cat and heat", ""):
        expected = [plainly(model, user, item) for item in ITEMS]
        np.testing.assert_allclose(model.log_likelihoods(user, ITEMS), expected, atol=1e-4)
        np.testing.assert_allclose(model.log_likelihoods(user, ITEMS[::-1]), expected[::-1], atol=1e-4)
    assert len(model.log_likelihoods("a cat", [])) == 0


def test_a_model_that_keeps_no_past_reads_everything_anew_and_says_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = CausalModel.load(folder, device="cpu")
    with_past = model.log_likelihoods("likes the cat", ITEMS)
    read = CausalModel._read
    monkeypatch.setattr(CausalModel, "_read", lambda self, prefix: (read(self, prefix)[0], None))
    np.testing.assert_allclose(model.log_likelihoods("likes the cat", ITEMS), with_past, atol=1e-4)


def test_scores_are_what_the_user_adds(folder: Path) -> None:
    model = CausalModel.load(folder, device="cpu")
    np.testing.assert_allclose(model.scores(causal.NEUTRAL, ITEMS), 0, atol=1e-6)
    expected = model.log_likelihoods("a dog", ITEMS) - model.log_likelihoods(causal.NEUTRAL, ITEMS)
    np.testing.assert_allclose(model.scores("a dog", ITEMS), expected, atol=1e-6)


def test_long_texts_are_cut(folder: Path) -> None:
    model = CausalModel.load(folder, device="cpu")
    cut = " ".join(["cat"] * causal.MAX_ITEM_TOKENS)
    assert model.count_tokens([cut + " dog", "heat"], causal.MAX_ITEM_TOKENS) == causal.MAX_ITEM_TOKENS + 1
    values = model.log_likelihoods("a dog " * 400, [cut, cut + " heat heat"])
    assert values[0] == pytest.approx(values[1], abs=1e-4)


def test_an_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"no config\.json"):
        CausalModel.load(tmp_path)
