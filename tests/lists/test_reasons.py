"""Codes in words."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from scipy.sparse import csr_array

from recsat.arms.aligned import AlignedText
from recsat.arms.ease import Ease
from recsat.contract.interactions import UserBatch
from recsat.contract.reasons import DEFAULT_REASONS, unknown_placeholders
from recsat.lists import reasons
from recsat.lists.reasons import reasons_of, sentences_of
from recsat.testing import worlds

TITLES = pl.Series(["Heat", "{topic}", None])
TEMPLATES = {
    "because": "like {title}: {topic}",
    "similar": "{topic} and {topic}",
    "popular": "loved in {market}",
    "odd": "odd {topic}",
}


@pytest.mark.parametrize("few", [reasons.FEW, 0])
@pytest.mark.parametrize(
    ("code", "item", "topic", "market", "sentence"),
    [
        ("because", 0, "Crime", "", "like Heat: Crime"),
        ("because", 0, None, "", "because you liked Heat"),  # without a topic: recsat's own words
        ("because", 1, "Crime", "", "like {topic}: Crime"),  # what a title says is no placeholder
        ("because", 2, "Crime", "", "like an item you liked: Crime"),
        ("because", -1, None, "", "because you liked an item you liked"),
        ("similar", 0, "$0 \\1 {title}", "", "$0 \\1 {title} and $0 \\1 {title}"),
        ("popular", -1, None, "Malta", "loved in Malta"),
        ("popular", -1, None, None, "popular now"),
        ("topic", -1, "Crime", None, "more Crime, which you liked before"),
        ("no-history-market", -1, None, "Malta", "popular in Malta; nothing is known of your taste yet"),
        ("odd", -1, "Crime", None, "odd Crime"),
        ("odd", -1, None, None, "odd"),
        ("unheard", 0, "Crime", "Malta", "unheard"),
        ("", -1, None, None, ""),
    ],
)
def test_a_template_is_filled_or_gives_way(
    code: str,
    item: int,
    topic: str | None,
    market: str | None,
    sentence: str,
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reasons, "FEW", few)  # one by one, and by a query
    topics, markets = pl.Series([topic], dtype=pl.String), pl.Series([market or None], dtype=pl.String)
    sentences = sentences_of(np.array([code]), np.array([item]), TITLES, TEMPLATES, topics=topics, markets=markets)
    assert sentences.to_list() == [sentence]


@pytest.mark.parametrize("few", [reasons.FEW, 0])
def test_whole_columns_are_told_at_once_each_place_in_its_own_words(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reasons, "FEW", few)
    codes = np.array(["because", "popular", "because", "taste"])
    sentences = sentences_of(
        codes,
        np.array([0, -1, 0, -1]),
        TITLES,
        TEMPLATES,
        topics=pl.Series(["Crime", None, None, "Crime"], dtype=pl.String),
    )
    assert sentences.to_list() == [
        "like Heat: Crime",
        "popular now",
        "because you liked Heat",
        "fits what you liked so far",
    ]
    assert sentences_of(codes[:0], np.zeros(0, dtype=np.int64), TITLES, TEMPLATES).to_list() == []
    assert sentences_of(codes[:0], np.zeros(0, dtype=np.int64), TITLES.clear(), TEMPLATES).dtype == pl.String


def test_recsats_own_words_have_known_placeholders_alone() -> None:
    assert [unknown_placeholders(text) for text in DEFAULT_REASONS.values()] == [[]] * len(DEFAULT_REASONS)


@pytest.mark.parametrize(
    ("template", "unknown"),
    [
        ("{title} {topic} {market}", []),
        ("{titel}", ["{titel}"]),
        ("{} {title:>3} }", ["{}", "{title:>3}", "}"]),
        ("{title", ["{title"]),
    ],
)
def test_braces_that_are_no_placeholder_are_found(template: str, unknown: list[str]) -> None:
    assert unknown_placeholders(template) == unknown


@pytest.mark.parametrize("few", [reasons.FEW, 0])
def test_numbers_are_said_in_words_and_nothing_where_there_are_none(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reasons, "FEW", few)
    codes = np.array(["recent", "recent", "no-history-recent", "recent"])
    sentences = sentences_of(
        codes,
        np.full(4, -1),
        TITLES,
        {"recent": "{people} in {days}"},
        people=np.array([1, 12_000, 3, 0]),
        days=np.array([14, 1, 7, 0]),
    )
    assert sentences.to_list() == [
        "one person in 14 days",
        "12000 people in day",
        "liked by 3 people in the last 7 days; nothing is known of your taste yet",
        "recent",
    ]


def users_of_lengths(lengths: list[int], n_items: int) -> UserBatch:
    """Users who like as many items as that, drawn at random."""
    dice = np.random.default_rng(5)
    liked = np.zeros((len(lengths), n_items), dtype=np.float32)
    for user, length in enumerate(lengths):
        liked[user, dice.permutation(n_items)[:length]] = 1
    return UserBatch([f"u{user}" for user in range(len(lengths))], csr_array(liked))


@pytest.mark.parametrize("arm", [Ease(l2=5.0), AlignedText()])
def test_reasons_are_those_of_each_user_alone(monkeypatch: pytest.MonkeyPatch, arm: Ease | AlignedText) -> None:
    data = worlds.taste_groups()
    arm.fit(data)
    n_items = len(data.catalogue)
    users = users_of_lengths([3, 0, n_items, 2, 9, 4], n_items)
    items = np.random.default_rng(1).integers(-1, n_items, (6, 5))
    monkeypatch.setattr(reasons, "HISTORY_BUDGET", 20)
    together = reasons_of(arm, users, items)
    for user in range(6):
        alone = arm.explain(users.take(slice(user, user + 1)), items[user : user + 1])
        assert together.item[user].tolist() == alone.item[0].tolist()
        assert together.code[user].tolist() == alone.code[0].tolist()
    assert len({tuple(row) for row in together.item.tolist()}) > 3


def test_one_long_history_does_not_pad_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    arm = Ease(l2=5.0)
    arm.weights = torch.zeros(3_000, 3_000)
    padded: list[int] = []
    explain = arm.explain
    monkeypatch.setattr(
        arm, "explain", lambda users, items: padded.append(len(users) * users.lengths.max()) or explain(users, items)
    )
    reasons_of(arm, users_of_lengths([20] * 100 + [2_500] + [20] * 100, 3_000), np.zeros((201, 10), dtype=np.int64))
    assert max(padded) <= reasons.HISTORY_BUDGET
    assert sum(padded) < 2 * (200 * 20 + 2_500)
