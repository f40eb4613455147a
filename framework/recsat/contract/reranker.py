"""What reorders an arm's candidates for other aims than the score alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from recsat.contract.topics import ItemTopics, SharedTopics

if TYPE_CHECKING:
    from torch import Tensor

DEPTH = 100
"""Candidates that recsat's rerankers look at unless a setting says otherwise: what is farther down costs more than it adds."""
CLASSIFIED = 20
"""Candidates that a classifier of texts looks at: each costs a forward pass of a transformer."""
VECTOR_BUDGET = 2**24  # bytes of candidates' vectors at once: more leave the cache, and take 1.5 times as long on a CPU


@dataclass(frozen=True)
class RerankInput:
    """Padded tensors of a block of users on the device.

    ``candidates``: int64 (B, C), -1 where padded. ``scores``: float32 (B, C), -inf where padded or filtered.
    ``vectors``: float32 (n_items, d) unit-length item vectors; ``topics``: (n_items, t) rows summing to 1 (or 0), of which
    ``topics[items]`` gives float32 (\\*items.shape, t); recsat hands over :class:`~recsat.contract.topics.ItemTopics`;
    ``user_topics``: float32 (B, t), the topic shares of the user's history. ``popularity``: float32 (n_items,), users who
    liked the item before the cut. ``user_ids``: (B,), for rerankers that know texts of users. ``history_lengths``: float32
    (B,), items that the user liked. ``relevance``: float32 (B, C), what greedy rerankers weigh in the place of the scores,
    where one that came before them knows better; None: the scores on the scale of :func:`~recsat.rerank.greedy.pool_of`.
    """

    candidates: Tensor
    scores: Tensor
    vectors: Tensor | None
    topics: Tensor | ItemTopics | None
    user_topics: Tensor | None
    popularity: Tensor | None = None
    user_ids: Sequence[str] | None = None
    history_lengths: Tensor | None = None
    relevance: Tensor | None = None

    @cached_property
    def similarity(self) -> Tensor | None:
        """Cosines between each user's candidates, (B, C, C); kept, so that a sweep of a setting computes them once."""
        if self.vectors is None:
            return None
        n_users, width = self.candidates.shape
        d = self.vectors.shape[1]
        cosines = self.vectors.new_empty(n_users, width, width)
        step = max(1, VECTOR_BUDGET // max(1, 4 * width * d))
        for start in range(0, n_users, step):
            rows = self.candidates[start : start + step].clamp(min=0)
            picked = self.vectors.index_select(0, rows.flatten()).view(*rows.shape, d)
            cosines[start : start + step] = picked @ picked.mT
        return cosines

    @cached_property
    def shared_topics(self) -> SharedTopics | None:
        """What each candidate has in common with its user's history; kept, as :attr:`similarity` is."""
        if self.topics is None or self.user_topics is None:
            return None
        return SharedTopics.of(self.candidates, self.topics, self.user_topics)

    def of_users(self, rows: Tensor) -> RerankInput:
        """The same for some users; ``rows`` int64 (n,)."""

        def of(values: Tensor | None) -> Tensor | None:
            return None if values is None else values[rows]

        return replace(
            self,
            candidates=self.candidates[rows],
            scores=self.scores[rows],
            user_topics=of(self.user_topics),
            user_ids=None if self.user_ids is None else [self.user_ids[row] for row in rows.tolist()],
            history_lengths=of(self.history_lengths),
            relevance=of(self.relevance),
        )

    def weighed(self, relevance: Tensor) -> RerankInput:
        """The same candidates with this ``relevance``; what was computed of them is kept."""
        weighed = replace(self, relevance=relevance)
        vars(weighed).update({name: vars(self)[name] for name in ("similarity", "shared_topics") if name in vars(self)})
        return weighed


@runtime_checkable
class Reranker(Protocol):
    """Picks and orders k of the candidates; it can only choose among finite scores."""

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        """Positions into ``candidates``, int64 (B, k), -1 where fewer than k are left."""
        ...


@dataclass(frozen=True)
class Example:
    """A block of the validation part, and what its users then did.

    ``happened``: which candidates each event happened to, bool (B, C) by event. ``liked``: which were liked, by whatever
    event, bool (B, C); ``n_liked``: float32 (B,), what the user liked in all, candidate or not. ``k``: length of the lists.
    """

    block: RerankInput
    happened: Mapping[str, Tensor]
    liked: Tensor
    n_liked: Tensor
    k: int


@runtime_checkable
class LearnedReranker(Reranker, Protocol):
    """A reranker that must learn from the validation part first, anew for each arm."""

    @property
    def events(self) -> tuple[str, ...]:
        """Names of the events that it needs to know of."""
        ...

    def fit(self, examples: Iterable[Example]) -> Reranker:
        """The reranker with what it has learnt; ``examples`` come from the arm that it is going to rerank."""
        ...


@runtime_checkable
class TextReranker(Reranker, Protocol):
    """A reranker that reads texts; :meth:`with_texts` hands them over before it reranks."""

    def with_texts(self, item_texts: Sequence[str], user_texts: Mapping[str, str]) -> Self:
        """A copy that knows these texts.

        ``item_texts`` by item index, the numbers of ``RerankInput.candidates``. ``user_texts`` by user id, written from what users
        liked before the cut and never by what a split holds out; who liked nothing yet is not in it, and is served by
        fallbacks whatever the reranker makes of them.
        """
        ...
