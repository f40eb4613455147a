from __future__ import annotations

import numpy as np
import pytest

from recsat.errors import DataError
from recsat.offpolicy import BanditLog, Policy
from recsat.offpolicy.log import weights_of

HALF = np.full(2, 0.5)


def test_sums_are_over_users_in_whatever_order_they_stand() -> None:
    log = BanditLog(reward=np.arange(4.0), propensity=np.ones(4), user=np.array(["b", "a", "b", "c"]))
    assert log.n_users == 3
    assert log.sum_by_user(log.reward).tolist() == [1, 2, 3]


def test_weights_are_those_of_the_position() -> None:
    log = BanditLog(reward=np.ones(2), propensity=HALF, action=np.array([1, 1]), position=np.array([0, 1]))
    policy = Policy(probabilities=np.array([[0.2, 0.8], [0.9, 0.1]]), rows=log.places)
    assert weights_of(log, policy) == pytest.approx([1.6, 0.2])
    assert policy.expected([1.0, 2.0]) == pytest.approx([1.8, 1.1])


def test_assumed_propensities_say_so() -> None:
    assert BanditLog(reward=HALF, propensity=HALF).evidence == "logged"
    assert (
        BanditLog(reward=HALF, propensity=HALF, propensity_model="share of the item in the log").evidence == "assumed"
    )


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"propensity": np.array([0.5, 0.0])}, r"propensity of round 1 is 0\.0"),
        ({"propensity": np.array([1.5, 0.5])}, r"propensity of round 0 is 1\.5"),
        ({"propensity": np.array([0.5, np.nan])}, "propensity of round 1 is nan"),
        ({"propensity": np.ones(3)}, r"propensity has the shape \(3,\)"),
        ({"reward": np.array([1.0, np.inf])}, "reward of round 1 is not finite"),
        ({"action": np.array([0.5, 1.0])}, "action: they must be whole numbers"),
        ({"position": np.array([-1, 0])}, "position: they must be whole numbers from 0 on"),
        ({"user": np.array(["a"])}, r"user has the shape \(1,\)"),
        ({"reward": np.zeros(0), "propensity": np.zeros(0)}, "it has no round"),
    ],
)
def test_what_is_no_log_is_refused(columns: dict[str, np.ndarray], match: str) -> None:
    with pytest.raises(DataError, match=match):
        BanditLog(**{"reward": HALF, "propensity": HALF, **columns})


def test_a_policy_must_sum_to_one_to_a_billionth() -> None:
    rows = np.zeros(2, dtype=int)
    Policy(probabilities=np.array([[0.5, 0.5 + 5e-10]]), rows=rows)
    with pytest.raises(DataError, match=r"row 0 sums to 1\.00000001 and not to 1"):
        Policy(probabilities=np.array([[0.5, 0.50000001]]), rows=rows)
    with pytest.raises(DataError, match="row 0 has a probability that is negative"):
        Policy(probabilities=np.array([[1.5, -0.5]]), rows=rows)
    with pytest.raises(DataError, match="the policy has rows 0 to 0"):
        Policy(probabilities=np.array([[1.0]]), rows=rows + 1)


def test_a_target_must_fit_the_log() -> None:
    log = BanditLog(reward=HALF, propensity=HALF, action=np.array([0, 2]))
    policy = Policy(probabilities=np.array([[0.5, 0.5]]), rows=np.zeros(2, dtype=int))
    with pytest.raises(DataError, match="2 actions; the log has action 2"):
        weights_of(log, policy)
    with pytest.raises(DataError, match="the actions are not there"):
        weights_of(BanditLog(reward=HALF, propensity=HALF), policy)
    with pytest.raises(DataError, match=r"the shape is \(3,\)"):
        weights_of(log, np.ones(3))
    with pytest.raises(DataError, match=r"2\.0 in round 1 is no probability"):
        weights_of(log, np.array([1.0, 2.0]))
    with pytest.raises(DataError, match="3 rounds; the log has 2"):
        weights_of(log, Policy(probabilities=np.eye(3), rows=np.arange(3)))
