"""A log in which every action stands as often as its propensity says: estimates are then the expectations, and can be worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from recsat.errors import DataError
from recsat.offpolicy import DM, DR, IPS, SNDR, SNIPS, BanditLog, DRos, LinearOutcome, Policy, Predictions, SwitchDR
from recsat.offpolicy.estimators import Estimator

Q = np.array([0.2, 0.6, 1.0])
"""Expected reward of each action."""
TARGET = np.array([0.1, 0.1, 0.8])
VALUE = 0.88
LOG = BanditLog(reward=Q[[0, 0, 1, 2]], propensity=np.array([0.5, 0.5, 0.25, 0.25]), action=np.array([0, 0, 1, 2]))
POLICY = Policy(probabilities=TARGET[None], rows=np.zeros(4, dtype=int))
WRONG = Predictions(np.full(4, 0.5), np.full(4, 0.5))
"""An outcome model that says one half of everything."""
RIGHT = Predictions(LOG.reward, np.full(4, VALUE))


@pytest.mark.parametrize(
    "estimator", [IPS(), SNIPS(), DM(RIGHT), DR(WRONG), DR(RIGHT), SNDR(WRONG), SwitchDR(RIGHT), DRos(RIGHT)]
)
def test_the_value_comes_out_where_propensities_or_the_model_are_right(estimator: Estimator) -> None:
    assert estimator.estimate(LOG, POLICY) == pytest.approx(VALUE, abs=1e-12)


@pytest.mark.parametrize(
    ("estimator", "value"),
    [
        # w = .2, .2, .4, 3.2
        (IPS(clip=1), (0.2 * 0.2 * 2 + 0.4 * 0.6 + 1) / 4),
        (DM(WRONG), 0.5),
        (DR(WRONG, clip=1), 0.5 + (-0.2 * 0.3 * 2 + 0.4 * 0.1 + 1 * 0.5) / 4),
        (SwitchDR(WRONG, threshold=0.4), 0.5 + (-0.2 * 0.3 * 2 + 0.4 * 0.1) / 4),
        (SwitchDR(WRONG, threshold=0.3), 0.5 + (-0.2 * 0.3 * 2) / 4),
        (DRos(WRONG, shrinkage=1), 0.5 + (-2 * 0.2 / 1.04 * 0.3 + 0.4 / 1.16 * 0.1 + 3.2 / 11.24 * 0.5) / 4),
        (DRos(WRONG, shrinkage=np.inf), VALUE),
        (DRos(WRONG, shrinkage=0), 0.5),
    ],
)
def test_worked_by_hand(estimator: Estimator, value: float) -> None:
    assert estimator.estimate(LOG, POLICY) == pytest.approx(value, abs=1e-12)


def test_self_normalised_estimates_divide_by_the_weights() -> None:
    log = BanditLog(reward=np.array([1.0, 0.0, 1.0]), propensity=np.array([0.5, 0.25, 0.25]))
    target = np.array([0.25, 0.5, 0.25])  # w = .5, 2, 1
    assert SNIPS().estimate(log, target) == pytest.approx(1.5 / 3.5)
    model = Predictions(np.array([0.5, 0.5, 0.0]), np.array([0.3, 0.3, 0.6]))
    assert SNDR(model).estimate(log, target) == pytest.approx(0.4 + (0.25 - 1 + 1) / 3.5)


def test_a_weight_of_nought_with_no_shrinkage_is_the_direct_method() -> None:
    log = BanditLog(reward=np.array([1.0, 0.0]), propensity=np.array([0.5, 0.5]))
    model = Predictions(np.array([0.5, 0.5]), np.array([0.25, 0.75]))
    assert DRos(model, shrinkage=0).estimate(log, np.zeros(2)) == 0.5


def test_nothing_to_divide_by_is_refused() -> None:
    with pytest.raises(DataError, match="nothing to divide by"):
        SNIPS().estimate(LOG, np.zeros(4))


def test_fixed_predictions_give_no_interval_where_a_refit_is_needed() -> None:
    for estimator in (DM(WRONG), SwitchDR(WRONG), DRos(WRONG)):
        with pytest.raises(DataError, match=f"{type(estimator).__name__}: an interval must refit"):
            estimator.interval(LOG, POLICY)
    assert DR(WRONG).interval(LOG, POLICY).high is not None


def test_predictions_must_be_of_every_round() -> None:
    with pytest.raises(DataError, match=r"of_target has the shape \(3,\)"):
        DM(Predictions(np.zeros(4), np.zeros(3))).estimate(LOG, POLICY)
    with pytest.raises(DataError, match="not finite"):
        DM(Predictions(np.zeros(4), np.array([0, np.nan, 0, 0]))).estimate(LOG, POLICY)


def test_over_all_logs_of_two_rounds_the_mean_of_ips_and_dr_is_the_value() -> None:
    """Brute force: every log of two users that the logging policy could have made, with its probability."""
    logging = np.array([0.5, 0.3, 0.2])
    model = np.array([0.9, 0.1, 0.4])
    totals = np.zeros(2)
    for a in range(3):
        for b in range(3):
            actions = np.array([a, b])
            log = BanditLog(reward=Q[actions], propensity=logging[actions], action=actions)
            policy = Policy(probabilities=TARGET[None], rows=np.zeros(2, dtype=int))
            q = Predictions(model[actions], policy.expected(model))
            totals += logging[a] * logging[b] * np.array([e.estimate(log, policy) for e in (IPS(), DR(q))])
    assert totals == pytest.approx([VALUE, VALUE], abs=1e-12)


def test_an_interval_of_a_linear_model_is_drawn_by_its_seed() -> None:
    rng = np.random.default_rng(0)
    n = 300
    action = rng.integers(0, 3, n)
    log = BanditLog(
        reward=rng.random(n) < Q[action], propensity=np.full(n, 1 / 3), action=action, user=np.arange(n) // 3
    )
    features = np.eye(3)
    model = LinearOutcome(features[action], np.tile(TARGET, (n, 1)))
    one, same, other = (DM(model).interval(log, TARGET[action], seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.low != other.low
    assert one.value == pytest.approx(DM(model).estimate(log, TARGET[action]), abs=1e-12)
    for estimator in (SwitchDR(model, threshold=1), DRos(model, shrinkage=2)):
        value = estimator.interval(log, TARGET[action])
        assert value.value == pytest.approx(estimator.estimate(log, TARGET[action]), abs=1e-12)
