"""The default arm: a stack of parts on warm items, another on unseen ones, every choice made on likes held out inside ``fit``."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.attributes import SavedByAttributes, packed, unpacked
from recsat.arms.hybrid.choices import Choices
from recsat.arms.hybrid.holdout import HIDES_ITEMS, hold_outs, mostly_unseen, n_dead, p_dead
from recsat.arms.hybrid.merge import Heads, Merge, fit_merge, heads, is_shown_better, ndcg_of_one_scale
from recsat.arms.hybrid.parts import Foretold, Level, Likeness, Recipe, roots
from recsat.arms.hybrid.search import LARGE, Parts, search
from recsat.arms.hybrid.short_form import LowRankItemItem, factorise, latest_neighbours
from recsat.arms.hybrid.stack import Candidates, Stack, fit_mean_stack, fit_stack
from recsat.arms.hybrid.text_map import TextMap
from recsat.arms.hybrid.total import Sum, Total
from recsat.arms.hybrid.trial import SharedFits, Trial, sample, scores_at, spread
from recsat.arms.linear.inner_products import Representation
from recsat.arms.linear.padded import at_candidates, dense, reasons_by
from recsat.arms.on_device import scores_on_cpu
from recsat.arms.recency import Recency, choose_half_life, half_lives
from recsat.contract.arm import ArmState, Reasons
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.embed.item_attributes import GRAPH

logger = logging.getLogger(__name__)

TEXTS_READ: Mapping[Representation, tuple[str, ...]] = {
    "model": ("text",),
    "words": ("words",),
    "permuted": ("permuted",),
    "masked": ("masked",),
    "both": ("text", "words"),
}
BESIDE_TEXTS = (GRAPH,)
"""Vectors that every representation reads besides where the run has them: of what items have in common by their attributes."""
ENOUGH_USERS = 1_500
FEW_USERS = 300
"""With fewer in all windows of time, likes held out at random are looked at as well."""
FEWEST_JUDGED = 30
"""With fewer in all hold-outs nothing is sought, and texts alone rank."""
FEWEST_UNSEEN = 30
"""With fewer the spread of their scores is taken over all items."""
MOST_ROUNDS = 4
FEWEST_DRAWS = 3
"""Of unseen items, where the split hides some; of a large catalogue where these alone are judged."""


@dataclass(frozen=True)
class Scores:
    """How the hybrid scores, on one device."""

    warm: Tensor
    """Items that have likes, bool (n_items,)."""
    gain: Tensor
    """What their scores are multiplied with, (n_items,)."""
    of_warm: Sum
    of_unseen: Sum | None
    """None where every item is warm."""
    merge: Merge

    def of(self, users: UserBatch) -> Tensor:
        """(n_users, n_items)."""
        scores = self.of_warm.score(users).mul_(self.gain)
        if self.of_unseen is None:
            return scores
        offset = self.merge.offset * roots(users).to(scores.device)[:, None]
        return torch.where(self.warm, scores, self.of_unseen.score(users).mul_(self.merge.slope).add_(offset))


class Hybrid(SavedByAttributes):
    r"""A learned sum of what is liked together, of what follows what, of texts and of popularity.

    .. math:: s_{ui} = \begin{cases} \bigl(\sum_p w_p\, s^{(p)}_{ui} / \sigma_p\bigr) \prod_g x_{gi}^{a_g} & i \text{ warm} \\
              \text{offset} \cdot \sqrt{|H_u|} + \text{slope} \cdot \sum_q v_q\, s^{(q)}_{ui} / \sigma_q & i \text{ unseen} \end{cases}

    The parts p are EASE without and with a text prior (:class:`~recsat.arms.hybrid.parts.Together`), iALS with one, order in closed form
    (:class:`~recsat.arms.hybrid.parts.Order`; where time matters to what is judged), aligned text, plain likeness of texts, popularity and, on timelines, recent popularity; q are
    texts alone: aligned, plain, scores carried along texts, and how much an item is liked as its text foretells; x are popularity and, on timelines, recency. σ is the spread of a part, and the sums are brought to units of their
    own. Where the run has vectors of what items have in common by their attributes (``graph``), parts of texts are tried on these as well, whatever reads the texts. Each part's settings, which parts count and how much (:func:`~recsat.arms.hybrid.stack.fit_mean_stack` of warm items, :func:`~recsat.arms.hybrid.stack.fit_stack` of unseen ones), the powers a, offset and slope are chosen on splits inside the
    training data that hold out as ``train.protocol`` does (:func:`~recsat.arms.hybrid.holdout.hold_outs`); each single part is inside the family. Then the parts that
    count are fitted on everything.

    Above ``dense_limit`` items there are no item-item weights; above 5,000 one setting of each kind is tried but for the history's decay, the ridge of the texts in order's prior and whether it stands on other texts as well, and no iALS. ``representation`` says what reads the texts. ``held_out`` is the share that is held out inside ``fit``; of a split that hides items its own, where ``train.test_share`` says it. ``choices`` are those that
    :meth:`choose` made: the parts that count are fitted, and nothing is sought.
    """

    _moved: Scores | None = None

    def __init__(
        self,
        *,
        held_out: float = 0.2,
        rounds: int = MOST_ROUNDS,
        n_errors: float = 1.0,
        dense_limit: int = 20_000,
        representation: Representation = "model",
        choices: Mapping[str, Any] | None = None,
    ) -> None:
        if not 0 < held_out < 1 or rounds < 1:
            raise ValueError(f"held_out must lie inside (0, 1) and rounds be at least 1, not {held_out} and {rounds}")
        if n_errors < 0:
            raise ValueError(f"n_errors must not be negative, not {n_errors}: it is how sure a step must be")
        self.held_out = held_out
        self.rounds = rounds
        self.n_errors = n_errors
        self.dense_limit = dense_limit
        if representation not in TEXTS_READ:
            raise ValueError(f"representation must be one of {', '.join(TEXTS_READ)}, not {representation!r}")
        self.representation = representation
        if choices is not None:
            Choices.of_json(choices)
        self.choices = choices

    def fit(self, train: TrainingData) -> Self:
        rng = np.random.default_rng(train.seed)
        self.selection = self._sought(train, rng) if self.choices is None else Choices.of_json(self.choices)
        self._fit_parts(train, rng)
        logger.info("hybrid: %s", self.summary)
        return self

    def choose(self, train: TrainingData) -> Mapping[str, Any]:
        return self.choices or self._sought(train, np.random.default_rng(train.seed)).to_json()

    def _sought(self, train: TrainingData, rng: np.random.Generator) -> Choices:
        trials = self._trials(train, rng)
        if sum(map(len, trials)) < FEWEST_JUDGED:
            return self._plain_likeness()
        by_time = train.protocol in ("timeline", "last-n", None) and train.users.times is not None
        follows_time = train.protocol == "timeline"
        half_life = choose_half_life(train, "with history") if follows_time else None
        parts = search(
            trials,
            vectors_read(self.representation, train),
            dense=len(train.catalogue) <= self.dense_limit,
            by_time=by_time,
            half_life=half_life,
            unseen_alone=train.protocol == "cold-items",
        )
        choices, by_user = self._learn(trials, parts, half_life, tuple(half_lives(train)[1:]) if follows_time else ())
        if mostly_unseen(train) and not self._beats_texts(trials, by_user):
            return self._plain_likeness()
        return replace(choices, n_dead=n_dead(train, self._share(train)))

    def _share(self, train: TrainingData) -> float:
        """Of what a hold-out hides: the split's own where it hides items, for as many unseen ones are to stand in the lists."""
        of_split = train.test_share if train.protocol in HIDES_ITEMS else None
        return self.held_out if of_split is None else of_split

    def _beats_texts(self, trials: Sequence[Trial], by_user: Tensor) -> bool:
        """Whether ``by_user``, the nDCG of what was chosen, is shown to be above that of texts alone, which learn nothing that could be wrong."""
        plain = Likeness(TEXTS_READ[self.representation][0])
        of_texts = [ndcg_of_one_scale(trial.scored(plain), trial.met, trial.liked) for trial in trials]
        users = torch.cat([trial.rows for trial in trials])
        return is_shown_better(by_user, torch.cat(of_texts), users, 2 * self.n_errors)

    def _plain_likeness(self) -> Choices:
        """Of all items alike: nothing that is learnt from so few likes is to be trusted, and most items have none."""
        vector = TEXTS_READ[self.representation][0]
        name = f"likeness {vector}"
        alone, recipes = Stack({name: 1.0}), {name: Likeness(vector)}
        return Choices(recipes, recipes, alone, alone, Merge(), all_as_unseen=True)

    def _trials(self, train: TrainingData, rng: np.random.Generator) -> list[Trial]:
        trials: list[Trial] = []
        # Users share the items that are hidden, so that one draw of these says nothing of how draws differ.
        hides_some = train.protocol in HIDES_ITEMS and len(train.catalogue) <= LARGE
        fewest = FEWEST_DRAWS if hides_some or train.protocol == "cold-items" else 1
        for split in hold_outs(train, share=self._share(train), rounds=self.rounds, rng=rng):
            trials.append(Trial(split, rng))
            if sum(map(len, trials)) >= ENOUGH_USERS and len(trials) >= fewest:
                break
        if train.protocol in ("timeline", "last-n") and sum(map(len, trials)) < FEW_USERS:
            at_random = replace(train, protocol="random")
            trials += [Trial(split, rng) for split in hold_outs(at_random, share=self.held_out, rounds=2, rng=rng)]
        return trials

    def _learn(
        self, trials: Sequence[Trial], parts: Parts, half_life: float | None, of_recency: tuple[float, ...]
    ) -> tuple[Choices, Tensor]:
        """Which parts count and how, and what that is worth to each user of the ``trials``, one after the other: nDCG@10."""
        gains = [_log_gains(trial.train, of_recency) for trial in trials]
        warm_candidates = [
            trial.candidates({name: trial.of(recipe) for name, recipe in parts.warm.items()}, gain, unseen=False)
            for trial, gain in zip(trials, gains, strict=True)
        ]
        warm = fit_mean_stack(warm_candidates, n_errors=self.n_errors, seed=trials[0].train.seed)
        scores = [
            {name: trial.normalised(recipe, unseen=True) for name, recipe in parts.unseen.items()} for trial in trials
        ]
        of_hidden = {
            place: trial.candidates(one, {}, unseen=True)
            for place, (trial, one) in enumerate(zip(trials, scores, strict=True))
            if bool(trial.hidden.any())
        }
        unseen = self._unseen_stack(parts, [*of_hidden.values()])
        merged = []
        for place, (trial, gain) in enumerate(zip(trials, gains, strict=True)):
            # A stack that has seen the draw ranks its hidden items better than it will rank any others: offset and slope are learnt on lists of one that has not.
            others = [one for draw, one in of_hidden.items() if draw != place]
            apart = self._unseen_stack(parts, others) if others and bool(trial.listed_unseen.any()) else unseen
            merged.append(self._heads(trial, parts, scores[place], _product(gain, warm.powers), warm, apart))
        warm_recipes = {name: parts.warm[name] for name in warm.weights}
        unseen_recipes = {name: parts.unseen[name] for name in unseen.weights}
        merge = fit_merge(merged)
        by_user = torch.cat([one.ndcg(merge) for one in merged])
        return Choices(warm_recipes, unseen_recipes, warm, unseen, merge, half_life, of_recency), by_user

    def _unseen_stack(self, parts: Parts, draws: Sequence[Candidates]) -> Stack:
        """From equal parts, which remain where nothing is hidden."""
        by_taste = [name for name, recipe in parts.unseen.items() if not isinstance(recipe, Foretold)]
        equal = Stack(dict.fromkeys(by_taste, 1.0))
        return fit_stack(draws, n_errors=2 * self.n_errors, start=equal) if draws else equal

    @staticmethod
    def _heads(
        trial: Trial, parts: Parts, scores: Mapping[str, Tensor], gain: Tensor, warm: Stack, unseen: Stack
    ) -> Heads:
        of_warm = _summed({name: trial.of(parts.warm[name]).float() for name in warm.weights}, warm)
        of_unseen = _summed({name: scores[name].float() for name in unseen.weights}, unseen)
        return heads(
            trial.in_units(of_warm * gain[torch.from_numpy(trial.columns)], unseen=False),
            trial.in_units(of_unseen, unseen=True),
            trial.warm,
            trial.listed_unseen,
            trial.met,
            trial.liked,
        )

    def _fit_parts(self, train: TrainingData, rng: np.random.Generator) -> None:
        """Those that count, on everything."""
        selection, fits = self.selection, SharedFits(train, p_dead(train, self.selection.n_dead))
        self.warm = torch.from_numpy(train.warm & (not selection.all_as_unseen))
        self.gain = _product(_log_gains(train, selection.half_lives), selection.warm.powers)
        units = _Units(train, rng)
        ones = torch.ones(len(train.catalogue))
        # Offset and slope were learnt where warm items were hidden, many at a time. The spread of few would be that of users alone, and put them first in every list.
        unseen = ~train.warm if (~train.warm).sum() >= FEWEST_UNSEEN else np.ones_like(train.warm)
        self.unseen_total = units.total(selection.unseen, selection.unseen_recipes, fits, ones, unseen)
        self.total = units.total(selection.warm, selection.recipes, fits, self.gain, train.warm)
        self.low_rank: LowRankItemItem | None = None
        if len(train.catalogue) <= self.dense_limit:
            del fits  # weights of parts, which are summed now
            weights = torch.zeros(len(train.catalogue), len(train.catalogue))
            for part in (self.total.together, self.total.order):
                if part is not None:
                    weights += part.weights
            for text in self.total.texts.values():
                weights.addmm_(torch.from_numpy(text.map), torch.from_numpy(text.item_vectors).T)
            self.low_rank = factorise(weights.mul_(self.gain * self.warm), seed=train.seed)

    def recounted(self, train: TrainingData) -> Self:
        """The arm at the moment of ``train``: popularity, recent popularity and recency are counted anew."""
        later = copy(self)
        later.gain = _product(_log_gains(train, self.selection.half_lives), self.selection.warm.powers)
        levels = {
            name: Level(scale * _fitted_level(self.selection.recipes[name], train).values)
            for name, scale in self.total.level_scales.items()
        }
        later.total = replace(self.total, levels=levels)
        return later

    @property
    def summary(self) -> str:
        """What was learnt, in one line."""
        return self.selection.summary

    def attributes(self) -> dict[str, Any]:
        values = {name: value for name, value in vars(self).items() if name not in ("selection", "_moved")}
        values["choices"] = self.selection.to_json()
        values["total"], values["unseen_total"] = self.total.state(), self.unseen_total.state()
        values["low_rank"] = None if self.low_rank is None else packed(vars(self.low_rank))
        return values

    def restore(self, state: ArmState) -> Self:
        values = unpacked(state)
        values["selection"] = Choices.of_json(values["choices"])
        values["total"], values["unseen_total"] = (Total.restored(values[name]) for name in ("total", "unseen_total"))
        if values["low_rank"] is not None:
            values["low_rank"] = LowRankItemItem(**unpacked(values["low_rank"]))
        vars(self).update(values)
        return self

    def to(self, device: torch.device) -> Self:
        if scores_on_cpu(device):
            return self
        moved = copy(self)
        moved._moved = self._scores_on(device)
        return moved

    def _scores_on(self, device: torch.device) -> Scores:
        unseen = None if bool(self.warm.all()) else self.unseen_total.sum_on(device)
        return Scores(
            self.warm.to(device), self.gain.to(device), self.total.sum_on(device), unseen, self.selection.merge
        )

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        scores = (self._moved or self._scores_on(torch.device("cpu"))).of(users)
        return scores if candidates is None else at_candidates(scores.to(candidates.device), candidates)

    def parts(self, users: UserBatch, items: NDArray[np.int64]) -> Mapping[str, NDArray[np.float32]]:
        """Of a warm item what is liked together with the history, what follows it, what its text says and how popular it is; of an unseen one
        its text and its head start."""
        places, merge = torch.from_numpy(items), self.selection.merge
        is_warm, gain = self.warm[places], self.gain[places]
        parts = {
            name: torch.where(is_warm, scores.gather(1, places) * gain, 0.0)
            for name, scores in self.total.scores(users).items()
        }
        of_unseen = {
            "text": "text of an unseen item",
            "attributes": "attributes of an unseen item",
            "popularity": "what the text of an unseen item foretells",
        }
        for name, scores in self.unseen_total.scores(users).items():
            parts[of_unseen[name]] = torch.where(is_warm, 0.0, merge.slope * scores.gather(1, places))
        parts["offset of an unseen item"] = torch.where(is_warm, 0.0, merge.offset * roots(users)[:, None])
        return {name: part.to(torch.float32).numpy() for name, part in parts.items()}

    def queries(self, users: UserBatch) -> Mapping[str, NDArray[np.float32]]:
        """The texts mapped to taste for what is unseen, and ``taste``, a short form of all that ranks warm items, for the rest."""
        texts = {text.vector: text.query_vectors(users) for text in self._queried()}
        if self.total.factors is not None:
            texts["factors"] = self.total.factors.query_vectors(users)
        if self.low_rank is None:
            return texts
        taste = np.asarray(users.history @ self.low_rank.history, dtype=np.float32)
        return {**texts, "taste": np.hstack([taste, roots(users).numpy()[:, None]])}

    def stored_vectors(self) -> Mapping[str, NDArray[np.float32]]:
        stored = {} if self.total.factors is None else {"factors": self.total.factors.item_factors}
        stored |= {text.vector: text.item_vectors for text in self._queried() if text.vector != "text"}
        if self.low_rank is None:
            return stored
        level = torch.where(
            self.warm, self.total.level * self.gain, self.selection.merge.slope * self.unseen_total.level
        )
        return {**stored, "taste": np.hstack([self.low_rank.items, level.numpy()[:, None]])}

    def _queried(self) -> list[TextMap]:
        """Texts that candidates are sought by; of two maps of one vector that of unseen items comes last, and counts."""
        warm = self.total.texts.values() if self.low_rank is None else ()
        return [*warm, *self.unseen_total.texts.values()]

    def neighbours(self, users: UserBatch, n: int) -> NDArray[np.int64] | None:
        """The strongest neighbours of the user's last items."""
        return None if self.low_rank is None else latest_neighbours(self.low_rank.neighbours, users, n)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        """The history item without which the score would be lowest, all parts together.

        An unseen item's score also loses a step of the offset and of what its text foretells, which may be negative: an item is named only where its text
        speaks for the listed one, and for more than that step.
        """
        places, merge = torch.from_numpy(items).clamp(min=0), self.selection.merge
        n = torch.from_numpy(users.lengths.astype(np.float32))[:, None, None]
        step = merge.offset * (n.sqrt() - (n - 1).clamp(min=0).sqrt())
        level = Level(self.unseen_total.level).losses(users, items)
        text = self.unseen_total.losses(users, items) - level
        unseen = torch.where(text > 0, merge.slope * (text + level) + step, 0.0)
        is_warm = self.warm[places]
        named = np.where(is_warm.numpy(), "because", "similar")
        losses = torch.where(
            is_warm[:, None, :], self.total.losses(users, items) * self.gain[places][:, None, :], unseen
        )
        return reasons_by(losses, users, items, named)


def vectors_read(representation: Representation, train: TrainingData) -> list[str]:
    """Names of the item vectors that parts may be made of, those of texts first."""
    return [*TEXTS_READ[representation], *(name for name in BESIDE_TEXTS if name in train.vectors)]


class _Units:
    """Adds up fitted parts, each in units of its spread over a sample of users and items, the sum in units of its own."""

    def __init__(self, train: TrainingData, rng: np.random.Generator) -> None:
        self.train = train
        rows, self.columns = sample(train, rng, ~train.users.is_new)
        self.users = train.users.take(rows)
        self.roots = roots(self.users)[:, None]
        self.met = dense(self.users.history[:, self.columns]) > 0

    def total(
        self, stack: Stack, recipes: Mapping[str, Recipe], fits: SharedFits, gain: Tensor, judged: NDArray[np.bool_]
    ) -> Total:
        """``judged`` are the items over which spreads are taken; ``gain`` (n_items,) multiplies the sum."""
        out = self.met | torch.from_numpy(~judged[self.columns])
        total, summed = Total(len(self.train.catalogue)), torch.zeros(self.met.shape)
        for name, weight in stack.weights.items():
            part = fits.fitted(recipes[name])
            scores = scores_at(part, self.users, self.columns).div_(self.roots)
            scale = weight / spread(scores, out)
            summed.add_(scores, alpha=scale)
            total.add(name, part, scale)
        total.divide(spread(summed * gain[torch.from_numpy(self.columns)], out))
        return total


def _log_gains(train: TrainingData, of_recency: Sequence[float]) -> dict[str, Tensor]:
    """Logarithms of what scores may be multiplied with, by name, (n_items,) each: popularity, and recency for each half-life."""
    gains = {"popularity": _centred_log(train.popularity)}
    for place, half_life in enumerate(of_recency):
        gain = Recency(half_life, 1.0).gains(train)
        of_one = torch.zeros(len(train.warm)) if gain is None else torch.from_numpy(gain).log()
        gains[f"recency {place}"] = of_one - of_one[torch.from_numpy(train.warm)].mean().nan_to_num()
    return gains


def _fitted_level(recipe: Recipe, train: TrainingData) -> Level:
    level = recipe.fit(train)
    assert isinstance(level, Level)
    return level


def _summed(scores: Mapping[str, Tensor], stack: Stack) -> Tensor:
    named = list(stack.weights.items())
    return sum((weight * scores[name] for name, weight in named[1:]), start=named[0][1] * scores[named[0][0]])


def _product(log_gains: Mapping[str, Tensor], powers: Mapping[str, float]) -> Tensor:
    """What scores are multiplied with, (n_items,)."""
    return torch.exp(
        sum((power * log_gains[name] for name, power in powers.items()), start=0 * log_gains["popularity"])
    )


def _centred_log(popularity: NDArray[np.float32]) -> Tensor:
    """log p minus its mean over warm items; 0 for unseen ones."""
    log = torch.log(torch.from_numpy(popularity).clamp(min=1))
    warm = torch.from_numpy(popularity > 0)
    return torch.where(warm, log - log[warm].mean(), torch.zeros(())) if bool(warm.any()) else log
