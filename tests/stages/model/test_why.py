"""The cause that an explanation states is true: taken away, the item comes in or moves up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from kept_models import kept_model
from torch import Tensor

from recsat.arms.hybrid.hybrid import Hybrid
from recsat.contract.domain import CandidateFilter
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.contract.reranker import RerankInput
from recsat.feedback.event import FeedbackEvent
from recsat.feedback.log import FeedbackLog
from recsat.lists.filters import SEEN
from recsat.plugins import load_plugins
from recsat.stages.model.explanation import Explanation
from recsat.stages.model.live import LiveModel
from recsat.stages.model.loaded import Model
from recsat.stages.model.why import without

PAIRS = 200
"""Of each model; there are six."""


class FromTheEnd:
    """Picks the worst of the shortlist."""

    def rerank(self, candidates: RerankInput, k: int) -> Tensor:
        n = torch.isfinite(candidates.scores).sum(dim=1, keepdim=True)
        places = n - 1 - torch.arange(k)
        return places.masked_fill(places < 0, -1)


@pytest.fixture(scope="module")
def models(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    plugins, place = load_plugins(["content"]), tmp_path_factory.mktemp("models")
    names = ("popularity", "text", "ease", "text-words")
    models = {name: with_filters(kept_model(finished_run, name, plugins, place)) for name in names}
    ease = models["ease"]
    vectors = {"text": models["text"].arm.item_vectors, "words": models["text-words"].arm.item_vectors}
    train = TrainingData(ease.catalogue, ease.histories.learnt_from, vectors, protocol="random")
    models["hybrid"] = replace(ease, arm=Hybrid().fit(train))
    models["reranked"] = replace(ease, request=replace(ease.request, n_candidates=15, reranker=FromTheEnd()))
    return models


def with_filters(model: Model) -> Model:
    """``model`` with two filters besides: some items for nobody, and some pairs."""
    of_items = CandidateFilter(name="odd", description="Four items of five.")
    mask = pl.Series("odd", np.arange(len(model.catalogue)) % 5 > 0)
    seen = model.rules.get("seen", SEEN)
    return replace(
        model,
        rules={**model.rules, "seen": seen, "odd": of_items},
        item_masks=model.item_masks.with_columns(mask, pl.lit(True).alias("seen")),
    )


def ranks(model: Model, user: str, **request: Any) -> dict[str, int]:
    lists = model.recommend([user], **request)
    return dict(zip(lists["item_id"], lists["rank"], strict=True))


def holds(model: Model, user: str, item: str, explanation: Explanation, request: dict[str, Any]) -> None:
    """Takes the cause away in the public interface, and looks."""
    k = request.get("k", 10)
    rank = ranks(model, user, **request).get(item)
    assert explanation.rank == rank
    assert (explanation.step == "listed") == (rank is not None)
    assert explanation.sentences
    match explanation.step:
        case "listed":
            lists = model.recommend([user], **request).filter(pl.col("item_id") == item)
            if explanation.scorer == model.card.arm:
                assert lists["score"].item() == explanation.score
        case "filter" | "request":
            [change] = explanation.changes
            run = [name for name in change.filters if not name.startswith("request.")]
            fewer = replace(model, rules={name: rule for name, rule in model.rules.items() if name not in run})
            rest = {name: value for name, value in request.items() if f"request.{name}" not in change.filters}
            assert ranks(fewer, user, **rest).get(item) == change.rank
            n_items = len(model.catalogue)
            plain = replace(fewer, request=replace(fewer.request, reranker=None))
            near = ranks(plain, user, **{**rest, "k": n_items})[item]
            assert change.place is not None
            assert change.place <= near  # equal scores stand in any order
            for name in change.filters:
                others = [other for other in change.filters if other != name]
                rules = {rule: value for rule, value in model.rules.items() if rule not in others}
                narrower = {part: value for part, value in request.items() if f"request.{part}" not in others}
                still = replace(plain, rules=rules)
                assert item not in ranks(still, user, **{**narrower, "k": n_items}), f"{name} removes it by itself"
        case "k":
            if explanation.changes:
                [change] = explanation.changes
                assert change.k is not None
                assert change.k > k
                assert ranks(model, user, **{**request, "k": change.k})[item] == change.rank
            else:
                assert explanation.n_candidates is not None
            assert explanation.place is not None
            if explanation.n_candidates is None:
                assert explanation.place + explanation.ties > k
                assert explanation.score <= explanation.last_score
        case "shortlist":
            assert explanation.place > explanation.n_candidates
            wider = replace(model, request=replace(model.request, n_candidates=len(model.catalogue)))
            assert item in ranks(wider, user, **{**request, "k": len(model.catalogue)})
        case "reranker":
            [change] = explanation.changes
            plain = replace(model, request=replace(model.request, reranker=None))
            assert ranks(plain, user, **request)[item] == change.rank
        case step:
            raise AssertionError(f"step {step} of a catalogue whose items all have scores")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["popularity", "text", "ease", "text-words", "hybrid", "reranked"])
def test_the_stated_cause_of_random_pairs_is_true(models: dict[str, Model], name: str) -> None:
    model, rng = models[name], np.random.default_rng(len(name))
    users, items = [*model.histories.ids.to_list(), "nobody"], model.catalogue.ids
    steps, has_parts = Counter[str](), False
    for _ in range(PAIRS):
        user, item = str(rng.choice(users)), str(rng.choice(items))
        request: dict[str, Any] = {"k": int(rng.integers(1, 30))}
        if rng.random() < 0.2:
            request["exclude"] = [item] if rng.random() < 0.5 else [str(rng.choice(items))]
        if rng.random() < 0.1:
            request["include"] = [str(one) for one in rng.choice(items, 20, replace=False)]
        explanation = model.why(user, item, **request)
        holds(model, user, item, explanation, request)
        if explanation.parts:
            of_parts = sum(part.value for part in explanation.parts)
            assert of_parts == pytest.approx(explanation.score, rel=1e-4, abs=1e-4)
        steps[explanation.step] += 1
        has_parts |= bool(explanation.parts)
    assert has_parts == (name == "hybrid")
    assert {"listed", "filter", "request", "k"} <= set(steps), steps
    assert name != "reranked" or {"shortlist", "reranker"} <= set(steps), steps


def test_the_history_item_that_is_named_contributes_most(models: dict[str, Model]) -> None:
    model = models["ease"]
    users = model.histories.learnt_from
    for row in range(0, len(users), 5):
        batch = users.take(np.array([row]))
        explanation = model.why(users.ids[row], model.recommend([users.ids[row]], k=1)["item_id"][0])
        position = model.catalogue.index[explanation.item_id]
        left = {one: float(model.arm.score(without(batch, one))[0, position]) for one in batch.history.indices.tolist()}
        least = min(left, key=lambda one: left[one])
        assert explanation.because is not None
        assert explanation.because.score == pytest.approx(left[least], abs=1e-5)
        assert explanation.because.score < explanation.score
        assert explanation.because.place >= 1


def test_every_removing_filter_is_named_and_together_they_are_the_cause(models: dict[str, Model]) -> None:
    model = models["text"]
    user = "1"
    seen = set(model.histories.seen_pairs(pl.Series([user]), model.catalogue)["item_id"])
    both = next(item for place, item in enumerate(model.catalogue.ids) if item in seen and place % 5 == 0)
    explanation = model.why(user, both, exclude=[both])
    assert [removal.name for removal in explanation.removals] == ["seen", "odd", "request.exclude"]
    assert explanation.step == "filter"
    assert explanation.changes[0].filters == ["seen", "odd", "request.exclude"]
    assert explanation.changes[0].place is not None
    assert (
        explanation.sentences[0] == "It is removed by filter seen: Items that the user has already had any event with."
    )
    assert (
        model.why(user, model.recommend([user])["item_id"][0], exclude=[model.recommend([user])["item_id"][0]]).step
        == "request"
    )


def test_an_item_that_the_catalogue_does_not_have_is_an_answer(models: dict[str, Model]) -> None:
    explanation = models["text"].why("1", "zzz")
    assert (explanation.step, explanation.title, explanation.rank) == ("catalogue", None, None)
    assert explanation.sentences == ["The model's catalogue has no item 'zzz'. A run whose data have it can list it."]


def test_who_is_not_known_is_served_by_a_fallback_that_is_named(models: dict[str, Model]) -> None:
    explanation = models["ease"].why("nobody", models["ease"].recommend(["nobody"], k=3)["item_id"][2])
    assert (explanation.step, explanation.rank, explanation.scorer) == ("listed", 3, "MarketPopularity")
    assert "By its score (market popularity, a fallback) it is rank" in str(explanation)
    assert not explanation.has_history
    assert explanation.because is None
    assert "Nothing is known that this user liked: a fallback makes the list." in explanation.sentences


def test_places_that_a_fallback_fills_follow_those_of_the_arm(models: dict[str, Model]) -> None:
    model = models["ease"]

    class OfThree(type(model.arm)):  # type: ignore[misc]
        """Has a score for the first three permitted items alone."""

        def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
            scores: Tensor = super().score(users, candidates)
            return scores.masked_fill(~torch.isin(torch.arange(scores.shape[1]), places), float("-inf"))

    best = model.recommend(["2"], k=3)["item_id"]
    places = torch.from_numpy(model.catalogue.positions(best))
    arm = OfThree()
    vars(arm).update(vars(model.arm))
    model = replace(model, arm=arm)
    lists = model.recommend(["2"], k=12)
    assert lists["fallback"].to_list() == [False] * 3 + [True] * 9
    for item, rank in zip(lists["item_id"], lists["rank"], strict=True):
        explanation = model.why("2", item, k=12)
        assert explanation.rank == rank
        assert explanation.scorer == ("ease" if rank <= 3 else "MarketPopularity")
        assert explanation.place is not None
        assert explanation.place <= rank <= explanation.place + explanation.ties
    after = model.why("2", lists["item_id"][11], k=5)
    assert after.step == "k"
    assert after.changes[0].rank is not None


def test_equal_scores_are_said_to_be_chance(models: dict[str, Model]) -> None:
    model = models["popularity"]
    scores = model.arm.score(model.histories.batch(["1"]))[0]
    values, counts = torch.unique(scores, return_counts=True)
    item = model.catalogue.ids[int((scores == values[counts.argmax()]).nonzero()[0])]
    without_filters = replace(model, rules={})
    explanation = without_filters.why("1", item, k=1)
    assert explanation.ties == int(counts.max()) - 1 > 0
    assert f"{explanation.ties} others have the same score; chance decides among them." in explanation.sentences


def test_an_event_of_a_moment_ago_is_part_of_the_answer(models: dict[str, Model], tmp_path: Path) -> None:
    model = models["ease"]
    best = model.recommend(["2"], k=1)["item_id"][0]
    with FeedbackLog(tmp_path) as log:
        live = LiveModel(model, log)
        assert live.why("2", best).step == "listed"
        log.append([FeedbackEvent(user_id="2", item_id=best, event="rating", value=5)])
        assert [removal.name for removal in live.why("2", best).removals] == ["seen"]


def test_taking_an_item_away_leaves_the_others_as_they_are(models: dict[str, Model]) -> None:
    users: UserBatch = models["ease"].histories.learnt_from
    item = int(users.history.indices[0])
    left = without(users, item)
    for name in ("history", "times", "ratings"):
        before, after = getattr(users, name), getattr(left, name)
        if before is not None:
            columns: Sequence[int] = np.delete(np.arange(before.shape[1]), item)
            assert after[:, [item]].nnz == 0
            assert (after[:, columns] != before[:, columns]).nnz == 0
