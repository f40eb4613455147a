r"""Whose the gain is: how much of what the leading arm gains over arms that read nothing the words give, and how much the language model.

Three arms of a split lead on the validation part (:mod:`recsat.measure.leaders`): m among those that read with the language model and were judged
with words in its place as well, w among those that read words alone or nothing, and n among those that read nothing. On the same users,

.. math:: \underbrace{m - n}_{\text{gain}} = \underbrace{(w - n)}_{\text{the words'}} + \underbrace{(m - w)}_{\text{the language model's}}

so a bag of words in the place of the model leaves the model nothing. Where w reads nothing the words' share is 0. Users without a history are
among them: fallbacks serve them whatever the arm, so they add 0.

The language model's share is the difference that the verdict on accuracy tests, so the answer is that verdict's: corrected for the dimensions that are
tested with it, and one on the whole page. Validation may pick a weak w by chance, so before the model is said to help m must be ahead of its own
twin as well, the same arm with words in the place of the model.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from recsat.config.settings import MeasureSettings
from recsat.measure.accuracy import Values
from recsat.measure.comparisons import compare
from recsat.measure.evaluate import EvaluatedSplit, values_by_arm
from recsat.measure.intervals import finite_or_none
from recsat.measure.leaders import Leaders, twin_of
from recsat.measure.measures import key_of
from recsat.result.model import Attribution, Outcome, Share


def attribution(
    evaluated: EvaluatedSplit,
    leaders: Leaders,
    accuracy: Outcome,
    *,
    reranker: str | None = None,
    settings: MeasureSettings,
    seed: int,
) -> Attribution:
    """The shares of nDCG@k of the arms that lead; ``lack`` says why where there are none.

    ``accuracy`` is the outcome of the verdict on the same pair. A ``reranker`` may read for every arm, so then nothing is divided. Shares are means
    of paired differences over the users who have all these arms, with intervals of :func:`~recsat.measure.comparisons.compare`.
    """
    measure = key_of("ndcg", evaluated.k)
    model = leaders.model if leaders.has_twin else None
    picked = Attribution(
        split=evaluated.split,
        measure=measure,
        model=model,
        without_model=leaders.without_model,
        nothing=leaders.nothing,
    )
    if lack := _lack(leaders, reranker):
        return picked.model_copy(update={"lack": lack})
    assert model is not None, "checked above"
    assert leaders.without_model is not None, "who reads nothing is among them"
    assert leaders.nothing is not None, "checked above"
    values = values_by_arm(evaluated, measure)
    m, w, n, t = (values[arm] for arm in (model, leaders.without_model, leaders.nothing, twin_of(model)))
    table = np.stack([m - n, w - n, m - w, m - t], axis=1)
    lacks_one = np.any(np.isnan(table), axis=1, keepdims=True)
    table = np.where(lacks_one, np.nan, table)
    n_users = int(np.sum(~np.all(lacks_one, axis=(1, 2))))
    if n_users < 2:
        return picked.model_copy(
            update={"lack": f"Fewer than two users of {evaluated.split} have {measure} for all these arms."}
        )
    gain, words, of_model, over_twin = _shares(table, n_users, settings, seed)
    hits = values_by_arm(evaluated, key_of("hit", evaluated.k))
    more_hits = None
    if model in hits and leaders.without_model in hits:
        of_hits = (hits[model] - hits[leaders.without_model])[:, None, :]
        more_hits = _shares(np.where(lacks_one, np.nan, of_hits), n_users, settings, seed)[0]
    return picked.model_copy(
        update={
            "gain": gain,
            "words_share": words,
            "model_share": of_model,
            "twin": twin_of(model),
            "over_twin": over_twin,
            "more_hits": more_hits,
            "answer": _answer(accuracy, over_twin, leads=leaders.model_leads),
        }
    )


def _shares(table: Values, n_users: int, settings: MeasureSettings, seed: int) -> list[Share]:
    """One for each column of paired differences, (n_users, m, n_draws)."""
    intervals = compare(table, settings=settings, seed=seed).intervals
    return [
        Share(mean=float(mean), low=finite_or_none(low), high=finite_or_none(high), n_users=n_users)
        for mean, low, high in zip(intervals.mean, intervals.low, intervals.high, strict=True)
    ]


def _answer(accuracy: Outcome, over_twin: Share, *, leads: bool) -> Literal["helps", "costs", "not shown"]:
    """Two tests that must both reject need no correction for one another: an intersection-union test (Berger, Technometrics 1982).

    Where the model's arm does not lead on validation nobody would serve it, so that it costs nobody anything.
    """
    if accuracy == "better" and over_twin.low is not None and over_twin.low > 0:
        return "helps"
    return "costs" if accuracy == "worse" and leads else "not shown"


def _lack(leaders: Leaders, reranker: str | None) -> str:
    split = leaders.split
    if leaders.model is None:
        return f"No arm with lists on {split} reads with a language model."
    if reranker is not None:
        return f"The lists were reranked by {reranker}, which may read for every arm, so the gain cannot be divided."
    if leaders.nothing is None:
        return f"Every arm with lists on {split} reads texts, so there is no gain over reading nothing."
    if not leaders.has_twin:
        return (
            f"No arm with lists on {split} reads words where another reads with a model, so words and model cannot be told apart: "
            "add words to measure.controls."
        )
    return ""
