"""The one protocol of every arm: fit on training data, score histories, say why."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from recsat.contract.interactions import TrainingData, UserBatch

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Reasons:
    """Why each recommended item is shown, aligned with a (n_users, k) table of item indices.

    ``code`` names the template (``"because"``, ``"popular"``, ``"similar"`` …); ``item`` is the history item that
    contributes most, or -1 where the code needs none. ``n`` is how many people the reason counts and ``days`` over how many
    days, both 0 where it counts nobody; None: nowhere.
    """

    code: NDArray[np.str_]
    item: NDArray[np.int64]
    n: NDArray[np.int64] | None = None
    days: NDArray[np.int64] | None = None


class Recommender(ABC):
    """An arm. Scores depend on the history that is handed in, so users unseen in training are served as they are.

    ``vector`` names the stored item vector whose inner product with ``query_vectors`` *is* the score, for arms that
    retrieve from Qdrant; None for arms that score item tables. An arm whose score is no single inner product can still
    retrieve: it overrides ``queries`` (several are fused), and ``stored_vectors`` and ``neighbours`` where it needs them.
    """

    vector: str | None = None

    @abstractmethod
    def fit(self, train: TrainingData) -> Self:
        """Learn from ``train`` and return self."""

    @abstractmethod
    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        """Scores, float32, on the arm's device; higher is better.

        ``candidates`` is int64 (n_users, n_candidates) of item indices, padded with -1 (a padded place scores -inf);
        None scores the whole catalogue, (n_users, n_items). Seen items are not excluded here: a filter does that.
        """

    def to(self, device: torch.device) -> Recommender:
        """The arm with what it scores by on ``device``, moved there once for many calls; itself where it scores on a device of its own.

        Only :meth:`score` changes: reasons, queries and state are those of the arm itself.
        """
        return self

    @abstractmethod
    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        """Reasons for ``items``, (n_users, k) item indices padded with -1."""

    def query_vectors(self, users: UserBatch) -> NDArray[np.float32]:
        """User vectors in the space of :attr:`vector`, (n_users, d); only for arms that have one."""
        raise NotImplementedError(f"{type(self).__name__} does not retrieve by vector")

    def queries(self, users: UserBatch) -> Mapping[str, NDArray[np.float32]]:
        """Query vectors by the name of the stored item vector, each (n_users, d); empty for arms that do not retrieve."""
        return {} if self.vector is None else {self.vector: self.query_vectors(users)}

    def stored_vectors(self) -> Mapping[str, NDArray[np.float32]]:
        """Item vectors of the arm's own that ``queries`` name, each (n_items, d); published beside the run's."""
        return {}

    def neighbours(self, users: UserBatch, n: int) -> NDArray[np.int64] | None:
        """Further candidates without a query, int64 (n_users, n) item indices, best first, padded with -1."""
        return None


@runtime_checkable
class RatingPredictor(Protocol):
    """An arm that predicts ratings as well; its :class:`~recsat.RecommenderSpec` has ``predicts_ratings``."""

    def predict_ratings(self, users: UserBatch, items: NDArray[np.int64]) -> NDArray[np.float32]:
        """What each user will rate ``items``, in the unit of the ratings, float32 (n_users, n); NaN where ``items`` is padded with -1.

        ``items`` is int64 (n_users, n) of item indices. Predictions depend on ``users.ratings``, so users unseen in training are
        served too; of whom nothing is known, and an item that nobody has rated, get what is likely for anybody.
        """
        ...


@runtime_checkable
class ScoredInParts(Protocol):
    """An arm that can say what its scores are made of."""

    def parts(self, users: UserBatch, items: NDArray[np.int64]) -> Mapping[str, NDArray[np.float32]]:
        """By name, what each part adds to the scores of ``items``, float32 (n_users, n); they add up to the score.

        ``items`` is int64 (n_users, n) of item indices. A part that has no share in an item's score is 0 there.
        """
        ...


@runtime_checkable
class Recounted(Protocol):
    """An arm part of whose state is counted and not learnt, so that it follows later events without another fit."""

    def recounted(self, train: TrainingData) -> Self:
        """The arm when ``train`` is all that has happened, at its moment ``now``; what was learnt stays, and so does ``self``."""
        ...


CHOICES: Final = "choices"
"""The parameter of a :class:`Choosing` arm that takes what :meth:`Choosing.choose` gave."""


@runtime_checkable
class Choosing(Protocol):
    """An arm that makes choices of its own inside ``fit``, by likes that it holds out. Its ``make`` takes ``choices``: given, nothing is sought."""

    def choose(self, train: TrainingData) -> Mapping[str, Any]:
        """The choices that ``fit`` would make on ``train``, plain values alone; where the arm was made with ``choices``, those.

        What is chosen once for a split, on all that is known before its test, holds for its validation, its further draws (but of ``mixed`` ones, on which an arm chooses
        anew) and the model that is kept, as the parameters of other arms do that are chosen on validation. Where it has a ``summary``, a line of text, the report
        shows that.
        """
        ...


@dataclass(frozen=True)
class ArmState:
    """All that a fitted arm is, in two forms that a file can hold without code."""

    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """Numbers and bools, by a name of the arm's. Item vectors of the training data belong here as they are: they are recognised, and
    written down by their name alone."""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    """What JSON can say: settings, single numbers, texts, lists and mappings of them, none infinite or not a number."""


@runtime_checkable
class Saveable(Protocol):
    """An arm that can be saved when it is fitted, and loaded without another fit."""

    def state(self) -> ArmState:
        """Everything that scores, reasons, queries and predictions come from, the settings they use included."""
        ...

    def restore(self, state: ArmState) -> Self:
        """Become the arm whose :meth:`state` it was, and return self; the arm is new, and its parameters need not be the same.

        Arrays that are item vectors are shared with other arms: leave them as they are. On the machine that saved it, every answer
        is the same as before, bit for bit.
        """
        ...
