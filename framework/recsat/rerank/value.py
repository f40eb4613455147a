"""The value model: what showing an item is worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.contract.arm import ArmState
from recsat.contract.reranker import DEPTH, Example, Reranker, RerankInput
from recsat.errors import RunError
from recsat.rerank.greedy import ByScore, Pool, needed, pool_of
from recsat.rerank.outcome import OutcomeModel, fit_outcome

PREDICTIONS_SCHEMA = pl.Schema(
    {"event": pl.String, "user_id": pl.String, "predicted": pl.Float64, "observed": pl.Float64}
)


@dataclass(frozen=True)
class ExpectedValue:
    r"""The score becomes the expected value; the best come first, or ``then`` reranks by it.

    .. math:: V_{ui} = \sum_e w_e\, P(e \mid r_{ui}, \log(1 + n_i))

    ``worth`` has w, what one event e is worth; the probability comes from an :class:`~recsat.rerank.outcome.OutcomeModel` for
    each event, of the candidate's relevance r and its popularity n, fitted on the validation part by :meth:`fit`.
    """

    worth: Mapping[str, float]
    depth: int = DEPTH
    then: Reranker | None = None
    models: Mapping[str, OutcomeModel] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, not {self.depth}")
        if not self.worth:
            raise ValueError("worth is empty: nothing says what an event is worth")

    @property
    def events(self) -> tuple[str, ...]:
        return tuple(self.worth)

    def fit(self, examples: Iterable[Example]) -> ExpectedValue:
        """With one outcome model for each event, from the candidates of ``examples`` that this would look at."""
        features: list[NDArray[np.float64]] = []
        happened: dict[str, list[NDArray[np.bool_]]] = {event: [] for event in self.worth}
        for example in examples:
            pool = pool_of(example.block, self.depth, 1)
            rows = pool.present.cpu().numpy()
            features.append(features_of(pool)[rows])
            for event, blocks in happened.items():
                labels = example.happened[event].to(pool.order.device).gather(1, pool.order)
                blocks.append(labels.cpu().numpy()[rows])
        if not sum(map(len, features)):
            raise RunError(
                "reranker 'value': there is no candidate of a validation user to learn probabilities from. "
                "Raise validation_share, or leave rank.reranker out."
            )
        return replace(self, models={event: fit_outcome(features, blocks) for event, blocks in happened.items()})

    def state(self) -> ArmState:
        """What was learnt; the rest are settings."""
        return ArmState(numbers={event: model.numbers() for event, model in self.models.items()})

    def restore(self, state: ArmState) -> ExpectedValue:
        """A copy that has learnt what the one of ``state`` had."""
        return replace(self, models={event: OutcomeModel.of(numbers) for event, numbers in state.numbers.items()})

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        pool = pool_of(block, self.depth, k)
        valued = replace(pool.block, scores=self._values(pool))
        places = (self.then or ByScore()).rerank(valued, k)
        return pool.in_block(places)

    def probabilities(self, pool: Pool) -> dict[str, Tensor]:
        """P(e) of every candidate, (B, D), by event."""
        if not self.models:
            raise RunError("reranker 'value' has not been fitted: call fit with examples of the validation part first.")
        relevance, popularity = _features(pool)
        by_event = {}
        for event, model in self.models.items():
            intercept, (of_relevance, of_popularity) = model.plain
            by_event[event] = torch.sigmoid(intercept + of_relevance * relevance + of_popularity * popularity)
        return by_event

    def _values(self, pool: Pool) -> Tensor:
        value = torch.zeros_like(pool.relevance)
        for event, probability in self.probabilities(pool).items():
            value += self.worth[event] * probability
        return value.masked_fill(~pool.present, float("-inf"))


def predictions(value: ExpectedValue, examples: Iterable[Example]) -> pl.DataFrame:
    """(event, user_id, predicted, observed): a row for every candidate that ``value`` looks at and every event.

    What :mod:`recsat.measure.prediction` measures; ``examples`` should be of users that it was not fitted on.
    """
    parts = []
    for example in examples:
        pool = pool_of(example.block, value.depth, 1)
        rows = pool.present.cpu().numpy()
        users = np.repeat(np.asarray(example.block.user_ids, dtype=object), rows.sum(axis=1))
        for event, probability in value.probabilities(pool).items():
            observed = example.happened[event].to(pool.order.device).gather(1, pool.order)
            parts.append(
                pl.DataFrame(
                    {
                        "event": pl.Series([event]).new_from_index(0, len(users)),
                        "user_id": pl.Series(users, dtype=pl.String),
                        "predicted": probability.cpu().numpy()[rows].astype(np.float64),
                        "observed": observed.cpu().numpy()[rows].astype(np.float64),
                    }
                )
            )
    return pl.concat(parts) if parts else pl.DataFrame(schema=PREDICTIONS_SCHEMA)


def cross_fitted(value: ExpectedValue, examples: Sequence[Example]) -> pl.DataFrame:
    """:func:`predictions` for the users of ``examples``, each half of them by a model of the other half."""
    first = np.cumsum([0, *(len(example.block.scores) for example in examples[:-1])])
    halves = [[_half(example, (odd + n) % 2) for example, n in zip(examples, first, strict=True)] for odd in (0, 1)]
    return pl.concat(predictions(value.fit(halves[1 - half]), halves[half]) for half in (0, 1))


def _half(example: Example, odd: int) -> Example:
    """Every second user of a block, from the first or the second on; the candidates of the others are taken away."""
    scores = example.block.scores.clone()
    scores[1 - odd :: 2] = float("-inf")
    return replace(example, block=replace(example.block, scores=scores))


def features_of(pool: Pool) -> NDArray[np.float64]:
    """(B, D, 2): relevance and log(1 + popularity)."""
    return torch.stack(_features(pool), dim=2).cpu().numpy().astype(np.float64)


def _features(pool: Pool) -> tuple[Tensor, Tensor]:
    popularity = needed(pool.block.popularity, "value", "popularity")
    return pool.relevance, popularity[pool.block.candidates.clamp(min=0)].log1p()
