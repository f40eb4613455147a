"""One hold-out on which the hybrid tries its parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.hybrid.holdout import HoldOut
from recsat.arms.hybrid.parts import (
    Aligned,
    AlignmentPath,
    Carried,
    Foretold,
    ItemItem,
    Order,
    Recipe,
    ScoredPart,
    Together,
    mean_likes,
    roots,
    text_unit,
)
from recsat.arms.hybrid.stack import Candidates, K, candidates, ndcg_of_hits
from recsat.arms.linear.bilinear import length_weights
from recsat.arms.linear.inner_products import item_vectors
from recsat.arms.linear.order import decayed, moments_of
from recsat.arms.linear.order_system import OrderSystem
from recsat.arms.linear.order_system import TextPrior as OrderPrior
from recsat.arms.linear.padded import dense
from recsat.arms.linear.spectrum import FEW_USERS, Spectrum, TextPrior
from recsat.arms.linear_order import LinearOrder
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.measure.scale import scale_of

CELLS = 2**23  # user-item scores of one part that a trial looks at: more users or items are sampled

FEWEST_USERS = 1_500
MOST_ITEMS_KEPT = 5_000
"""Above so many items what several fits have in common is formed anew for each: it would take more memory than time."""


class SharedFits:
    """Fits recipes on one set of training data; what several have in common is made once, the latest of each kind kept. ``judged`` are the users
    whose :meth:`scores` are looked at, where fits are tried and not used; ``p_dead`` (n_items,) how likely it is of each item without a like that nobody chose it."""

    def __init__(self, train: TrainingData, p_dead: NDArray[np.float32], judged: UserBatch | None = None) -> None:
        self.train = train
        self.p_dead = p_dead
        self.judged = judged
        self._keeps = len(train.catalogue) <= MOST_ITEMS_KEPT
        self._grams: dict[tuple[float, float], Tensor] = {}
        self._weights: tuple[Together, Tensor] | None = None
        self._products: tuple[Tensor, Tensor] | None = None
        self._order: tuple[Order, Tensor] | None = None
        self._system: tuple[float, OrderSystem] | None = None
        self._solved: tuple[float | None, tuple[Tensor, Tensor]] | None = None
        self._alignments: dict[str, AlignmentPath] = {}
        self._carried: dict[tuple[Together | Order, str], Tensor] = {}
        self._spectra: dict[float, Spectrum] = {}
        self._prior: tuple[tuple[float, str, float], TextPrior] | None = None

    def looked_at_by(self, users: UserBatch) -> SharedFits:
        """Scores of others, from what is made already and does not know whose scores are looked at."""
        other = SharedFits(self.train, self.p_dead, users)
        other._system, other._alignments = self._system, self._alignments
        return other

    def fitted(self, recipe: Recipe) -> ScoredPart:
        match recipe:
            case Together():
                return ItemItem(self.weights(recipe))
            case Order():
                return self._in_order(recipe)
            case Carried():
                return recipe.of(self._sums(recipe), self.train)
            case Aligned():
                return recipe.solve(self.alignments(recipe.vector))
            case Foretold():
                return recipe.fit(self.train, self.p_dead)
            case _:
                return recipe.fit(self.train)

    def alignments(self, vector: str) -> AlignmentPath:
        if vector not in self._alignments:
            self._alignments[vector] = AlignmentPath(self.train, vector)
        return self._alignments[vector]

    def scores(self, recipe: Recipe, columns: NDArray[np.int64]) -> Tensor:
        """Of ``judged``, (n_users, n_columns)."""
        assert self.judged is not None, "scores are of somebody"
        if isinstance(recipe, Order):
            scores = self._scores_in_order(recipe)
        elif isinstance(recipe, Together) and (spectrum := self._spectrum(recipe)):
            scores = spectrum.scores(*self._settings(recipe, spectrum))
        else:
            return scores_at(self.fitted(recipe), self.judged, columns)
        return scores if len(columns) == scores.shape[1] else scores[:, torch.from_numpy(columns)]

    def _scores_in_order(self, recipe: Order) -> Tensor:
        """Of ``judged``; weights, which nobody needs, are not made."""
        assert self.judged is not None, "scores are of somebody"
        system, decay = self._order_system(recipe), recipe.history_decay
        if self._solved is None or self._solved[0] != decay:
            self._solved = None  # before the next, for they are large
            history = self.judged.history
            self._solved = decay, system.solved(decayed(history, moments_of(history, self.judged.times), decay))
        return system.scores(self._solved[1], self._order_priors(recipe))

    def _order_system(self, recipe: Order) -> OrderSystem:
        if self._system is None or self._system[0] != recipe.ridge:
            self._system = self._solved = None
            A, C = self._order_products(recipe)
            self._system = recipe.ridge, OrderSystem(A, C, recipe.ridge * mean_likes(self.train))
        return self._system[1]

    def _order_priors(self, recipe: Order) -> list[OrderPrior]:
        return [OrderPrior(weight, vectors, text_l2) for vectors, text_l2, weight in recipe.priors(self.train)]

    def _order_products(self, recipe: Order) -> tuple[Tensor, Tensor]:
        """Of a caller's own."""
        if not self._keeps:
            self._weights = None
            return recipe.arm(self.train).products(self.train)
        if self._products is None:
            self._products = recipe.arm(self.train).products(self.train)
        A, C = self._products
        return A.clone(), C.clone()

    def _spectrum(self, recipe: Together) -> Spectrum | None:
        """That of the users, where it is sooner made than the weights of several recipes, which nobody needs."""
        n_users, n_items = self.train.users.history.shape
        if self.judged is None or recipe.session_share or not self._keeps or n_users > FEW_USERS * n_items:
            return None
        power = recipe.length_power
        if power not in self._spectra:
            history = self.train.users.history
            self._spectra[power] = Spectrum(history, length_weights(history, power), self.judged.history)
        return self._spectra[power]

    def _settings(self, recipe: Together, spectrum: Spectrum) -> tuple[float, float, TextPrior | None]:
        unit = mean_likes(self.train)
        if recipe.vector is None:
            return recipe.l2 * unit, 0.0, None
        key = recipe.length_power, recipe.vector, recipe.text_l2
        if self._prior is None or self._prior[0] != key:
            E = item_vectors(self.train, recipe.vector, "hybrid")
            self._prior = key, spectrum.texts(E, recipe.text_l2 * text_unit(self.train, recipe.vector))
        return recipe.l2 * unit, recipe.prior * unit, self._prior[1]

    def _sums(self, recipe: Carried) -> Tensor:
        source, key = recipe.source, (recipe.source, recipe.vector)
        if key not in self._carried:
            self._carried = {of: sums for of, sums in self._carried.items() if of[0] == source}
            texts = recipe.texts(self.train)
            if isinstance(source, Order):
                self._carried[key] = (
                    self._in_order(source).weights @ texts
                    if self.judged is None
                    else self._order_system(source).times(texts, self._order_priors(source))
                )
            elif spectrum := self._spectrum(source):
                self._carried[key] = spectrum.times(texts, *self._settings(source, spectrum))
            else:
                self._carried[key] = self.weights(source) @ texts
        return self._carried[key]

    def _in_order(self, recipe: Order) -> LinearOrder:
        """Weights know nothing of the decay of a history."""
        arm, key = recipe.arm(self.train), replace(recipe, history_decay=None)
        if self._order is None or self._order[0] != key:
            self._order = None  # before the next, for they are large
            A, C = self._order_products(recipe)
            recipe.draw_beside(C, self.train)
            self._order = key, arm.solve(self.train, A, C).weights
        arm.weights = self._order[1]
        return arm

    def weights(self, recipe: Together) -> Tensor:
        if self._weights is None or self._weights[0] != recipe:
            self._weights = None
            key = recipe.length_power, recipe.session_share
            gram = self._grams[key] if key in self._grams else recipe.gram(self.train)
            if self._keeps:
                self._grams[key] = gram
            self._weights = recipe, recipe.solve(self.train, gram).weights
        return self._weights[1]


class Trial:
    """Fits recipes on what a hold-out left, and keeps their scores, in units of their spread, of a sample of users and items."""

    def __init__(self, split: HoldOut, rng: np.random.Generator) -> None:
        self.train = split.train
        self.split = split
        self.with_history = ~self.train.users.is_new & (np.diff(split.hidden_likes.indptr) > 0)
        rows, self.columns = sample(self.train, rng, self.with_history)
        self._look_at(rows)
        self.warm = torch.from_numpy(self.train.warm[self.columns])
        self.hidden = torch.from_numpy(split.hidden[self.columns])
        self.listed_unseen = torch.from_numpy(split.listed[self.columns])
        self.scores: dict[Recipe, Tensor] = {}
        self.fits = SharedFits(self.train, split.p_dead, self.users)

    def _look_at(self, rows: NDArray[np.int64]) -> None:
        self.users = self.train.users.take(rows)
        self.roots = roots(self.users)[:, None]
        self.rows = torch.from_numpy(rows)
        self.liked = dense(self.split.hidden_likes[rows][:, self.columns])
        self.met = dense(self.users.history[:, self.columns]) > 0

    def of_more_users(self, n_users: int) -> Iterator[Trial]:
        """This trial, and the same fits looked at by others, ``n_users`` in all where there are so many, one trial after the other of as many as this has."""
        yield self
        others = np.setdiff1d(np.flatnonzero(self.with_history), self.rows.numpy())
        n_more = min(len(others), n_users - len(self))
        more = others[np.arange(n_more) * len(others) // max(1, n_more)]
        for first in range(0, n_more, max(1, len(self))):
            trial = copy(self)
            trial._look_at(more[first : first + len(self)])
            trial.scores, trial.fits = {}, self.fits.looked_at_by(trial.users)
            yield trial

    def __len__(self) -> int:
        return len(self.users)

    def normalised(self, recipe: Recipe, *, unseen: bool = False) -> Tensor:
        """Scores of ``recipe``, :meth:`rounded`."""
        return self.rounded(self.scored(recipe), unseen=unseen)

    def rounded(self, scores: Tensor, *, unseen: bool = False) -> Tensor:
        """``scores`` (n_users, n_columns) over √(history length), in units of their spread, half precision: what settings are compared by, and kept."""
        return self.in_units(scores / self.roots, unseen=unseen).half()

    def scored(self, recipe: Recipe) -> Tensor:
        """(n_users, n_columns)."""
        return self.fits.scores(recipe, self.columns)

    def in_units(self, scores: Tensor, *, unseen: bool) -> Tensor:
        """``scores`` over √(history length), (n_users, n_columns), in units of their spread among warm or among hidden items."""
        return scores / spread(scores, self.met | ~(self.hidden if unseen else self.warm))

    def of(self, recipe: Recipe) -> Tensor:
        """The normalised scores of ``recipe``, kept until :meth:`forget`."""
        if recipe not in self.scores:
            self.scores[recipe] = self.normalised(recipe)
        return self.scores[recipe]

    def forget(self, *recipes: Recipe) -> None:
        """Keeps no other scores than those of ``recipes``."""
        self.scores = {recipe: scores for recipe, scores in self.scores.items() if recipe in recipes}

    def ndcg(self, scores: Tensor, *, unseen: bool = False) -> Tensor:
        """nDCG@10 of each user among warm items, or among those hidden; nan where nothing is to be found."""
        out = self.out(unseen=unseen)
        top = scores.float().masked_fill(out, float("-inf")).topk(min(K, scores.shape[1]), dim=1).indices
        liked = self.liked.masked_fill(out, 0.0)
        return ndcg_of_hits(liked.gather(1, top), liked.sum(dim=1))

    def out(self, *, unseen: bool) -> Tensor:
        """What is in no list, (n_users, n_columns)."""
        return (self.met | ~self.warm) if not unseen else (~self.hidden).expand_as(self.met)

    def candidates(self, parts: Mapping[str, Tensor], log_gains: Mapping[str, Tensor], *, unseen: bool) -> Candidates:
        of_columns = {name: gain[torch.from_numpy(self.columns)] for name, gain in log_gains.items()}
        return candidates(parts, of_columns, self.liked, self.out(unseen=unseen), self.rows)


def sample(
    train: TrainingData, rng: np.random.Generator, eligible: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """``eligible`` users and items to calibrate on: all of them while they make no more than :data:`CELLS` scores."""
    n_users, n_items = train.users.history.shape
    columns = np.sort(rng.permutation(n_items)[:20_000])
    users = np.arange(n_users) if eligible is None else np.flatnonzero(eligible)
    return np.sort(rng.permutation(users)[: max(FEWEST_USERS, CELLS // max(len(columns), 1))]), columns


def scores_at(part: ScoredPart, users: UserBatch, columns: NDArray[np.int64]) -> Tensor:
    """Scores of ``columns``, in ascending order, for each user, (n_users, n_columns); whole rows at a time, which beats gathering the items' vectors."""
    n_items = users.history.shape[1]
    places = slice(None) if len(columns) == n_items else torch.from_numpy(columns)
    step = max(1, CELLS // max(1, n_items))
    blocks = [part.score(users.take(slice(start, start + step)))[:, places] for start in range(0, len(users), step)]
    return torch.cat(blocks) if blocks else torch.zeros(0, len(columns))


def spread(scores: Tensor, out: Tensor) -> float:
    """Standard deviation of ``scores`` over √(history length), of what is not ``out``; 1 where all are equal but for rounding."""
    n = max(1, out.numel() - int(np.count_nonzero(out.numpy())))
    counted = (~out).float()  # to multiply is sooner done than to fill places, or to gather them
    mean = (scores * counted).sum() / n
    deviation = float(torch.linalg.vector_norm((scores - mean).mul_(counted))) / n**0.5
    return float(scale_of(deviation, float(mean)))
