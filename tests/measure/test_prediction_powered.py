"""A model that judges may be good, useless, biased or perverse: the interval holds people's mean all the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from recsat.errors import DataError
from recsat.measure.prediction_powered import powered_mean

Judge = Callable[[np.random.Generator, np.ndarray], np.ndarray]
JUDGES: dict[str, Judge] = {
    "good": lambda rng, y: y + rng.normal(0, 0.15, len(y)),
    "biased": lambda rng, y: 0.4 + 0.5 * y + rng.normal(0, 0.1, len(y)),
    "useless": lambda rng, y: rng.random(len(y)),
    "perverse": lambda rng, y: -y + rng.normal(0, 0.1, len(y)),
    "constant": lambda rng, y: np.full(len(y), 0.7),
}
N_WORLDS, N_LABELS, N_JUDGED = 600, 60, 600


def satisfied(rng: np.random.Generator, n: int) -> np.ndarray:
    """A third say nothing good, the others something between: mean 0.65 · 0.35."""
    return rng.beta(1.4, 2.6, n) * (rng.random(n) < 0.65)


@pytest.mark.parametrize("name", JUDGES)
def test_the_interval_holds_what_people_would_say(name: str) -> None:
    rng = np.random.default_rng(7)
    truth, n_held, widths, of_people = 0.65 * 0.35, 0, [], []
    for _ in range(N_WORLDS):
        y, unlabelled = satisfied(rng, N_LABELS), satisfied(rng, N_JUDGED)
        one = powered_mean(y, JUDGES[name](rng, y), JUDGES[name](rng, unlabelled))
        n_held += one.low <= truth <= one.high
        widths.append(one.high - one.low)
        of_people.append(2 * stats.t.ppf(0.975, N_LABELS - 1) * y.std(ddof=1) / N_LABELS**0.5)
    assert n_held / N_WORLDS > 0.92
    ratio = np.mean(widths) / np.mean(of_people)
    if name in ("good", "biased"):
        assert ratio < 0.75
    else:
        assert ratio == pytest.approx(1, abs=0.02)


def test_what_the_model_says_alone_would_be_wrong() -> None:
    rng = np.random.default_rng(1)
    y, unlabelled = satisfied(rng, N_LABELS), satisfied(rng, N_JUDGED)
    one = powered_mean(y, 0.4 + 0.5 * y, 0.4 + 0.5 * unlabelled)
    assert one.high < (0.4 + 0.5 * unlabelled).mean()
    assert one.weight == pytest.approx(1)  # 1.96 would be best; it is never more than 1
    assert one.effective_labels > 2 * N_LABELS


def test_with_weight_0_it_is_the_interval_of_people() -> None:
    y = satisfied(np.random.default_rng(2), 40)
    one = powered_mean(y, np.zeros(40), np.zeros(50), confidence=0.9)
    low, high = stats.t.interval(0.9, 39, y.mean(), stats.sem(y))
    assert (one.mean, one.low, one.high) == pytest.approx((y.mean(), low, high))
    assert one.weight == 0
    assert one.effective_labels == pytest.approx(40)


@pytest.mark.parametrize(
    ("labels", "as_well", "alone", "message"),
    [
        (29, 29, 100, "29 labels"),
        (40, 39, 100, "40 labels and 39 judgements"),
        (40, 40, 5, "5 further judgements"),
    ],
)
def test_too_few_or_what_does_not_belong_together_is_refused(
    labels: int, as_well: int, alone: int, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        powered_mean(np.ones(labels), np.ones(as_well), np.ones(alone))


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(DataError, match="not a finite number"):
        powered_mean(np.full(40, np.nan), np.ones(40), np.ones(40))
