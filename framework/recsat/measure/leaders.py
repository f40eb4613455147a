"""Which arms of a split are compared: those that lead on the validation part, picked once, for every dimension and for whose the gain is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from recsat.contract.domain import Reads
from recsat.measure.evaluate import EvaluatedSplit, values_by_arm
from recsat.measure.measures import key_of
from recsat.result.leading import leader

MODEL: Final = "language model"


@dataclass(frozen=True)
class Leaders:
    """By nDCG@k on the validation part; None where no such arm has lists.

    An arm with a language model whose twin, itself with words in the model's place, is not judged leads only where none has one: its gain may be
    another's, that of order, say.
    """

    split: str
    model: str | None
    """Among arms that read with a language model."""
    without_model: str | None
    """Among those that read words alone or nothing."""
    nothing: str | None
    """Among those that read nothing."""
    has_twin: bool = False
    model_leads: bool = False
    """Whether ``model`` is not behind ``without_model`` on the validation part. Where it is, nobody would serve it."""

    @property
    def lack(self) -> str:
        """Why there is no pair to compare; empty where there is one."""
        if self.model is None and self.without_model is None:
            return f"Nothing was measured on {self.split}: no served user has a relevant item."
        if self.model is None:
            return f"Not measured on {self.split}: no arm with a language model has lists there."
        if self.without_model is None:
            return (
                f"Not measured on {self.split}: every arm there has a language model, so there is nothing to compare."
            )
        return ""

    @property
    def pair(self) -> tuple[str, str]:
        """``model`` and ``without_model``, where there is no lack."""
        assert self.model is not None, self.lack
        assert self.without_model is not None, self.lack
        return self.model, self.without_model


def leaders_of(
    evaluated: EvaluatedSplit, validation_ndcg: Mapping[str, float], reads: Mapping[str, Reads], baseline: str
) -> Leaders:
    """Of the arms of ``evaluated`` that have nDCG@k. ``validation_ndcg`` has every arm that may lead, ``reads`` what each of them reads."""
    values = values_by_arm(evaluated, key_of("ndcg", evaluated.k))
    ndcg = {arm: at for arm, at in validation_ndcg.items() if arm in values and not np.isnan(values[arm]).all()}
    with_model = {arm: at for arm, at in ndcg.items() if reads[arm] == MODEL}
    with_twin = {arm: at for arm, at in with_model.items() if twin_of(arm) in ndcg}
    without_model = {arm: at for arm, at in ndcg.items() if reads[arm] != MODEL}
    nothing = {arm: at for arm, at in ndcg.items() if reads[arm] == "nothing"}
    first, second = leader(with_twin or with_model, baseline), leader(without_model, baseline)
    return Leaders(
        split=evaluated.split,
        model=first,
        without_model=second,
        nothing=leader(nothing, baseline),
        has_twin=bool(with_twin),
        model_leads=first is not None and (second is None or ndcg[first] >= ndcg[second]),
    )


def twin_of(arm: str) -> str:
    """The name of ``arm`` with words in the place of the model."""
    return f"{arm}-words"
