r"""Whose the gain is: how much of what the leading arm gains over arms that read nothing the words give, and how much the language model.

Three arms of a split are picked by the validation part (:mod:`recsat.result.leading`): the one that leads among those that read with the
language model and were judged with words in its place as well, m; among those that read words alone or nothing, w; and among those that read nothing,
n. An arm without that twin is never m: its gain may be another's, that of order, say. On the same users, all of whom have a history, since the
others are served by fallbacks whatever the arm,

.. math:: \underbrace{m - n}_{\text{gain}} = \underbrace{(w - n)}_{\text{the words'}} + \underbrace{(m - w)}_{\text{the language model's}}

so a bag of words in the place of the model leaves the model nothing. Where w reads nothing the words' share is 0.

Validation may pick a weak w by chance, so before the model is said to help m must be ahead of its own twin as well, the same arm with words in the
place of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import numpy as np
import polars as pl

from recsat.config.settings import MeasureSettings
from recsat.contract.domain import Reads
from recsat.measure.accuracy import Values
from recsat.measure.comparisons import compare
from recsat.measure.evaluate import EvaluatedSplit
from recsat.measure.measures import key_of
from recsat.measure.score import ALL
from recsat.result.leading import leader
from recsat.result.model import Attribution, Share

MODEL: Final = "language model"


def attribution(
    evaluated: EvaluatedSplit,
    validation_ndcg: Mapping[str, float],
    reads: Mapping[str, Reads],
    *,
    with_history: Sequence[pl.Series] | None = None,
    reranker: str | None = None,
    settings: MeasureSettings,
    seed: int,
) -> Attribution:
    """The three arms and the two shares of nDCG@k; ``lack`` says why where there are none.

    ``validation_ndcg`` has every arm that may lead, ``reads`` what each of them reads; ``with_history`` are, draw by draw, the ids of users
    who liked something before the cut (None: all did). A ``reranker`` may read for every arm, so then nothing is divided. Shares are means of paired differences over the
    users who have all three arms, with intervals of :func:`~recsat.measure.comparisons.compare`.
    """
    measure = key_of("ndcg", evaluated.k)
    values = values_by_arm(evaluated, measure, with_history)
    ndcg = {arm: validation_ndcg[arm] for arm in validation_ndcg if arm in values}

    def first(*kinds: Reads) -> str | None:
        return leader(
            {
                arm: value
                for arm, value in ndcg.items()
                if reads[arm] in kinds and (reads[arm] != MODEL or has_twin(arm))
            },
            settings.baseline,
        )

    def has_twin(arm: str) -> bool:
        return twin_of(arm) in ndcg

    model, without, nothing = first(MODEL), first("nothing", "words"), first("nothing")
    picked = Attribution(split=evaluated.split, measure=measure, model=model, without_model=without, nothing=nothing)
    has_model = any(reads[arm] == MODEL for arm in ndcg)
    if lack := _lack(has_model, model, nothing, reranker, evaluated.split):
        return picked.model_copy(update={"lack": lack})
    assert model is not None, "checked above"
    assert without is not None, "who reads nothing is among them"
    assert nothing is not None, "checked above"
    m, w, n, t = values[model], values[without], values[nothing], values[twin_of(model)]
    table = np.stack([m - n, w - n, m - w, m - t], axis=1)
    lacks_one = np.any(np.isnan(table), axis=1, keepdims=True)
    table = np.where(lacks_one, np.nan, table)
    n_users = int(np.sum(~np.all(lacks_one, axis=(1, 2))))
    if n_users < 2:
        return picked.model_copy(
            update={"lack": f"Fewer than two users of {evaluated.split} have {measure} for all these arms."}
        )
    intervals = compare(table, settings=settings, seed=seed).intervals
    gain, words, of_model, over_twin = (
        Share(
            mean=float(intervals.mean[i]),
            low=_known(intervals.low[i]),
            high=_known(intervals.high[i]),
            n_users=n_users,
        )
        for i in range(4)
    )
    return picked.model_copy(
        update={
            "gain": gain,
            "words_share": words,
            "model_share": of_model,
            "twin": twin_of(model),
            "over_twin": over_twin,
            "answer": _answer(of_model, over_twin, leads=ndcg[model] >= ndcg[without]),
        }
    )


def twin_of(arm: str) -> str:
    """The name of ``arm`` with words in the place of the model."""
    return f"{arm}-words"


def _answer(of_model: Share, over_twin: Share, *, leads: bool) -> Literal["helps", "costs", "not shown"]:
    """Two tests that must both reject need no correction: an intersection-union test (Berger, Technometrics 1982).

    Where the model's arm does not lead on validation nobody would serve it, so that it costs nobody anything.
    """
    if all(share.low is not None and share.low > 0 for share in (of_model, over_twin)):
        return "helps"
    return "costs" if leads and of_model.high is not None and of_model.high < 0 else "not shown"


def values_by_arm(
    evaluated: EvaluatedSplit, measure: str, among: Sequence[pl.Series] | None = None, *, part: str = ALL
) -> dict[str, Values]:
    """Values of one measure on the slice ``part`` by arm, (n_users, n_draws), aligned over every user (``among`` some of each draw) who has any
    value at all, on whatever slice; NaN where an arm gives none.
    """
    return evaluated.values.by_arm(measure, among, part=part)[1]


def _lack(has_model: bool, model: str | None, nothing: str | None, reranker: str | None, split: str) -> str:
    if not has_model:
        return f"No arm with lists on {split} reads with a language model."
    if reranker is not None:
        return f"The lists were reranked by {reranker}, which may read for every arm, so the gain cannot be divided."
    if nothing is None:
        return f"Every arm with lists on {split} reads texts, so there is no gain over reading nothing."
    if model is None:
        return (
            f"No arm with lists on {split} reads words where another reads with a model, so words and model cannot be told apart: "
            "add words to measure.controls."
        )
    return ""


def _known(value: float | np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
