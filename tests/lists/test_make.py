"""From scores to lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Self

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from recsat.arms.linear.padded import at_candidates
from recsat.arms.popularity import Popularity
from recsat.arms.text import TextSimilarity
from recsat.contract.arm import Reasons, Recommender
from recsat.contract.dataset import Dataset
from recsat.contract.domain import CandidateFilter, FilterContext
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch
from recsat.contract.reranker import Reranker, RerankInput
from recsat.contract.topics import ItemTopics
from recsat.errors import RunError
from recsat.lists import make
from recsat.lists.filters import FilterPlan, plan_filters
from recsat.lists.make import Recommended, Served, lists_of
from recsat.lists.request import Features, Request, Retriever
from recsat.lists.requests import request_filters
from recsat.rerank.calibrated import Calibrated
from recsat.rerank.xquad import XQuAD

TITLES = ["Heat (1995)", "Casino", "<script>", "Brazil", "Alien", "Up"]
ITEMS = pl.DataFrame({"item_id": list("abcdef"), "kind": ["movie"] * 6, "title": TITLES})
CATALOGUE = Catalogue(ITEMS)
NO_EVENTS = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String})
HISTORY = np.array([[1, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]], dtype=np.float32)
USERS = UserBatch(["u", "v", "new"], csr_array(HISTORY))
TRAIN = TrainingData(
    CATALOGUE,
    UserBatch(
        ["t"] * 4,
        csr_array(
            np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]], dtype=np.float32)
        ),
    ),
)


class Fixed(Recommender):
    """Scores given by hand."""

    def __init__(self, scores: list[list[float]]) -> None:
        self.table = {user: torch.tensor(row) for user, row in zip(USERS.ids, scores, strict=True)}

    def fit(self, train: TrainingData) -> Self:
        return self

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        scores = torch.stack([self.table[user] for user in users.ids])
        return scores if candidates is None else at_candidates(scores, candidates)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        first = np.array([row.argmax() if row.any() else -1 for row in users.history.toarray()])
        return Reasons(np.full(items.shape, "because"), np.repeat(first[:, None], items.shape[1], axis=1))


ARM = Fixed([[9, 8, 7, 6, 5, 4], [1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]])


def seen_plan(*rules: CandidateFilter) -> FilterPlan:
    pairs_rule = CandidateFilter(
        name="own",
        description="",
        exclude=lambda users, context: pl.DataFrame({"user_id": ["u", "v", "v"], "item_id": ["a", "b", "c"]}),
    )
    context = FilterContext(
        known=Dataset(items=ITEMS, events=NO_EVENTS),
        config=None,
        now=datetime(2024, 1, 1, tzinfo=UTC),
    )
    return plan_filters({"own": pairs_rule} | {rule.name: rule for rule in rules}, CATALOGUE, USERS.ids, context)


def run(plan: FilterPlan, arm: Recommender = ARM, retriever: Retriever | None = None, **changes: object) -> Recommended:
    request = Request(**{"k": 3, "n_candidates": 4, **changes})  # type: ignore[arg-type]
    return lists_of(Served(TRAIN, USERS, plan, NO_EVENTS), "fixed", arm, request, retriever=retriever)


def lists(recommended: Recommended) -> dict[str, list[str]]:
    grouped = recommended.lists.sort("user_id", "rank").group_by("user_id").agg("item_id")
    return {row["user_id"]: row["item_id"] for row in grouped.iter_rows(named=True)}


@pytest.mark.parametrize("user_block", [1, 2, 256])
@pytest.mark.parametrize("table_users", [1, 2, 8_192])
def test_lists_are_the_best_permitted_items_in_order_whatever_the_block(
    user_block: int, table_users: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = run(seen_plan()).lists
    monkeypatch.setattr(make, "TABLE_USERS", table_users)
    assert run(seen_plan(), user_block=user_block).lists.equals(at_once)
    recommended = run(seen_plan(), user_block=user_block)
    assert lists(recommended) == {"u": ["b", "c", "d"], "v": ["f", "e", "d"], "new": ["a", "b", "c"]}
    assert recommended.lists.filter(pl.col("user_id") == "u")["score"].to_list() == [8, 7, 6]


def test_reasons_name_the_history_item_and_the_fallback_says_that_it_is_one() -> None:
    reasons = run(seen_plan()).lists.group_by("user_id").agg(pl.col("reason").first(), pl.col("fallback").all())
    by_user = {row["user_id"]: row for row in reasons.iter_rows(named=True)}
    assert by_user["u"]["reason"] == "because you liked Heat (1995)"
    assert by_user["new"] == {
        "user_id": "new",
        "reason": "popular now; nothing is known of your taste yet",
        "fallback": True,
    }


def test_an_arm_that_scores_everything_alike_says_so_in_its_reasons() -> None:
    tied = Fixed([[3] * 6, [1, 2, 3, 4, 5, 6], [0] * 6])
    reasons = dict(run(seen_plan(), arm=tied).lists.group_by("user_id").agg(pl.col("reason").first()).iter_rows())
    assert reasons["u"] == "nothing tells it from the others: all score alike"
    assert reasons["v"] != reasons["u"]
    assert reasons["new"] == "popular now; nothing is known of your taste yet"


@pytest.mark.parametrize("first_columns", [1, 2, 4, 1_024])
def test_where_scores_differ_only_among_columns_that_are_looked_at_late_they_are_not_all_alike(
    first_columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "FIRST_COLUMNS", first_columns)
    tied = Fixed([[3, 3, 3, 3, 3, 2], [4, 4, 4, 4, 4, 4], [0] * 6])
    reasons = dict(run(seen_plan(), arm=tied).lists.group_by("user_id").agg(pl.col("reason").first()).iter_rows())
    alike = "nothing tells it from the others: all score alike"
    assert (reasons["u"] == alike, reasons["v"] == alike) == (False, True)


def test_a_short_list_is_filled_from_the_fallback_and_says_so() -> None:
    short = Fixed([[9, float("-inf"), float("-inf"), float("-inf"), 5, float("-inf")], [1, 2, 3, 4, 5, 6], [0] * 6])
    recommended = run(seen_plan(), arm=short, k=4)
    mine = recommended.lists.filter(pl.col("user_id") == "u")
    assert mine["item_id"].to_list() == ["e", "b", "c", "d"]
    assert mine["fallback"].to_list() == [False, True, True, True]
    assert mine["score"].to_list() == [5, None, None, None]
    assert mine["reason"][1] == "popular now; the list would have been too short"
    assert recommended.n_filled == 3 + 4


def test_nothing_that_a_filter_removed_comes_back_as_filling() -> None:
    nothing = CandidateFilter(name="n", description="", keep=lambda items, context: items["item_id"].is_in(["a", "b"]))
    assert lists(run(seen_plan(nothing))) == {"u": ["b"], "v": ["a"], "new": ["a", "b"]}


class PutsBack:
    """A reranker that ignores what it may not choose."""

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        return torch.arange(k).expand(block.candidates.shape[0], k)


class Reverses:
    """A reranker that prefers the last of the finite candidates."""

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        order = torch.where(torch.isfinite(block.scores), torch.arange(block.scores.shape[1]), -1).topk(k, dim=1)
        return order.values


def test_a_reranker_chooses_among_the_best_candidates() -> None:
    assert lists(run(seen_plan(), reranker=Reverses()))["u"] == ["e", "d", "c"]


def test_a_filter_is_checked_again_after_the_reranker() -> None:
    only_b = CandidateFilter(name="n", description="", keep=lambda items, context: items["item_id"] == "b")
    recommended = run(seen_plan(only_b), reranker=PutsBack())
    assert set(recommended.lists["item_id"]) == {"b"}


def test_scores_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(RunError, match="Fixed gave scores that are not a number"):
        run(seen_plan(), arm=Fixed([[float("nan")] * 6] * 3))


class Everything:
    """A retriever that finds a fixed share of the catalogue."""

    def __init__(self, places: list[int]) -> None:
        self.places = places

    def candidates(
        self, queries: Mapping[str, NDArray[np.float32]], limit: int, plan: FilterPlan, rows: slice
    ) -> list[NDArray[np.int64]]:
        return [np.tile(np.array(self.places), (len(part), 1)) for part in queries.values()]


def test_candidate_recall_is_the_share_of_the_exact_list_that_was_retrieved() -> None:
    vectors = np.eye(6, 4, dtype=np.float32) + 0.1 * np.arange(6, dtype=np.float32)[:, None]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    train = TrainingData(CATALOGUE, TRAIN.users, {"text": vectors})
    arm = TextSimilarity(vector="text").fit(train)
    plan = seen_plan()
    exact = run(plan, arm=arm)
    assert exact.candidate_recall is None
    assert exact.source == "catalogue"
    whole = run(plan, arm=arm, retriever=Everything([0, 1, 2, 3, 4, 5]))
    assert whole.candidate_recall == 1.0
    assert whole.source == "qdrant:text"
    assert lists(whole) == lists(exact)
    part = run(plan, arm=arm, retriever=Everything([5, 4, 0, -1]))
    assert part.candidate_recall == pytest.approx(2 / 3)


def test_of_many_users_a_sample_has_its_exact_lists_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one user, of whom two have a history: a sample of one is that one's recall, or nobody's where the sampled has none."""
    arm = TextSimilarity(vector="text").fit(TrainingData(CATALOGUE, TRAIN.users, {"text": np.eye(6, dtype=np.float32)}))
    retriever, plan = Everything([5, 4, 3, 2]), seen_plan()
    n_exact = 0

    class Counting(TextSimilarity):
        def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
            nonlocal n_exact
            n_exact += len(users) * (candidates is None)
            return super().score(users, candidates)

    counting = Counting(vector="text")
    counting.item_vectors = arm.item_vectors
    whole = run(plan, arm=counting, retriever=retriever, user_block=1)
    assert n_exact == 2
    monkeypatch.setattr(make, "RECALL_USERS", 1)
    recalls = []
    for seed in range(12):
        n_exact = 0
        part = run(plan, arm=counting, retriever=retriever, user_block=1, seed=seed)
        recalls.append(part.candidate_recall)
        assert n_exact == (part.candidate_recall is not None)
        assert part.n_candidates == whole.n_candidates
    assert None in recalls
    assert len(set(recalls)) >= 2


def test_scores_that_an_arm_keeps_are_not_written_to() -> None:
    scores = torch.tensor([[1.0, 2, 3, 4, 5, 6]]).repeat(3, 1)

    class Keeping(Fixed):
        def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
            return scores

    run(seen_plan(), arm=Keeping([[0.0] * 6] * 3))
    assert torch.equal(scores, torch.tensor([[1.0, 2, 3, 4, 5, 6]]).repeat(3, 1))


def test_a_place_without_a_candidate_is_in_no_list_whatever_an_arm_scores_there() -> None:
    class Careless(Fixed):
        vector = "text"

        def query_vectors(self, users: UserBatch) -> NDArray[np.float32]:
            return np.zeros((len(users), 1), dtype=np.float32)

        def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
            assert candidates is not None
            return torch.where(candidates < 0, 99.0, super().score(users, candidates))

    table = [[1.0, 2, 3, 4, 5, 6]] * 3
    recommended = run(seen_plan(), arm=Careless(table), retriever=Everything([5, 4, -1, -1]), recall=False).lists
    of_arm = recommended.filter(~pl.col("fallback"))
    for user in ("u", "v"):  # of whom the first item may be shown to the second
        assert of_arm.filter(pl.col("user_id") == user)["item_id"].to_list() == ["f", "e"]


def test_lists_without_reasons_have_empty_ones() -> None:
    recommended = run(seen_plan(), arm=Fixed([[1, 2, 3, 4, 5, 6]] * 3), explain=False).lists
    assert set(recommended.filter(~pl.col("fallback"))["reason"]) == {""}


def test_a_user_without_history_is_served_by_what_they_told_then_by_popularity() -> None:
    vectors = np.eye(6, dtype=np.float32)
    train = TrainingData(CATALOGUE, TRAIN.users, {"text": vectors})
    profile_vectors = np.zeros((3, 6), dtype=np.float32)
    profile_vectors[2, [4, 5]] = [0.8, 0.6]
    users = UserBatch(USERS.ids, USERS.history, profile_vectors=profile_vectors)
    recommended = lists_of(Served(train, users, seen_plan(), NO_EVENTS), "fixed", ARM, Request(k=3, n_candidates=4))
    by_user = {user: recommended.lists.filter(pl.col("user_id") == user) for user in USERS.ids}
    assert by_user["new"]["item_id"].to_list()[:2] == ["e", "f"]
    assert set(by_user["new"]["reason"]) == {"fits what you told about yourself"}
    assert not by_user["u"]["fallback"].any()
    nothing_told = UserBatch(USERS.ids, USERS.history, profile_vectors=np.zeros((3, 6), dtype=np.float32))
    plain = lists_of(Served(train, nothing_told, seen_plan(), NO_EVENTS), "fixed", ARM, Request(k=3))
    assert (
        plain.lists.filter(pl.col("user_id") == "new")["reason"][0] == "popular now; nothing is known of your taste yet"
    )


GENRES = [["Crime"], ["Crime", "Drama"], ["Drama"], ["Drama"], [], ["Crime"]]
WITH_GENRES = Catalogue(ITEMS.with_columns(genres=pl.Series(GENRES, dtype=pl.List(pl.String))))


class Tastes(Fixed):
    """No history item carries a score, but for the listed items in ``named``, which the first liked one does."""

    def __init__(self, *named: int) -> None:
        super().__init__([[9, 8, 7, 6, 5, 4]] * 3)
        self.named = named

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        item = np.where(np.isin(items, self.named), super().explain(users, items).item, -1)
        return Reasons(np.where(item >= 0, "because", "taste"), item)


def reasons_of(arm: Recommender, user: str, **changes: object) -> dict[str, str]:
    request = Request(**{"k": 5, "topics": "genres", **changes})  # type: ignore[arg-type]
    served = Served(replace(TRAIN, catalogue=WITH_GENRES), USERS, seen_plan(), NO_EVENTS)
    recommended = lists_of(served, "fixed", arm, request)
    mine = recommended.lists.filter(pl.col("user_id") == user)
    return dict(zip(mine["item_id"], mine["reason"], strict=True))


def test_without_a_history_item_to_name_a_topic_of_item_and_history_is_the_reason() -> None:
    assert reasons_of(Tastes(), "u") == {
        "b": "more Crime, which you liked before",
        "c": "fits what you liked so far",  # drama is not what u likes
        "d": "fits what you liked so far",
        "e": "fits what you liked so far",
        "f": "more Crime, which you liked before",
    }
    # v liked b (crime and drama) and c (drama)
    assert reasons_of(Tastes(), "v")["a"] == "more Crime, which you liked before"
    assert reasons_of(Tastes(), "v")["d"] == "more Drama, which you liked before"
    assert set(reasons_of(Tastes(), "new").values()) == {"popular now; nothing is known of your taste yet"}


def test_a_history_item_that_carries_the_score_comes_before_any_topic() -> None:
    reasons = reasons_of(Tastes(1), "u")
    assert reasons["b"] == "because you liked Heat (1995)"
    assert reasons["f"] == "more Crime, which you liked before"


def test_a_template_may_add_the_topic_that_both_items_share() -> None:
    templates = {"because": "like {title}, {topic} too", "topic": "{topic}!"}
    reasons = reasons_of(Tastes(1, 2), "u", templates=templates)
    assert reasons["b"] == "like Heat (1995), Crime too"
    assert reasons["c"] == "because you liked Heat (1995)", "they share none"
    assert reasons["f"] == "Crime!"


def test_without_topics_or_reasons_nothing_is_named() -> None:
    assert set(reasons_of(Tastes(), "u", topics=None).values()) == {"fits what you liked so far"}
    assert set(reasons_of(Tastes(), "u", explain=False).values()) <= {
        "",
        "popular now; the list would have been too short",
    }


@pytest.mark.parametrize("in_rows", [True, False])
@pytest.mark.parametrize("reranker", [XQuAD(trade_off=0.9), Calibrated(trade_off=0.9)])
def test_what_a_reranker_brought_in_for_its_topic_keeps_the_arms_own_reason(reranker: Reranker, in_rows: bool) -> None:
    topics = np.array([[1, 0], [0.5, 0.5], [0, 1], [0, 1], [0, 0], [1, 0]], dtype=np.float32)
    features = Features(topics=ItemTopics.of(csr_array(topics)) if in_rows else torch.from_numpy(topics))
    arm = Fixed([[6, 3, 5, 4, 2, 1]] * 3)
    plain, reranked = (
        reasons_of(arm, "u", k=2, **changes) for changes in ({}, {"reranker": reranker, "features": features})
    )
    assert list(plain) == ["c", "d"]
    assert set(reranked) != {"c", "d"}, "the reranker brought in what u likes"
    assert set(reranked.values()) == {"because you liked Heat (1995)"}


KINDS = Catalogue(ITEMS.with_columns(kind=pl.Series(["movie", "movie", "song", "song", "movie", "song"])))
ABROAD = TrainingData(
    KINDS,
    UserBatch(
        ["t"] * 6,
        csr_array(
            np.array([[1, 1, 1, 0, 0, 0]] * 3 + [[0, 0, 0, 1, 1, 0]] * 2 + [[1, 0, 0, 1, 0, 0]], dtype=np.float32)
        ),
        markets=np.array(["GB", "GB", "GB", "MT", "MT", ""]),
    ),
)


def of_newcomers(*rules: CandidateFilter, k: int = 2) -> dict[str, list[tuple[str, str]]]:
    users = UserBatch(["gb", "mt", "unknown"], csr_array((3, 6), dtype=np.float32), markets=np.array(["GB", "MT", ""]))
    context = FilterContext(known=Dataset(items=ITEMS, events=pl.DataFrame()), config=None, now=datetime.now(UTC))
    plan = plan_filters({rule.name: rule for rule in rules}, KINDS, users.ids, context)
    arm = Popularity().fit(ABROAD)
    recommended = lists_of(Served(ABROAD, users, plan, NO_EVENTS), "any", arm, Request(k=k))
    assert recommended.lists["fallback"].all()
    rows = recommended.lists.select("user_id", pl.concat_list("item_id", "reason")).group_by(
        "user_id", maintain_order=True
    )
    return {user[0]: [tuple(pair) for pair in part["item_id"]] for user, part in rows}  # type: ignore[misc]


def test_a_user_of_whom_only_the_market_is_known_gets_what_is_popular_there() -> None:
    # 2 of 2 users in MT liked d and e, 4, 3 and 2 of all 6 liked a, d and e; 10 prior users:
    # d (2 + 5) / 12, a (0 + 6.7) / 12, e (2 + 3.3) / 12, b and c 5 / 12
    lists = of_newcomers(k=3)
    there = "popular in MT; nothing is known of your taste yet"
    everywhere = "popular now; nothing is known of your taste yet"
    assert lists["mt"] == [("d", there), ("a", everywhere), ("e", there)], "nobody in MT liked a"
    assert lists["gb"][0] == ("a", "popular in GB; nothing is known of your taste yet")
    assert {item for item, _ in lists["gb"]} == {"a", "b", "c"}
    assert lists["unknown"][0] == ("a", everywhere)
    assert {reason for _, reason in lists["unknown"]} == {everywhere}


def test_who_asks_for_a_kind_gets_the_best_of_that_kind_in_the_market() -> None:
    rules = request_filters(KINDS, kinds=["song"])
    assert [item for item, _ in of_newcomers(*rules.values())["mt"]] == ["d", "c"]
    assert [item for item, _ in of_newcomers(*rules.values())["gb"]] == ["c", "d"]
