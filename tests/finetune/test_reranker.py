"""A classifier as a reranker: what it puts first, what it leaves alone, which folders it is made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from recsat import ConfigError, EncoderError, RunError
from recsat.contract.interactions import Catalogue
from recsat.contract.reranker import LearnedReranker, Reranker, RerankInput, TextReranker
from recsat.plugins import load_plugins
from recsat.rerank.classifier import ClassifierReranker, classifier_folder
from recsat.rerank.cross_encoder import CrossEncoder
from recsat.rerank.make import make_reranker
from recsat.rerank.mmr import MaximalMarginalRelevance

Trained = tuple[Path, list[dict[str, float]]]


@pytest.fixture
def reranker(toy_classifier: Trained, toy: tuple[Catalogue, object], tastes: tuple[str, str]) -> ClassifierReranker:
    titles = toy[0].items["title"].to_list()
    return ClassifierReranker(toy_classifier[0]).with_texts(titles, {"ann": tastes[0], "bob": tastes[1]})


def block_of(ids: list[str] | None) -> RerankInput:
    """Candidates of both kinds for two users, the scores in favour of cats for both; one place is filtered, one empty."""
    candidates = torch.tensor([[0, 1, 20, 21, 5], [0, 1, 20, 21, -1]])
    scores = torch.tensor([[5.0, 4.0, 3.0, 2.0, -torch.inf], [5.0, 4.0, 3.0, 2.0, -torch.inf]])
    return RerankInput(candidates, scores, None, None, None, user_ids=ids)


def test_each_users_own_kind_comes_first_and_never_what_is_filtered(reranker: ClassifierReranker) -> None:
    assert isinstance(reranker, Reranker)
    assert isinstance(reranker, TextReranker)
    assert not isinstance(reranker, LearnedReranker)
    places = reranker.rerank(block_of(["ann", "bob"]), k=5)
    assert set(places[0, :2].tolist()) == {0, 1}
    assert set(places[1, :2].tolist()) == {2, 3}
    assert places[:, 4].tolist() == [-1, -1]
    # Looking no deeper than two, it can only order the arm's own first two.
    shallow = replace(reranker, depth=1)
    assert set(shallow.rerank(block_of(["ann", "bob"]), k=2)[1].tolist()) == {0, 1}
    assert shallow.rerank(block_of(["ann", "bob"]), k=7).shape == (2, 7)


def test_the_order_is_that_of_the_probabilities_wherever_the_candidates_stand(
    reranker: ClassifierReranker, toy: tuple[Catalogue, object], tastes: tuple[str, str]
) -> None:
    candidates = torch.tensor([[21, 3, 14, 0, 9]])
    block = RerankInput(candidates, torch.tensor([[0.1, 0.5, 0.2, 0.4, 0.3]]), None, None, None, user_ids=["bob"])
    titles = toy[0].items["title"].to_list()
    alone = CrossEncoder.load(reranker.model, max_tokens=48, device="cpu")
    likes = alone.probabilities([(tastes[1], titles[item]) for item in candidates[0].tolist()])
    expected = sorted(range(5), key=lambda place: -likes[place])
    assert reranker.rerank(block, k=5)[0].tolist() == expected


@pytest.mark.parametrize("texts", [{}, {"cleo": ""}])
def test_a_user_without_a_text_keeps_the_arms_order_beside_one_who_has_one(
    reranker: ClassifierReranker, texts: Mapping[str, str], tastes: tuple[str, str]
) -> None:
    with_texts = replace(reranker, user_texts={"bob": tastes[1], **texts})
    places = with_texts.rerank(block_of(["cleo", "bob"]), k=4)
    assert places[0].tolist() == [0, 1, 2, 3]
    assert set(places[1, :2].tolist()) == {2, 3}
    assert with_texts.rerank(block_of(["cleo", "cleo"]), k=3).tolist() == [[0, 1, 2], [0, 1, 2]]


def test_what_comes_after_reranks_by_the_probabilities(reranker: ClassifierReranker, tastes: tuple[str, str]) -> None:
    blocks: list[RerankInput] = []

    class Listening:
        def rerank(self, block: RerankInput, k: int) -> torch.Tensor:
            blocks.append(block)
            return torch.tensor([[3, 0], [0, -1]])

    places = replace(reranker, then=Listening()).rerank(block_of(["cleo", "bob"]), k=2)
    assert places.tolist() == [[3, 0], [0, -1]]
    [block] = blocks
    assert block.scores[0].tolist() == [5.0, 4.0, 3.0, 2.0, -torch.inf]
    likes = block.scores[1]
    assert likes[4] == -torch.inf
    assert ((likes[:4] > 0) & (likes[:4] < 1)).all()
    assert likes[2:4].min() > likes[:2].max()


def test_without_texts_or_users_it_says_what_it_needs(toy_classifier: Trained, reranker: ClassifierReranker) -> None:
    with pytest.raises(RunError, match="call with_texts first"):
        ClassifierReranker(toy_classifier[0]).rerank(block_of(["ann", "bob"]), k=2)
    with pytest.raises(RunError, match=r"RerankInput.user_ids"):
        reranker.rerank(block_of(None), k=2)


def classifier_reranker(**parameters: object) -> Reranker:
    plugins = load_plugins(["content"])
    return make_reranker(plugins.rerankers(plugins.domain("content"))["classifier"], parameters)


def test_a_run_names_it_with_the_folder_of_the_model_or_of_its_run(toy_classifier: Trained, tmp_path: Path) -> None:
    inside = tmp_path / "run" / "finetune" / "classifier"
    inside.parent.mkdir(parents=True)
    inside.symlink_to(toy_classifier[0])
    assert (
        classifier_reranker(model=str(inside))
        == classifier_reranker(model=str(tmp_path / "run"))
        == ClassifierReranker(inside)
    )
    after = classifier_reranker(model=str(inside), depth=5, then="mmr", trade_off=0.4)
    assert after == ClassifierReranker(inside, 5, MaximalMarginalRelevance(trade_off=0.4))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "needs a trained model. Train one with recsat finetune content --classifier"),
        ({"model": "nowhere"}, "nowhere does not exist. Name a run of"),
        ({"model": "empty"}, "empty is no classifier: it has neither finetune.json nor finetune/classifier"),
        ({"model": "encoder"}, "encoder is no classifier: it was trained for 'contrastive'"),
        ({"model": "torn"}, r"finetune.json cannot be read .* Train the model anew"),
        ({"model": "good", "depth": 0}, "reranker 'classifier': depth must be at least 1, not 0"),
        ({"model": "good", "trade_off": 0.5}, "trade_off belongs to the reranker that comes after"),
        ({"model": "good", "then": "value"}, "then must be one of mmr, msd, dpp, xquad, calibrated, not 'value'"),
        ({"model": "good", "depht": 3}, "has no parameter 'depht'. It has: model, depth, then, trade_off"),
        ({"model": 3}, "reranker 'classifier': "),
    ],
)
def test_what_is_no_classifier_is_refused_with_what_to_do(
    parameters: dict[str, object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written = {
        "encoder": json.dumps({"settings": {"objective": "contrastive"}}),
        "good": json.dumps({"settings": {"objective": "classification", "max_tokens": 8}}),
        "torn": "{",
    }
    for name, content in written.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "finetune.json").write_text(content)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=message):
        classifier_reranker(**parameters)


def test_a_folder_whose_weights_have_no_head_is_refused_when_it_is_read(tiny_bert: Path, tmp_path: Path) -> None:
    for file in tiny_bert.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "finetune.json").write_text(json.dumps({"settings": {"objective": "classification", "max_tokens": 32}}))
    headless = ClassifierReranker(classifier_folder(tmp_path)).with_texts(["a film"] * 24, {"ann": "likes cats"})
    with pytest.raises(EncoderError, match="has no trained head"):
        headless.rerank(block_of(["ann", "bob"]), k=2)
