r"""Whose the gain is: how much of what the leading arm gains over arms that read nothing the words give, and how much the language model.

Three arms of a split are picked by the validation part (:mod:`recsat.result.leading`): the one that leads among those that read with the
language model, m; among those that read words alone or nothing, w; and among those that read nothing, n. On the same users

.. math:: \underbrace{m - n}_{\text{gain}} = \underbrace{(w - n)}_{\text{the words'}} + \underbrace{(m - w)}_{\text{the language model's}}

so a bag of words in the place of the model leaves the model nothing. Where w reads nothing the words' share is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import polars as pl

from recsat.config.settings import MeasureSettings
from recsat.measure.accuracy import Values
from recsat.measure.differences import difference_intervals
from recsat.measure.evaluate import EvaluatedSplit
from recsat.measure.measures import key_of
from recsat.measure.score import ALL
from recsat.result.leading import leader
from recsat.result.model import Attribution, Share

Reads = Literal["nothing", "words", "language model"]


def attribution(
    evaluated: EvaluatedSplit,
    validation_ndcg: Mapping[str, float],
    reads: Mapping[str, Reads],
    *,
    settings: MeasureSettings,
    seed: int,
) -> Attribution:
    """The three arms and the two shares of nDCG@k; ``lack`` says why where there are none.

    ``validation_ndcg`` has every arm that may lead, ``reads`` what each of them reads. Shares are means of paired differences over the
    users who have all three arms, with intervals of :func:`~recsat.measure.differences.difference_intervals`.
    """
    measure = key_of("ndcg", evaluated.k)
    values = values_by_arm(evaluated, measure)
    ndcg = {arm: validation_ndcg[arm] for arm in validation_ndcg if arm in values}

    def first(*kinds: Reads) -> str | None:
        return leader({arm: value for arm, value in ndcg.items() if reads[arm] in kinds}, settings.baseline)

    model, without, nothing = first("language model"), first("nothing", "words"), first("nothing")
    picked = Attribution(split=evaluated.split, measure=measure, model=model, without_model=without, nothing=nothing)
    if lack := _lack(model, nothing, any(reads[arm] == "words" for arm in ndcg), evaluated.split):
        return picked.model_copy(update={"lack": lack})
    assert model is not None, "checked above"
    assert without is not None, "who reads nothing is among them"
    assert nothing is not None, "checked above"
    m, w, n = values[model], values[without], values[nothing]
    table = np.column_stack([m - n, w - n, m - w])
    table = table[~np.isnan(table).any(axis=1)]
    if len(table) < 2:
        return picked.model_copy(
            update={"lack": f"Fewer than two users of {evaluated.split} have {measure} for all three arms."}
        )
    intervals = difference_intervals(table, confidence=settings.confidence, n_bootstrap=settings.n_bootstrap, seed=seed)
    gain, words, of_model = (
        Share(
            mean=float(intervals.mean[i]),
            low=_known(intervals.low[i]),
            high=_known(intervals.high[i]),
            n_users=len(table),
        )
        for i in range(3)
    )
    return picked.model_copy(update={"gain": gain, "words_share": words, "model_share": of_model})


def values_by_arm(evaluated: EvaluatedSplit, measure: str) -> dict[str, Values]:
    """Values of one measure by arm, aligned over every user who has any value at all; NaN where an arm gives none."""
    everybody = evaluated.per_user.filter(pl.col("slice") == ALL)
    rows = everybody.filter(pl.col("measure") == measure)
    users = everybody.select("user_id").unique().sort("user_id")
    return {
        str(arm): users.join(table, on="user_id", how="left", maintain_order="left")["value"]
        .fill_null(float("nan"))
        .to_numpy()
        for (arm,), table in rows.select("arm", "user_id", "value")
        .partition_by("arm", as_dict=True, include_key=False)
        .items()
    }


def _lack(model: str | None, nothing: str | None, has_words: bool, split: str) -> str:
    if model is None:
        return f"No arm with lists on {split} reads with a language model."
    if nothing is None:
        return f"Every arm with lists on {split} reads texts, so there is no gain over reading nothing."
    if not has_words:
        return (
            f"No arm with lists on {split} reads words without a model, so words and model cannot be told apart: "
            "add words to measure.controls."
        )
    return ""


def _known(value: float | np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
