"""The contract passes an arm that keeps it, and fails each that breaks one rule, which its message names with what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.contract.arm import ArmState, Reasons, Recommender
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.testing import RecommenderContract


class Companions(Recommender):
    """What is liked together: of each item, how many users like it and an item of the history."""

    def fit(self, train: TrainingData) -> Self:
        history = train.users.history
        self.together = (history.T @ history).toarray()
        np.fill_diagonal(self.together, 0)
        return self

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        scores = torch.from_numpy(users.history @ self.together)
        return scores if candidates is None else at(scores, candidates)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        share = users.history.toarray()[:, :, None] * self.together[:, items.clip(0)].transpose(1, 0, 2)
        best = np.where((items >= 0) & (share.max(axis=1) > 0), share.argmax(axis=1), -1)
        return Reasons(code=np.where(best >= 0, "because", "taste"), item=best)


class Factors(Companions):
    """Companions by inner products: the same scores from vectors of its own."""

    vector = "companions"

    def query_vectors(self, users: UserBatch) -> NDArray[np.float32]:
        return users.history.toarray()

    def stored_vectors(self) -> dict[str, NDArray[np.float32]]:
        return {"companions": self.together.T}

    def neighbours(self, users: UserBatch, n: int) -> NDArray[np.int64]:
        return np.argsort(-self.together, axis=1)[users.history.argmax(axis=1)][:, :n]


def at(scores: Tensor, candidates: Tensor) -> Tensor:
    return scores.gather(1, candidates.clamp(min=0)).masked_fill(candidates == -1, float("-inf"))


class Same(Recommender):
    """How many users like an item, the same for everybody."""

    def fit(self, train: TrainingData) -> Self:
        self.popularity = torch.from_numpy(train.popularity)
        return self

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        scores = self.popularity.expand(len(users), -1)
        return scores if candidates is None else at(scores, candidates)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        return Reasons(code=np.full(items.shape, "popular"), item=np.full(items.shape, -1))


class TestCompanions(RecommenderContract):
    make = staticmethod(lambda: Companions())


class Saved(Companions):
    """Companions that outlive their process."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = np.float32(scale)

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        return self.scale * super().score(users, candidates)

    def state(self) -> ArmState:
        return ArmState({"together": self.together}, {"scale": float(self.scale)})

    def restore(self, state: ArmState) -> Self:
        self.together, self.scale = state.arrays["together"], np.float32(state.numbers["scale"])
        return self


class TestSaved(RecommenderContract):
    make = staticmethod(lambda: Saved(scale=0.3))


class TestFactors(RecommenderContract):
    make = Factors


class TestRatings(RecommenderContract):
    make = staticmethod(lambda: broken(Companions, predict_ratings=predicted(lambda users, ratings: ratings))())


class TestSame(RecommenderContract):
    make = Same
    personal = False
    reasons = "none"


def broken(base: type[Companions], **methods: Any) -> Callable[[], Recommender]:
    return type("Broken", (base,), methods)


def fit_forgets(self: Companions, train: TrainingData) -> None:
    Companions.fit(self, train)


def fit_writes(self: Companions, train: TrainingData) -> Companions:
    Companions.fit(self, train)
    train.users.history.data[:] = 2
    return self


def fit_centres(self: Companions, train: TrainingData) -> Companions:
    Companions.fit(self, train)
    train.vectors["text"][:] -= 1
    return self


def fit_turned(self: Companions, train: TrainingData) -> Companions:
    Companions.fit(self, train)
    self.together = -self.together
    return self


def fit_unseeded(self: Companions, train: TrainingData) -> Companions:
    Companions.fit(self, train)
    self.together = self.together + np.random.default_rng().random(self.together.shape, dtype=np.float32)
    return self


def fit_by_id(self: Companions, train: TrainingData) -> Companions:
    Companions.fit(self, train)
    self.ids = set(train.users.ids)  # type: ignore[attr-defined]
    return self


def scored(change: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``change(arm, users, candidates, scores)`` over the right scores."""

    def score(self: Companions, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        return change(self, users, candidates, Companions.score(self, users, candidates))

    return score


def explained(change: Callable[..., Any]) -> Callable[..., Any]:
    def explain(self: Companions, users: UserBatch, items: NDArray[np.int64]) -> Any:
        return change(users, items, Companions.explain(self, users, items))

    return explain


def predicted(change: Callable[..., Any]) -> Callable[..., Any]:
    """``change(users, ratings)`` over three stars and half a star for each liked item."""

    def predict_ratings(self: Companions, users: UserBatch, items: NDArray[np.int64]) -> Any:
        stars = 3 + users.lengths[:, None] / 2
        return change(users, np.where(items < 0, np.nan, stars).astype(np.float32))

    return predict_ratings


def restored(change: Callable[[Any], Any]) -> Callable[..., Any]:
    """``change`` of the arm that was restored as it should be."""

    def restore(self: Saved, state: ArmState) -> Any:
        return change(Saved.restore(self, state))

    return restore


def rescaled(arm: Saved, factor: float) -> Saved:
    arm.scale = np.float32(arm.scale * factor)
    return arm


def forgets_reasons(arm: Saved) -> Saved:
    explain = arm.explain
    arm.explain = lambda users, items: replace(explain(users, items), item=np.full(items.shape, -1))  # type: ignore[method-assign]
    return arm


def fit_with_vectors(self: Saved, train: TrainingData) -> Saved:
    Companions.fit(self, train)
    self.vectors = self.together  # type: ignore[attr-defined]
    return self


def least_liked(users: UserBatch, items: NDArray[np.int64], reasons: Reasons) -> Reasons:
    first = np.array([row.nonzero()[0][0] for row in users.history.toarray()])
    return Reasons(reasons.code, np.where(items >= 0, first[:, None], -1))


SAVES = "test_a_saved_and_loaded_arm"
RATES = "test_predicted_ratings_are"
LOWERS = "test_taking_the_named_reason_away_lowers_the_score"
RULES: list[tuple[str, Callable[[], Recommender], str, str]] = [
    ("fit gives nothing back", broken(Companions, fit=fit_forgets), "test_fit_returns", "Return self."),
    ("fit writes into histories", broken(Companions, fit=fit_writes), "test_fit_returns", "changed the histories"),
    (
        "fit writes into vectors",
        broken(Companions, fit=fit_centres),
        "test_fit_returns",
        "item vectors ['raw', 'text', 'words']",
    ),
    ("the worst come first", broken(Companions, fit=fit_turned), "test_the_one_withheld", "Look at the sign"),
    ("no seed", broken(Companions, fit=fit_unseeded), "test_fitting_twice", "TrainingData.seed alone"),
    (
        "scores of float64",
        broken(Companions, score=scored(lambda arm, users, candidates, scores: scores.double())),
        "test_scores_are_float32",
        "of the catalogue are torch.float64; return float32",
    ),
    (
        "candidates forgotten",
        broken(Companions, score=lambda self, users, candidates=None: Companions.score(self, users)),
        "test_scores_are_float32",
        "at candidates have shape (60, 30); return (60, 2)",
    ),
    (
        "a number for padding",
        broken(Companions, score=scored(lambda arm, users, candidates, scores: scores.clamp(min=0))),
        "test_scores_at_candidates_are",
        "it must be -inf",
    ),
    (
        "other scores at candidates",
        broken(
            Companions,
            score=scored(lambda arm, users, candidates, scores: scores if candidates is None else scores + 1),
        ),
        "test_scores_at_candidates_are",
        "another one than that of the same item when the whole catalogue",
    ),
    (
        "ids of training alone",
        broken(
            Companions,
            fit=fit_by_id,
            score=scored(lambda arm, users, candidates, scores: scores * (set(users.ids) <= arm.ids)),
        ),
        "test_a_user_is_scored_from_the_history",
        "Score users.history",
    ),
    (
        "centred over the batch",
        broken(Companions, score=scored(lambda arm, users, candidates, scores: scores - scores[:1])),
        "test_a_users_scores_do_not_depend",
        "who else is in the batch",
    ),
    (
        "a mean of nothing",
        broken(
            Companions,
            score=scored(lambda arm, users, c, scores: scores / torch.from_numpy(users.history.sum(axis=1))[:, None]),
        ),
        "test_an_empty_history",
        "not finite. Give 0",
    ),
    (
        "a query that is not the score",
        broken(Factors, query_vectors=lambda self, users: 2 * users.history.toarray()),
        "test_query_vectors_times",
        "is not the score",
    ),
    (
        "a vector that nobody has",
        broken(Factors, vector="other"),
        "test_query_vectors_times",
        "They have ['companions', ",
    ),
    (
        "queries of another width",
        broken(Factors, query_vectors=lambda self, users: users.history.toarray()[:, :4]),
        "test_queries_and_neighbours",
        "have shape (60, 4); return (60, 30)",
    ),
    (
        "neighbours twice",
        broken(Factors, neighbours=lambda self, users, n: np.zeros((len(users), n), dtype=np.int64)),
        "test_queries_and_neighbours",
        "neighbours of user 0 have an item twice",
    ),
    (
        "ratings of float64",
        broken(Companions, predict_ratings=predicted(lambda users, ratings: ratings.astype(np.float64))),
        RATES,
        "are float64; return float32",
    ),
    (
        "ratings of another shape",
        broken(Companions, predict_ratings=predicted(lambda users, ratings: ratings[:, :2])),
        RATES,
        "have shape (60, 2); return (60, 4)",
    ),
    (
        "a rating for padding",
        broken(Companions, predict_ratings=predicted(lambda users, ratings: np.nan_to_num(ratings))),
        RATES,
        "it must be NaN",
    ),
    (
        "no rating for some",
        broken(Companions, predict_ratings=predicted(lambda users, ratings: np.where(ratings > 4, np.nan, ratings))),
        RATES,
        "Give what is likely for anybody",
    ),
    (
        "ratings by who else is there",
        broken(Companions, predict_ratings=predicted(lambda users, ratings: ratings - ratings[0])),
        RATES,
        "Predict from users.ratings",
    ),
    (
        "no rating without a history",
        broken(
            Companions,
            predict_ratings=predicted(lambda users, ratings: np.where(users.is_new[:, None], np.nan, ratings)),
        ),
        RATES,
        "who rated nothing gets a predicted rating that is not finite",
    ),
    ("state without restore", broken(Companions, state=Saved.state), SAVES, "the arm has state and not the other"),
    (
        "restore without state",
        broken(Companions, restore=Saved.restore),
        SAVES,
        "the arm has restore and not the other",
    ),
    ("restore gives nothing back", broken(Saved, restore=restored(lambda arm: None)), SAVES, "Return self."),
    (
        "another number after loading",
        broken(Saved, restore=restored(lambda arm: rescaled(arm, 1 + 1e-7))),
        SAVES,
        "scores: a loaded arm's are not those of the arm that was saved",
    ),
    (
        "reasons of whom it was fitted on",
        broken(Saved, restore=restored(forgets_reasons)),
        SAVES,
        "items of reasons: a loaded arm's",
    ),
    (
        "vectors that are not in the state",
        broken(
            Saved,
            fit=fit_with_vectors,
            stored_vectors=lambda self: {"own": self.vectors} if hasattr(self, "vectors") else {},
        ),
        SAVES,
        "a loaded arm answers",
    ),
    ("no state that JSON can say", broken(Saved, state=lambda self: ArmState({}, {"arm": self})), SAVES, "are no JSON"),
    (
        "reasons of another shape",
        broken(Companions, explain=explained(lambda u, i, r: Reasons(r.code[:, :1], r.item))),
        "test_reasons_belong",
        "code has shape (60, 1); return (60, 4)",
    ),
    (
        "a reason for an empty place",
        broken(
            Companions, explain=explained(lambda u, i, r: Reasons(r.code, r.item.max(axis=1, keepdims=True) + 0 * i))
        ),
        "test_reasons_belong",
        "for an empty list place",
    ),
    (
        "the item itself as its reason",
        broken(Companions, explain=explained(lambda users, items, reasons: Reasons(reasons.code, items))),
        "test_reasons_belong",
        "not in the user's history",
    ),
    (
        "no reasons",
        broken(Companions, explain=explained(lambda users, items, r: Reasons(r.code, np.full(items.shape, -1)))),
        "test_reasons_belong",
        'set reasons = "none"',
    ),
    ("any history item", broken(Companions, explain=explained(least_liked)), LOWERS, "another history item to"),
]


@pytest.mark.parametrize(("make", "method", "message"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_an_arm_that_breaks_a_rule_fails_the_test_of_it(
    make: Callable[[], Recommender], method: str, message: str, failures: Callable[[type[Any]], dict[str, str]]
) -> None:
    messages = failures(type("TestBroken", (RecommenderContract,), {"make": staticmethod(make)}))
    texts = [text for name, text in messages.items() if name.startswith(method)]
    assert texts, f"no test {method}… failed, of {sorted(messages)}"
    assert any(message in text for text in texts), texts


def test_a_reason_whose_absence_does_not_lower_the_score_is_no_reason() -> None:
    class Turned(Companions):
        def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
            return 1 / (1 + Companions.score(self, users, candidates).clamp(min=0))

    contract = type("TestTurned", (RecommenderContract,), {"make": Turned, "reasons": "any"})
    with pytest.raises(AssertionError, match="Name an item whose absence lowers the score"):
        contract().test_taking_the_named_reason_away_lowers_the_score()


def test_a_contract_without_an_arm_says_how_to_name_it() -> None:
    with pytest.raises(NotImplementedError, match="name the arm: make = staticmethod"):
        RecommenderContract().test_an_empty_history_gives_finite_scores()
