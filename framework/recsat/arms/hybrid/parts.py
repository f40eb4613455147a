"""The parts that the hybrid may be made of. Their settings are in units of the data, so that one grid serves data of any size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.aligned import AlignedText
from recsat.arms.ease_text import drawn_towards_texts, gram_of
from recsat.arms.hybrid.text_map import TextMap, carried, texts_of_warm
from recsat.arms.ials_text import IalsText
from recsat.arms.linear.bilinear import eigenbases, solve_bilinear
from recsat.arms.linear.inner_products import item_vectors
from recsat.arms.linear.item_item import ItemItemRecommender
from recsat.arms.linear_order import LinearOrder, add_text_weights
from recsat.arms.recency import decayed_counts
from recsat.contract.arm import ArmState
from recsat.contract.interactions import TrainingData, UserBatch

SESSION_SECONDS = 600.0


class Scored(Protocol):
    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor: ...


class ScoredPart(Scored, Protocol):
    """What the hybrid needs of a fitted part. Scores are sums over the history, but for the weights that moments get by their age."""

    def to(self, device: torch.device) -> Scored:
        """The part's scores, on ``device``."""
        ...

    def state(self) -> ArmState: ...

    def losses(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        """What the score of list place k loses when history place h is taken away, (B, H, k)."""
        ...


class ItemItem(ItemItemRecommender):
    """Item-item weights that are given."""

    def __init__(self, weights: Tensor | None = None) -> None:
        if weights is not None:
            self.weights = weights

    def fit(self, train: TrainingData) -> Self:
        return self


class Recipe(Protocol):
    """How a part is fitted to whatever data; equal recipes give equal parts."""

    def fit(self, train: TrainingData) -> ScoredPart: ...


@dataclass(frozen=True)
class Together:
    """EASE, drawn towards what the texts of ``vector`` say where ``prior`` is above 0; see :class:`~recsat.arms.ease_text.EaseText`."""

    l2: float
    """In mean likes of a liked item, as ``prior``."""
    length_power: float
    prior: float = 0.0
    vector: str | None = None
    session_share: float = 0.0
    text_l2: float = 0.2
    """In mean eigenvalues of the texts' Gram matrix."""

    def fit(self, train: TrainingData) -> ItemItem:
        return self.solve(train, self.gram(train))

    def gram(self, train: TrainingData) -> Tensor:
        """float32; what recipes of one ``length_power`` and ``session_share`` have in common."""
        return gram_of(train, self.length_power, self.session_share, SESSION_SECONDS).float()

    def solve(self, train: TrainingData, gram: Tensor) -> ItemItem:
        unit = mean_likes(train)
        if self.vector is None:
            return ItemItem(drawn_towards_texts(gram, self.l2 * unit, 0.0, None, device=train.device))
        E = item_vectors(train, self.vector, "hybrid")
        text_l2 = self.text_l2 * text_unit(train, self.vector)
        return ItemItem(drawn_towards_texts(gram, self.l2 * unit, self.prior * unit, E, text_l2, train.device))


@dataclass(frozen=True)
class Order:
    """What came before what; see :class:`~recsat.arms.linear_order.LinearOrder`. Units as in :class:`Together`."""

    l2: float
    prior: float = 0.0
    vector: str | None = None
    history_decay: float | None = 4.0
    text_l2: float = 0.2
    """In mean eigenvalues of the texts' Gram matrix."""
    beside: str | None = None
    """Vector of the texts of a second prior, which is added to the first one."""
    prior_beside: float = 0.0
    text_l2_beside: float = 0.2
    """As ``text_l2``, of the second prior's texts."""

    def __post_init__(self) -> None:
        if self.beside is not None and self.vector is None:
            raise ValueError("order stands on texts beside others: give vector as well, or leave beside out")

    def fit(self, train: TrainingData) -> LinearOrder:
        arm = self.arm(train)
        A, C = arm.products(train)
        self.draw_beside(C, train)
        return arm.solve(train, A, C)

    def draw_beside(self, C: Tensor, train: TrainingData) -> None:
        """Adds the second prior to ``C``, in place."""
        for vectors, text_l2, weight in self.priors(train)[1:]:
            add_text_weights(C, vectors, text_l2, weight)

    def priors(self, train: TrainingData) -> list[tuple[NDArray[np.float32], float, float]]:
        """Vectors, ridge of the texts and weight of each, the first one first."""
        settings = [(self.vector, self.text_l2, self.prior), (self.beside, self.text_l2_beside, self.prior_beside)]
        return [
            (item_vectors(train, vector, "hybrid"), text_l2 * text_unit(train, vector), weight * mean_likes(train))
            for vector, text_l2, weight in settings
            if vector is not None
        ]

    def arm(self, train: TrainingData) -> LinearOrder:
        """Not fitted; its products are those of every :class:`Order`. The second prior is in its ridge, and not among its products."""
        unit = mean_likes(train)
        l2 = self.l2 + self.prior_beside
        arm = LinearOrder(l2=l2 * unit, prior=self.prior * unit, history_decay=self.history_decay)
        if self.vector is not None:
            arm.text_vectors = self.vector
            arm.text_l2 = self.text_l2 * text_unit(train, self.vector)
        return arm

    @property
    def ridge(self) -> float:
        """In all."""
        return self.l2 + self.prior + self.prior_beside


@dataclass(frozen=True)
class Aligned:
    """Texts mapped to taste; ``penalty`` is absolute, for how large a map is to be expected does not depend on how many events are known."""

    penalty: float
    vector: str

    def fit(self, train: TrainingData) -> TextMap:
        return self.solve(AlignmentPath(train, self.vector))

    def solve(self, path: AlignmentPath) -> TextMap:
        E = path.arm.item_vectors
        return TextMap(E, self.vector, E @ path.mapping(self.penalty / path.unit if path.unit > 0 else 1.0))


class AlignmentPath:
    """What aligned texts of one ``vector`` have in common on the same data, whatever their penalty."""

    def __init__(self, train: TrainingData, vector: str) -> None:
        self.arm = AlignedText(l2=1.0)
        self.arm.text_vectors = self.arm.vector = vector
        self.moments = self.arm.moments(train)
        self.bases = eigenbases(self.moments)
        self.unit = self.moments.unit

    def mapping(self, l2: float) -> NDArray[np.float32]:
        """M of :class:`~recsat.arms.aligned.AlignedText` with this ridge, (d, d)."""
        return solve_bilinear(self.moments, l2, bases=self.bases).astype(np.float32)


@dataclass(frozen=True)
class Likeness:
    """Plain likeness of texts."""

    vector: str

    def fit(self, train: TrainingData) -> TextMap:
        E = item_vectors(train, self.vector, "hybrid")
        return TextMap(E, self.vector, E)


@dataclass(frozen=True)
class Carried:
    """The scores of ``source``, carried along texts; ``l2`` in mean eigenvalues of the texts' Gram matrix."""

    source: Together | Order
    vector: str
    l2: float

    def fit(self, train: TrainingData) -> TextMap:
        return self.of(self.source.fit(train).weights @ self.texts(train), train)

    def texts(self, train: TrainingData) -> Tensor:
        """Those of warm items, 0 for the others, (n_items, d)."""
        return torch.from_numpy(texts_of_warm(item_vectors(train, self.vector, "hybrid"), train.warm))

    def of(self, sums: Tensor, train: TrainingData) -> TextMap:
        """From the weights of the source times :meth:`texts`."""
        return carried(item_vectors(train, self.vector, "hybrid"), self.vector, sums, train.warm, self.l2)


@dataclass(frozen=True)
class Factors:
    """iALS with a prior from the texts of ``vector``, of which ``map_l2`` is the ridge; see :class:`~recsat.arms.ials_text.IalsText`."""

    vector: str
    regularisation: float = 30.0
    map_l2: float = 100.0

    def fit(self, train: TrainingData) -> IalsText:
        arm = IalsText(regularisation=self.regularisation, map_l2=self.map_l2)
        arm.text_vectors = self.vector
        return arm.fit(train)


@dataclass(frozen=True)
class Liked:
    """Popularity: log(1 + likes) of an item, the same for everybody."""

    def fit(self, train: TrainingData) -> Level:
        return Level(torch.log1p(torch.from_numpy(train.popularity)))


@dataclass(frozen=True)
class LikedOfLate:
    """Recent popularity: log(1 + likes, each halved every ``half_life`` seconds before now); all likes where the data have no moment."""

    half_life: float

    def fit(self, train: TrainingData) -> Level:
        times = train.users.times
        if times is None or train.now is None:
            return Liked().fit(train)
        return Level(torch.log1p(torch.from_numpy(decayed_counts(times, train.now, self.half_life))))


@dataclass(frozen=True)
class Foretold:
    r"""How much an item is liked by what its text says: ridge regression of log(1 + likes) on the texts of ``vector``.

    .. math:: b = E (E^\top D E + \lambda I)^{-1} E^\top D (y - \bar y), \qquad y_i = \log(1 + n_i)

    D weighs an item with likes by 1 and one without by ``p_dead``, (n_items,), how likely it is that nobody chose it (None: 1), so that texts like those of dead items foretell
    little and what a split hid says nothing; :math:`\bar y` is the mean by these weights. ``l2`` is in mean eigenvalues of :math:`E^\top E`.
    """

    vector: str
    l2: float = 1.0

    def fit(self, train: TrainingData, p_dead: NDArray[np.float32] | None = None) -> Level:
        E = torch.from_numpy(item_vectors(train, self.vector, "hybrid"))
        y = torch.log1p(torch.from_numpy(train.popularity))
        weights = torch.ones(len(y)) if p_dead is None else torch.from_numpy(np.where(train.warm, 1, p_dead)).float()
        y -= (weights @ y) / weights.sum().clamp(min=1)
        gram = E.T @ (weights[:, None] * E) + self.l2 * text_unit(train, self.vector) * torch.eye(E.shape[1])
        return Level(E @ torch.linalg.solve(gram, E.T @ (weights * y)))


@dataclass(frozen=True)
class Level:
    r"""A value of each item, times √(history length) as other parts grow with it: :math:`s_{ui} = \sqrt{|H_u|}\, b_i`."""

    values: Tensor

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        return roots(users).to(self.values.device)[:, None] * self.values

    def to(self, device: torch.device) -> Level:
        return Level(self.values.to(device))

    def state(self) -> ArmState:
        return ArmState({"values": self.values.numpy()})

    def losses(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        """A history shorter by one has a smaller root, whichever item is gone."""
        n = torch.from_numpy(users.lengths.astype(np.float32))
        step = n.sqrt() - (n - 1).clamp(min=0).sqrt()
        width = max(1, int(users.lengths.max(initial=0)))
        return (step[:, None] * self.values[torch.from_numpy(items).clamp(min=0)])[:, None, :].expand(-1, width, -1)


def mean_likes(train: TrainingData) -> float:
    """Mean number of likes of the items that have any; 1 where none has."""
    warm = train.popularity[train.warm]
    return float(warm.mean()) if len(warm) else 1.0


def text_unit(train: TrainingData, vector: str) -> float:
    """Mean eigenvalue of EᵀE."""
    E = item_vectors(train, vector, "hybrid")
    length = float(np.linalg.norm(E))
    unit: float = length * length / E.shape[1]
    return max(unit, 1e-6)


def roots(users: UserBatch) -> Tensor:
    """√(history length) of each user, (n_users,)."""
    return torch.from_numpy(np.sqrt(users.lengths).astype(np.float32))
