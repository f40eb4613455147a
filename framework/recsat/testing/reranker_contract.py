"""The tests that every reranker inherits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch import Tensor

from recsat.contract.reranker import Example, LearnedReranker, Reranker, RerankInput, TextReranker
from recsat.contract.topics import ItemTopics

N_ITEMS = 60
N_TOPICS = 5


class RerankerContract:
    """Inherit, name your reranker, done.

    .. code-block:: python

        from recsat.testing import RerankerContract
        from recsat_books.shelves import OneOfEachShelf

        class TestOneOfEachShelf(RerankerContract):
            make = staticmethod(lambda: OneOfEachShelf(trade_off=0.3))

    The reranker is given made-up blocks with all that a :class:`~recsat.contract.reranker.RerankInput` can hold. One that
    learns is fitted on :meth:`examples` first, one that reads texts is given some of every item and user.
    """

    @staticmethod
    def make() -> Reranker:
        """A new reranker."""
        raise NotImplementedError("name the reranker: make = staticmethod(lambda: MyReranker())")

    def without_trade_off(self) -> Reranker | None:
        """The reranker at the setting that leaves the arm's order: ``trade_off=0`` of a dataclass that has one.

        None where there is no such setting. Override where it goes by another name.
        """
        reranker: Any = self._ready()
        if "trade_off" not in getattr(reranker, "__dataclass_fields__", {}):
            return None
        at_nothing: Reranker = replace(reranker, trade_off=0.0)
        return at_nothing

    def examples(self, events: tuple[str, ...]) -> list[Example]:
        """What a reranker that learns is fitted on: two blocks in which every tenth candidate or so was liked."""
        return [random_example(seed, events) for seed in (100, 101)]

    def test_lists_have_permitted_places_each_once_and_as_many_as_there_are(self) -> None:
        reranker = self._ready()
        for block in self._blocks():
            for k in (1, 5, block.candidates.shape[1]):
                check_places(block, reranker.rerank(block, k), k)

    def test_more_places_than_candidates_are_left_empty(self) -> None:
        reranker = self._ready()
        for block in self._blocks():
            k = block.candidates.shape[1] + 3
            check_places(block, reranker.rerank(block, k), k)

    def test_a_user_with_nothing_permitted_gets_an_empty_list(self) -> None:
        block = random_block(3, n_users=4, width=12)
        scores = block.scores.clone()
        scores[1] = -torch.inf
        places = self._ready().rerank(replace(block, scores=scores), 6)
        assert (places[1] == -1).all(), f"nothing is permitted, and places {places[1].tolist()} are chosen. Give -1."
        check_places(replace(block, scores=scores), places, 6)

    def test_users_do_not_depend_on_who_shares_their_block(self) -> None:
        reranker = self._ready()
        for block in self._blocks():
            alone = torch.cat([reranker.rerank(rows_of(block, slice(u, u + 1)), 6) for u in range(len(block.scores))])
            differ = (reranker.rerank(block, 6) != alone).any(dim=1).nonzero().flatten().tolist()
            assert not differ, f"users {differ} get another list alone than beside others. Work row by row."

    def test_the_same_block_gives_the_same_lists(self) -> None:
        block = random_block(5, n_users=9, width=25)
        first, second = (self._ready().rerank(block, 8) for _ in range(2))
        assert torch.equal(first, second), "a second reranker gives the same block other lists. Seed what is random."

    def test_the_block_is_left_as_it_was(self) -> None:
        block, before = random_block(6, n_users=9, width=25), random_block(6, n_users=9, width=25)
        self._ready().rerank(block, 8)
        differ = [
            field.name
            for field in fields(block)
            if isinstance(value := getattr(block, field.name), Tensor)
            and not torch.equal(value, getattr(before, field.name))
        ]
        assert not differ, f"rerank changed {', '.join(differ)} of the block, which others read too. Work on a copy."

    def test_topics_in_rows_give_the_lists_that_dense_ones_give(self) -> None:
        block = random_block(7, n_users=9, width=25)
        assert isinstance(block.topics, Tensor)
        in_rows = replace(block, topics=ItemTopics.of(csr_array(block.topics.numpy())))
        dense, rows = (self._ready().rerank(form, 8) for form in (block, in_rows))
        assert torch.equal(dense, rows), "topics as ItemTopics give other lists. Read them as topics[items]."

    def test_without_a_trade_off_the_order_is_the_arms(self) -> None:
        reranker = self.without_trade_off()
        if reranker is None:
            pytest.skip("the reranker has no setting that leaves the arm's order")
        for block in self._blocks():
            check_order_by_score(block, reranker.rerank(block, 6), 6)

    def _ready(self) -> Reranker:
        """A new reranker that has its texts, and has learnt."""
        reranker = self.make()
        if isinstance(reranker, TextReranker):
            reranker = reranker.with_texts(item_texts(), user_texts())
        if isinstance(reranker, LearnedReranker):
            reranker = reranker.fit(self.examples(reranker.events))
        return reranker

    def _blocks(self) -> Iterator[RerankInput]:
        """Blocks of many widths: whole, with filtered and padded places, with ties, with one candidate."""
        for seed, (n_users, width) in enumerate([(9, 25), (12, 40), (3, 8), (5, 1)]):
            block = random_block(seed, n_users=n_users, width=width)
            yield block
            yield with_gaps(block, seed)
            yield replace(block, scores=block.scores.round())


def random_block(seed: int, *, n_users: int, width: int) -> RerankInput:
    """Every user's own ``width`` of :data:`N_ITEMS` items, no score twice, and all that rerankers may look at."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((N_ITEMS, 8)).astype(np.float32)
    topics = rng.random((N_ITEMS, N_TOPICS)).astype(np.float32)
    likes = rng.random((n_users, N_TOPICS)).astype(np.float32)
    return RerankInput(
        candidates=torch.from_numpy(np.stack([rng.permutation(N_ITEMS)[:width] for _ in range(n_users)])),
        scores=torch.from_numpy(rng.standard_normal((n_users, width)).astype(np.float32)),
        vectors=torch.from_numpy(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)),
        topics=torch.from_numpy(topics / topics.sum(axis=1, keepdims=True)),
        user_topics=torch.from_numpy(likes / likes.sum(axis=1, keepdims=True)),
        popularity=torch.from_numpy(rng.integers(0, 50, N_ITEMS).astype(np.float32)),
        user_ids=[f"u{u}" for u in range(n_users)],
        history_lengths=torch.from_numpy(rng.integers(1, 30, n_users).astype(np.float32)),
    )


def with_gaps(block: RerankInput, seed: int) -> RerankInput:
    """``block`` with a third of its places filtered (-inf), every other one of these padded too (-1)."""
    generator = torch.Generator().manual_seed(seed)
    gone = torch.rand(block.scores.shape, generator=generator) < 1 / 3
    padded = gone & (torch.arange(gone.shape[1]) % 2 == 1)
    return replace(
        block,
        candidates=block.candidates.masked_fill(padded, -1),
        scores=block.scores.masked_fill(gone, -torch.inf),
    )


def random_example(
    seed: int, events: tuple[str, ...] = (), *, n_users: int = 60, width: int = 30, k: int = 6
) -> Example:
    """A block of the validation part, in which what happened is likelier the higher the score."""
    block = random_block(seed, n_users=n_users, width=width)
    rng = np.random.default_rng(seed + 1)
    chance = 0.2 / (1 + np.exp(-2 * block.scores.numpy()))
    happened = {event: torch.from_numpy(rng.random(chance.shape) < chance) for event in events}
    liked = torch.from_numpy(rng.random(chance.shape) < chance)
    return Example(block, happened, liked, n_liked=liked.sum(dim=1).float() + 1, k=k)


def item_texts() -> list[str]:
    """A text of every item of :func:`random_block`."""
    return [f"Item {item}, about {('cats', 'dogs', 'ships')[item % 3]}" for item in range(N_ITEMS)]


def user_texts() -> Mapping[str, str]:
    """A text of every user of :func:`random_block`, but for one in seven."""
    return {f"u{u}": f"Likes {('cats', 'dogs', 'ships')[u % 3]}" for u in range(60) if u % 7 != 6}


def rows_of(block: RerankInput, rows: slice) -> RerankInput:
    """``block`` for some of its users."""
    of_users = {
        name: None if value is None else value[rows]
        for name in ("user_topics", "user_ids", "history_lengths", "relevance")
        for value in [getattr(block, name)]
    }
    return replace(block, candidates=block.candidates[rows], scores=block.scores[rows], **of_users)


def check_places(block: RerankInput, places: Tensor, k: int) -> None:
    """AssertionError that says what is wrong with ``places``, the lists of ``block``."""
    shape = (len(block.scores), k)
    assert isinstance(places, Tensor), f"rerank returns a {type(places).__name__}; return a torch Tensor."
    assert tuple(places.shape) == shape, f"rerank returns shape {tuple(places.shape)} for k = {k}; return {shape}."
    assert places.dtype == torch.int64, f"rerank returns {places.dtype}; return int64 positions into candidates."
    for user, (row, scores) in enumerate(zip(places.tolist(), block.scores, strict=True)):
        positions = [place for place in row if place != -1]
        where = f"user {user} of {len(block.scores)}, {len(scores)} candidates, k = {k}: "
        assert row == positions + [-1] * (k - len(positions)), f"{where}empty places (-1) stand before the end: {row}."
        beyond = [place for place in positions if not 0 <= place < len(scores)]
        assert not beyond, f"{where}places {beyond} are none of candidates. Return positions, not items."
        assert len(set(positions)) == len(positions), f"{where}a candidate is listed twice: {row}."
        forbidden = [place for place in positions if not torch.isfinite(scores[place])]
        assert not forbidden, (
            f"{where}places {forbidden} are filtered or padded (score -inf). Choose among finite scores."
        )
        n = min(k, int(torch.isfinite(scores).sum()))
        assert len(positions) == n, f"{where}{len(positions)} places are filled and {n} could be."


def check_order_by_score(block: RerankInput, places: Tensor, k: int) -> None:
    """AssertionError unless the lists are the k best scores of each user in order, equal ones in the order of the block."""
    check_places(block, places, k)
    order = block.scores.argsort(dim=1, descending=True, stable=True)[:, :k]
    best = order.masked_fill(~torch.isfinite(block.scores.gather(1, order)), -1)
    best = torch.nn.functional.pad(best, (0, k - best.shape[1]), value=-1)
    differ = (places != best).any(dim=1).nonzero().flatten().tolist()
    assert not differ, (
        f"without a trade-off user {differ[0]} gets places {places[differ[0]].tolist()}, and by score the list is "
        f"{best[differ[0]].tolist()}."
    )
