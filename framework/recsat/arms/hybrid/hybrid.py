"""The default arm: a stack of parts on warm items, another on unseen ones, every choice made on likes held out inside ``fit``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import asdict, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.attributes import SavedByAttributes, packed, unpacked
from recsat.arms.hybrid.holdout import hold_outs
from recsat.arms.hybrid.merge import Heads, Merge, fit_merge, heads
from recsat.arms.hybrid.parts import ItemItem, Level, Liked, LikedOfLate, ScoredPart, roots
from recsat.arms.hybrid.search import Parts, search
from recsat.arms.hybrid.short_form import LowRankItemItem, factorise, latest_neighbours
from recsat.arms.hybrid.stack import Stack, fit_stack
from recsat.arms.hybrid.text_map import TextMap
from recsat.arms.hybrid.trial import SharedFits, Trial, sample, scores_at, spread
from recsat.arms.ials_text import IalsText
from recsat.arms.linear.inner_products import Representation
from recsat.arms.linear.item_item import ItemItemRecommender
from recsat.arms.linear.padded import at_candidates, dense, reasons_by
from recsat.arms.linear_order import LinearOrder
from recsat.arms.recency import Recency, choose_half_life, half_lives
from recsat.contract.arm import ArmState, Reasons
from recsat.contract.interactions import TrainingData, UserBatch

logger = logging.getLogger(__name__)

TEXTS_READ: Mapping[Representation, tuple[str, ...]] = {
    "model": ("text",),
    "words": ("words",),
    "permuted": ("permuted",),
    "masked": ("masked",),
    "both": ("text", "words"),
}
LEVELS: Mapping[str, Callable[[float | None], Liked | LikedOfLate]] = {
    "popularity": lambda half_life: Liked(),
    "recent popularity": lambda half_life: Liked() if half_life is None else LikedOfLate(half_life),
}
ENOUGH_USERS = 1_500
FEW_USERS = 300
"""With fewer in all windows of time, likes held out at random are looked at as well."""
MOST_ROUNDS = 4


class Hybrid(SavedByAttributes):
    r"""A learned sum of what is liked together, of what follows what, of texts and of popularity.

    .. math:: s_{ui} = \begin{cases} \bigl(\sum_p w_p\, s^{(p)}_{ui} / \sigma_p\bigr) \prod_g x_{gi}^{a_g} & i \text{ warm} \\
              \text{offset} \cdot \sqrt{|H_u|} + \text{slope} \cdot \sum_q v_q\, s^{(q)}_{ui} / \sigma_q & i \text{ unseen} \end{cases}

    The parts p are EASE without and with a text prior (:class:`~recsat.arms.hybrid.parts.Together`), iALS with one, order in closed form
    (:class:`~recsat.arms.hybrid.parts.Order`; where time matters to what is judged), aligned text, plain likeness of texts, popularity and, on timelines, recent popularity; q are
    texts alone: aligned, plain, and scores carried along texts; x are popularity and, on timelines, recency. σ is the spread of a part, and the sums are brought to units of their
    own. Each part's settings, which parts count and how much (:func:`~recsat.arms.hybrid.stack.fit_stack`), the powers a, offset and slope are chosen on splits inside the
    training data that hold out as ``train.protocol`` does (:func:`~recsat.arms.hybrid.holdout.hold_outs`); each single part is inside the family. Then the parts that
    count are fitted on everything.

    Above ``dense_limit`` items there are no item-item weights; above 5,000 one setting of each kind is tried, and no iALS. ``representation`` says what reads the texts.
    """

    def __init__(
        self,
        *,
        held_out: float = 0.2,
        rounds: int = MOST_ROUNDS,
        n_errors: float = 1.0,
        dense_limit: int = 20_000,
        representation: Representation = "model",
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
        self.half_life: float | None = None
        self.half_lives: list[float] = []

    def fit(self, train: TrainingData) -> Self:
        rng = np.random.default_rng(train.seed)
        vectors = list(TEXTS_READ[self.representation])
        trials = self._trials(train, rng)
        by_time = train.protocol in ("timeline", "last-n", None) and train.users.times is not None
        dense_fits = len(train.catalogue) <= self.dense_limit
        follows_time = train.protocol == "timeline"
        self.half_life = choose_half_life(train, "with history") if follows_time else None
        self.half_lives = half_lives(train)[1:] if follows_time else []
        parts = search(
            trials,
            vectors,
            dense=dense_fits,
            by_time=by_time,
            half_life=self.half_life,
            unseen_alone=train.protocol == "cold-items",
        )
        self.warm_stack, self.unseen_stack, self.merge = self._learn(trials, parts)
        del trials
        self._fit_parts(train, parts, rng)
        logger.info("hybrid: %s", self.summary)
        return self

    def _trials(self, train: TrainingData, rng: np.random.Generator) -> list[Trial]:
        trials: list[Trial] = []
        for split in hold_outs(train, share=self.held_out, rounds=self.rounds, rng=rng):
            trials.append(Trial(split, rng))
            if sum(map(len, trials)) >= ENOUGH_USERS:
                break
        if train.protocol in ("timeline", "last-n") and sum(map(len, trials)) < FEW_USERS:
            at_random = replace(train, protocol="random")
            trials += [Trial(split, rng) for split in hold_outs(at_random, share=self.held_out, rounds=2, rng=rng)]
        return trials

    def _learn(self, trials: Sequence[Trial], parts: Parts) -> tuple[Stack, Stack, Merge]:
        gains = [self._log_gains(trial.train) for trial in trials]
        of_warm = [
            trial.candidates({name: trial.of(recipe) for name, recipe in parts.warm.items()}, gain, unseen=False)
            for trial, gain in zip(trials, gains, strict=True)
        ]
        warm = fit_stack(of_warm, n_errors=self.n_errors)
        scores = [
            {name: trial.normalised(trial.fitted(recipe), unseen=True) for name, recipe in parts.unseen.items()}
            for trial in trials
        ]
        of_unseen = [
            trial.candidates(one, {}, unseen=True)
            for trial, one in zip(trials, scores, strict=True)
            if bool(trial.hidden.any())
        ]
        equal = Stack(dict.fromkeys(parts.unseen, 1.0))
        unseen = fit_stack(of_unseen, n_errors=2 * self.n_errors, start=equal) if of_unseen else equal
        merged = [
            self._heads(trial, parts, one, _product(gain, warm.powers), warm, unseen)
            for trial, one, gain in zip(trials, scores, gains, strict=True)
        ]
        return warm, unseen, fit_merge(merged)

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

    def _fit_parts(self, train: TrainingData, parts: Parts, rng: np.random.Generator) -> None:
        """Those that count, on everything; parts of one kind become one."""
        rows, columns = sample(train, rng, ~train.users.is_new)
        users = train.users.take(rows)
        self.warm = torch.from_numpy(train.warm)
        warm, unseen = _Summed(users, columns), _Summed(users, columns)
        fits = SharedFits(train)
        for name, weight in self.unseen_stack.weights.items():
            unseen.add(
                name, fits.fitted(parts.unseen[name]), weight, ~train.warm if (~train.warm).any() else train.warm
            )
        for name, weight in self.warm_stack.weights.items():
            warm.add(name, fits.fitted(parts.warm[name]), weight, train.warm)
        self.gain = _product(self._log_gains(train), self.warm_stack.powers)
        warm.scale_by_spread(self.gain, train.warm)
        unseen.scale_by_spread(torch.ones(len(train.catalogue)), ~train.warm if (~train.warm).any() else train.warm)
        self.together, self.order, self.level = warm.together, warm.order, warm.level
        self.level_scales = {name: scale for name, (scale, _) in warm.levels.items()}
        self.factors, self.factors_scale = warm.factors, warm.factors_scale
        self.texts, self.unseen_texts = list(warm.texts.values()), list(unseen.texts.values())
        self.low_rank: LowRankItemItem | None = None
        if len(train.catalogue) <= self.dense_limit:
            weights = torch.zeros(len(train.catalogue), len(train.catalogue))
            for part in (self.together, self.order):
                if part is not None:
                    weights += part.weights
            for text in self.texts:
                weights += torch.from_numpy(text.map) @ torch.from_numpy(text.item_vectors).T
            self.low_rank = factorise(weights * self.gain * self.warm, seed=train.seed)

    def _log_gains(self, train: TrainingData) -> dict[str, Tensor]:
        """Logarithms of what scores may be multiplied with, by name, (n_items,) each: popularity, and recency for each half-life."""
        gains = {"popularity": _centred_log(train.popularity)}
        for place, half_life in enumerate(self.half_lives):
            gain = Recency(half_life, 1.0).gains(train)
            of_one = torch.zeros(len(train.warm)) if gain is None else torch.from_numpy(gain).log()
            gains[f"recency {place}"] = of_one - of_one[torch.from_numpy(train.warm)].mean().nan_to_num()
        return gains

    def recounted(self, train: TrainingData) -> Self:
        """The arm at the moment of ``train``: popularity, recent popularity and recency are counted anew."""
        later = copy(self)
        later.gain = _product(self._log_gains(train), self.warm_stack.powers)
        later.level = self._level(train)
        return later

    def _level(self, train: TrainingData) -> Tensor | None:
        levels = [scale * LEVELS[name](self.half_life).fit(train).values for name, scale in self.level_scales.items()]
        return sum(levels[1:], start=levels[0]) if levels else None

    @property
    def summary(self) -> str:
        """What was learnt, in one line."""
        warm = ", ".join(f"{weight:g} {name}" for name, weight in self.warm_stack.weights.items())
        powers = ", ".join(f"{name}^{power:g}" for name, power in self.warm_stack.powers.items())
        unseen = ", ".join(f"{weight:g} {name}" for name, weight in self.unseen_stack.weights.items())
        return f"warm: {warm}{' × ' + powers if powers else ''}; unseen: {self.merge.offset:g} + {self.merge.slope:g} ({unseen})"

    def attributes(self) -> dict[str, Any]:
        values = {name: value for name, value in vars(self).items() if not isinstance(value, (Stack, Merge))}
        del values["texts"], values["unseen_texts"]
        values["stacks"] = {"warm": asdict(self.warm_stack), "unseen": asdict(self.unseen_stack)}
        values["merge"] = asdict(self.merge)
        for name in ("together", "order", "factors"):
            part = values[name]
            values[name] = None if part is None else part.state()
        for name in ("texts", "unseen_texts"):
            values |= {f"{name} {text.vector}": text.state() for text in getattr(self, name)}
        values["low_rank"] = None if self.low_rank is None else packed(vars(self.low_rank))
        return values

    def restore(self, state: ArmState) -> Self:
        values = unpacked(state)
        stacks = values.pop("stacks")
        self.warm_stack, self.unseen_stack = Stack(**stacks["warm"]), Stack(**stacks["unseen"])
        values["merge"] = Merge(**values["merge"])
        makers: Mapping[str, Any] = {"together": ItemItem, "order": LinearOrder, "factors": IalsText}
        for name, make in makers.items():
            if values[name] is not None:
                values[name] = make().restore(values[name])
        for name in ("texts", "unseen_texts"):
            keys = [key for key in values if key.startswith(f"{name} ")]
            values[name] = [TextMap(**unpacked(values.pop(key))) for key in keys]
        if values["low_rank"] is not None:
            values["low_rank"] = LowRankItemItem(**unpacked(values["low_rank"]))
        vars(self).update(values)
        return self

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        warm = sum(self._warm_scores(users).values(), start=torch.zeros(len(users), len(self.warm)))
        unseen = self.merge.offset * roots(users)[:, None] + self.merge.slope * self._unseen_scores(users)
        scores = torch.where(self.warm, warm * self.gain, unseen)
        return scores if candidates is None else at_candidates(scores.to(candidates.device), candidates)

    def _warm_scores(self, users: UserBatch) -> dict[str, Tensor]:
        """By name, (n_users, n_items) each, before the gain."""
        scores = {
            "liked together": [] if self.together is None else [self.together.score(users)],
            "taste": [] if self.factors is None else [self.factors_scale * self.factors.score(users)],
            "in this order": [] if self.order is None else [self.order.score(users)],
            "text": [text.score(users) for text in self.texts],
            "popularity": [] if self.level is None else [Level(self.level).score(users)],
        }
        return {name: sum(some[1:], start=some[0]) for name, some in scores.items() if some}

    def _unseen_scores(self, users: UserBatch) -> Tensor:
        return sum((text.score(users) for text in self.unseen_texts), start=torch.zeros(len(users), len(self.warm)))

    def parts(self, users: UserBatch, items: NDArray[np.int64]) -> Mapping[str, NDArray[np.float32]]:
        """Of a warm item what is liked together with the history, what follows it, what its text says and how popular it is; of an unseen one
        its text and its head start."""
        places = torch.from_numpy(items)
        is_warm, gain = self.warm[places], self.gain[places]
        parts = {
            name: torch.where(is_warm, scores.gather(1, places) * gain, 0.0)
            for name, scores in self._warm_scores(users).items()
        }
        unseen = self.merge.slope * self._unseen_scores(users).gather(1, places)
        parts["text of an unseen item"] = torch.where(is_warm, 0.0, unseen)
        parts["offset of an unseen item"] = torch.where(is_warm, 0.0, self.merge.offset * roots(users)[:, None])
        return {name: part.to(torch.float32).numpy() for name, part in parts.items()}

    def queries(self, users: UserBatch) -> Mapping[str, NDArray[np.float32]]:
        """The texts mapped to taste for what is unseen, and ``taste``, a short form of all that ranks warm items, for the rest."""
        texts = {text.vector: text.query_vectors(users) for text in (self.texts if self.low_rank is None else ())}
        texts |= {text.vector: text.query_vectors(users) for text in self.unseen_texts}
        if self.factors is not None:
            texts["factors"] = self.factors.query_vectors(users)
        if self.low_rank is None:
            return texts
        taste = np.asarray(users.history @ self.low_rank.history, dtype=np.float32)
        return {**texts, "taste": np.hstack([taste, roots(users).numpy()[:, None]])}

    def stored_vectors(self) -> Mapping[str, NDArray[np.float32]]:
        stored = {} if self.factors is None else {"factors": self.factors.item_factors}
        queried = [*self.unseen_texts, *(self.texts if self.low_rank is None else ())]
        stored |= {text.vector: text.item_vectors for text in queried if text.vector != "text"}
        if self.low_rank is None:
            return stored
        level = torch.zeros(len(self.warm)) if self.level is None else self.level * self.gain
        return {
            **stored,
            "taste": np.hstack([self.low_rank.items, torch.where(self.warm, level, 0.0).numpy()[:, None]]),
        }

    def neighbours(self, users: UserBatch, n: int) -> NDArray[np.int64] | None:
        """The strongest neighbours of the user's last items."""
        return None if self.low_rank is None else latest_neighbours(self.low_rank.neighbours, users, n)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        """The history item without which the score would be lowest, all parts together.

        An unseen item's score also loses a step of the offset, which may be negative: an item is named only where its text
        speaks for the listed one, and for more than that step.
        """
        places = torch.from_numpy(items).clamp(min=0)
        parts: list[ScoredPart] = [part for part in (self.together, self.order, *self.texts) if part is not None]
        if self.level is not None:
            parts.append(Level(self.level))
        of_warm = [part.losses(users, items) for part in parts]
        if self.factors is not None:
            of_warm.append(self.factors_scale * self.factors.losses(users, items))
        warm = sum(of_warm[1:], start=of_warm[0])
        n = torch.from_numpy(users.lengths.astype(np.float32))[:, None, None]
        step = self.merge.offset * (n.sqrt() - (n - 1).clamp(min=0).sqrt())
        text = sum(
            (part.losses(users, items) for part in self.unseen_texts[1:]),
            start=self.unseen_texts[0].losses(users, items),
        )
        unseen = torch.where(text > 0, self.merge.slope * text + step, 0.0)
        is_warm = self.warm[places]
        named = np.where(is_warm.numpy(), "because", "similar")
        losses = torch.where(is_warm[:, None, :], warm * self.gain[places][:, None, :], unseen)
        return reasons_by(losses, users, items, named)


class _Summed:
    """Parts, each fitted, brought to units of its spread and weighted; those of one kind are added up."""

    def __init__(self, users: UserBatch, columns: NDArray[np.int64]) -> None:
        self.users, self.columns = users, columns
        self.met = dense(users.history[:, columns]) > 0
        self.together: ItemItem | None = None
        self.order: LinearOrder | None = None
        self.factors: IalsText | None = None
        self.factors_scale = 0.0
        self.levels: dict[str, tuple[float, Level]] = {}
        self.texts: dict[str, TextMap] = {}

    @property
    def level(self) -> Tensor | None:
        values = [scale * level.values for scale, level in self.levels.values()]
        return sum(values[1:], start=values[0]) if values else None

    def add(self, name: str, part: ScoredPart, weight: float, judged: NDArray[np.bool_]) -> None:
        """``judged`` are the items over which the spread is taken."""
        out = self.met | torch.from_numpy(~judged[self.columns])
        scale = weight / spread(scores_at(part, self.users, self.columns), self.users, out)
        match part:
            case LinearOrder():
                part.weights = part.weights * scale if self.order is None else self.order.weights + part.weights * scale
                self.order = part
            case ItemItemRecommender():
                self.together = ItemItem(
                    part.weights * scale if self.together is None else self.together.weights + part.weights * scale
                )
            case TextMap():
                summed = [(scale, part)]
                if part.vector in self.texts:
                    summed.append((1.0, self.texts[part.vector]))
                self.texts[part.vector] = TextMap.summed(summed)
            case Level():
                self.levels[name] = scale, part
            case IalsText():
                self.factors, self.factors_scale = part, scale
            case _:
                raise TypeError(f"{type(part).__name__} is no part of the hybrid")

    def scale_by_spread(self, gain: Tensor, judged: NDArray[np.bool_]) -> None:
        """Brings the sum, times ``gain``, to units of its own spread over ``judged`` items."""
        parts: list[ScoredPart] = [
            part for part in (self.together, self.order, *self.texts.values()) if part is not None
        ]
        if self.level is not None:
            parts.append(Level(self.level))
        scores = [scores_at(part, self.users, self.columns) for part in parts]
        if self.factors is not None:
            scores.append(self.factors_scale * scores_at(self.factors, self.users, self.columns))
        total = sum(scores[1:], start=scores[0]) * gain[torch.from_numpy(self.columns)]
        unit = spread(total, self.users, self.met | torch.from_numpy(~judged[self.columns]))
        for part in (self.together, self.order):
            if part is not None:
                part.weights = part.weights / unit
        self.texts = {vector: TextMap.summed([(1 / unit, text)]) for vector, text in self.texts.items()}
        self.levels = {name: (scale / unit, level) for name, (scale, level) in self.levels.items()}
        self.factors_scale /= unit


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
