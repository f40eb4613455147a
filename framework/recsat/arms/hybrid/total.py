"""The fitted parts that count, added up: those of one kind are one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.attributes import packed, unpacked
from recsat.arms.hybrid.parts import ItemItem, Level, Scored, ScoredPart
from recsat.arms.hybrid.text_map import TextMap
from recsat.arms.ials_text import IalsText
from recsat.arms.linear.item_item import ItemItemRecommender
from recsat.arms.linear_order import LinearOrder
from recsat.contract.arm import ArmState
from recsat.contract.interactions import UserBatch
from recsat.embed.item_attributes import GRAPH


@dataclass(frozen=True)
class Times:
    """A part, its scores multiplied."""

    part: IalsText
    factor: float

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        return self.factor * self.part.score(users, candidates)

    def to(self, device: torch.device) -> Times:
        return Times(self.part.to(device), self.factor)

    def losses(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        return self.factor * self.part.losses(users, items)


@dataclass(frozen=True)
class Sum:
    """Of the scores of ``parts``, one at least."""

    parts: Sequence[Scored]

    def score(self, users: UserBatch) -> Tensor:
        """(n_users, n_items), where the parts are."""
        scores = self.parts[0].score(users)
        for part in self.parts[1:]:
            scores += part.score(users)
        return scores


@dataclass
class Total:
    """A sum of parts of ``n_items`` items; a part of any kind may be missing."""

    n_items: int
    together: ItemItem | None = None
    order: LinearOrder | None = None
    factors: IalsText | None = None
    factors_scale: float = 0.0
    levels: dict[str, Level] = field(default_factory=dict)
    level_scales: dict[str, float] = field(default_factory=dict)
    """What each level was multiplied with, by its name: counted anew it needs that alone."""
    texts: dict[str, TextMap] = field(default_factory=dict)
    """By the name of their vector."""

    def add(self, name: str, part: ScoredPart, scale: float) -> None:
        match part:
            case LinearOrder():
                part.weights = part.weights * scale if self.order is None else self.order.weights + part.weights * scale
                self.order = part
            case ItemItemRecommender():
                weights = part.weights * scale
                self.together = ItemItem(weights if self.together is None else self.together.weights + weights)
            case TextMap():
                so_far = [(1.0, self.texts[part.vector])] if part.vector in self.texts else []
                self.texts[part.vector] = TextMap.summed([(scale, part), *so_far])
            case Level():
                self.levels[name], self.level_scales[name] = Level(scale * part.values), scale
            case IalsText():
                self.factors, self.factors_scale = part, scale
            case _:
                raise TypeError(f"{type(part).__name__} is no part of the hybrid")

    def divide(self, unit: float) -> None:
        for part in (self.together, self.order):
            if part is not None:
                part.weights = part.weights / unit
        self.texts = {vector: TextMap.summed([(1 / unit, text)]) for vector, text in self.texts.items()}
        self.levels = {name: Level(level.values / unit) for name, level in self.levels.items()}
        self.level_scales = {name: scale / unit for name, scale in self.level_scales.items()}
        self.factors_scale /= unit

    def named(self) -> Iterator[tuple[str, ScoredPart | Times]]:
        """The parts by what they say; several may have one name."""
        if self.together is not None:
            yield "liked together", self.together
        if self.factors is not None:
            yield "taste", Times(self.factors, self.factors_scale)
        if self.order is not None:
            yield "in this order", self.order
        yield from (("attributes" if text.vector == GRAPH else "text", text) for text in self.texts.values())
        yield from (("popularity", level) for level in self.levels.values())

    def scores(self, users: UserBatch) -> dict[str, Tensor]:
        """By name, (n_users, n_items) each."""
        scores: dict[str, Tensor] = {}
        for name, part in self.named():
            scores[name] = scores[name] + part.score(users) if name in scores else part.score(users)
        return scores

    def sum_on(self, device: torch.device) -> Sum:
        """What :meth:`scores` add up to, made on ``device``."""
        return Sum([part.to(device) for _, part in self.named()])

    def losses(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        """What the score of list place k loses when history place h is taken away, (B, H, k)."""
        losses = [part.losses(users, items) for _, part in self.named()]
        return sum(losses[1:], start=losses[0])

    @property
    def level(self) -> Tensor:
        """(n_items,), all of them together."""
        return sum((level.values for level in self.levels.values()), start=torch.zeros(self.n_items))

    def state(self) -> ArmState:
        values: dict[str, Any] = {
            name: None if part is None else part.state()
            for name, part in (("together", self.together), ("order", self.order), ("factors", self.factors))
        }
        values |= {f"text {vector}": text.state() for vector, text in self.texts.items()}
        values |= {f"level {name}": level.values for name, level in self.levels.items()}
        values |= {"n_items": self.n_items, "factors_scale": self.factors_scale, "level_scales": self.level_scales}
        return packed(values)

    @classmethod
    def restored(cls, state: ArmState) -> Self:
        values = unpacked(state)
        makers = {"together": ItemItem, "order": LinearOrder, "factors": IalsText}
        parts: dict[str, Any] = {
            name: None if values[name] is None else make().restore(values[name]) for name, make in makers.items()
        }
        return cls(
            n_items=values["n_items"],
            factors_scale=values["factors_scale"],
            level_scales=values["level_scales"],
            levels={name: Level(values[f"level {name}"]) for name in values["level_scales"]},
            texts={
                key.removeprefix("text "): TextMap(**unpacked(one))
                for key, one in values.items()
                if key.startswith("text ")
            },
            **parts,
        )
