"""The contract passes a reranker that keeps it, and fails each that breaks one rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from recsat.contract.reranker import Example, RerankInput
from recsat.testing import RerankerContract


@dataclass(frozen=True)
class LongTail:
    """What few users like comes first: the score less ``trade_off`` times the logarithm of the item's users."""

    trade_off: float = 0.5

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        assert block.popularity is not None
        return best(block.scores - self.trade_off * block.popularity[block.candidates.clamp(min=0)].log1p(), k)


def best(worth: Tensor, k: int) -> Tensor:
    order = worth.argsort(dim=1, descending=True, stable=True)[:, :k]
    places = order.masked_fill(~torch.isfinite(worth.gather(1, order)), -1)
    return torch.nn.functional.pad(places, (0, k - places.shape[1]), value=-1)


@dataclass(frozen=True)
class Learnt(LongTail):
    """Learns how much users like what many like."""

    events: tuple[str, ...] = ("click",)
    popular: float | None = None

    def fit(self, examples: Iterable[Example]) -> Learnt:
        popular = sum(float(example.happened["click"].sum()) for example in examples)
        return replace(self, popular=popular)

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        assert self.popular, "fit comes first, and something has happened"
        return super().rerank(block, k)


@dataclass(frozen=True)
class Wordy(LongTail):
    """Whose text the item's shares comes first."""

    item_texts: tuple[str, ...] = ()
    user_texts: dict[str, str] = field(default_factory=dict)

    def with_texts(self, item_texts: Iterable[str], user_texts: dict[str, str]) -> Wordy:
        return replace(self, item_texts=tuple(item_texts), user_texts=user_texts)

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        assert block.user_ids is not None
        words = [self.user_texts.get(user, "").split()[-1:] for user in block.user_ids]
        shared = [
            [float(bool(word) and word[0] in self.item_texts[item]) for item in row]
            for word, row in zip(words, block.candidates.tolist(), strict=True)
        ]
        return best(block.scores + self.trade_off * torch.tensor(shared), k)


class TestLongTail(RerankerContract):
    make = LongTail


class TestLearnt(RerankerContract):
    make = Learnt


class TestWordy(RerankerContract):
    make = Wordy


class TestWithoutATradeOff(RerankerContract):
    make = LongTail

    def without_trade_off(self) -> None:
        return None


def broken(rerank: Callable[[LongTail, RerankInput, int], Any]) -> Callable[[], Any]:
    return dataclass(frozen=True)(type("Broken", (LongTail,), {"rerank": rerank, "__annotations__": {}}))


def lists(change: Callable[[Tensor, RerankInput, int], Any]) -> Callable[[], Any]:
    """``change(places, block, k)`` of the right lists."""
    return broken(lambda self, block, k: change(LongTail.rerank(self, block, k), block, k))


def writes(self: LongTail, block: RerankInput, k: int) -> Tensor:
    block.scores.sub_(1)
    return LongTail.rerank(self, block, k)


def centred(self: LongTail, block: RerankInput, k: int) -> Tensor:
    together = torch.where(torch.isfinite(block.scores), block.scores, 0).mean(dim=0)
    return best(block.scores - together, k)


def about_the_first_topic(self: LongTail, block: RerankInput, k: int) -> Tensor:
    first = block.topics[block.candidates.clamp(min=0)][..., 0] if isinstance(block.topics, Tensor) else 0
    return best(block.scores + first, k)


PERMITTED = "test_lists_have_permitted"
RULES: list[tuple[str, Callable[[], Any], str, str]] = [
    (
        "items, not places",
        lists(lambda p, b, k: b.candidates.gather(1, p.clamp(0))),
        PERMITTED,
        "Return positions, not items",
    ),
    ("dense topics alone", broken(about_the_first_topic), "test_topics_in_rows", "Read them as topics"),
    ("a candidate twice", lists(lambda p, b, k: p[:, :1].expand(-1, k)), PERMITTED, "a candidate is listed twice"),
    ("places of float", lists(lambda p, b, k: p.float()), PERMITTED, "return int64 positions"),
    ("a numpy array", lists(lambda p, b, k: p.numpy()), PERMITTED, "rerank returns a ndarray"),
    (
        "what is filtered",
        broken(lambda self, b, k: best(b.scores.nan_to_num(neginf=-9), k)),
        PERMITTED,
        "(score -inf)",
    ),
    ("gaps", lists(lambda p, b, k: p.flip(1)), PERMITTED, "stand before the end"),
    ("one too few", lists(lambda p, b, k: p.clone().index_fill_(1, torch.tensor(k - 1), -1)), PERMITTED, "could be"),
    (
        "as many as candidates",
        broken(lambda self, b, k: b.scores.argsort(dim=1, descending=True)[:, :k]),
        "test_more_places_than",
        "for k = 28; return (9, 28)",
    ),
    (
        "a list of nothing",
        broken(lambda self, b, k: torch.arange(k).expand(len(b.scores), -1)),
        "test_a_user_with_nothing",
        "Give -1",
    ),
    ("centred over users", broken(centred), "test_users_do_not_depend", "Work row by row"),
    (
        "drawn anew",
        broken(lambda self, b, k: best(b.scores + torch.rand(b.scores.shape), k)),
        "test_the_same_block",
        "Seed what is random",
    ),
    ("the block written into", broken(writes), "test_the_block_is_left", "rerank changed scores of the block"),
    (
        "an order of its own",
        broken(lambda self, b, k: best(-b.scores, k)),
        "test_without_a_trade_off",
        "and by score the list is",
    ),
]


@pytest.mark.parametrize(("make", "method", "message"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_a_reranker_that_breaks_a_rule_fails_the_test_of_it(
    make: Callable[[], Any], method: str, message: str, failures: Callable[[type[Any]], dict[str, str]]
) -> None:
    messages = failures(type("TestBroken", (RerankerContract,), {"make": staticmethod(make)}))
    texts = [text for name, text in messages.items() if name.startswith(method)]
    assert texts, f"no test {method}… failed, of {sorted(messages)}"
    assert any(message in text for text in texts), texts


def test_one_that_learns_is_fitted_on_the_events_that_it_names_and_one_that_reads_has_texts() -> None:
    contract = type("TestUnfitted", (RerankerContract,), {"make": Learnt, "examples": lambda self, events: []})
    with pytest.raises(AssertionError, match="something has happened"):
        contract().test_the_same_block_gives_the_same_lists()
    assert TestWordy()._ready().item_texts[1] == "Item 1, about dogs"
