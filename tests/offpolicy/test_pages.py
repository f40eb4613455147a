from __future__ import annotations

import numpy as np
import pytest

from recsat.errors import DataError
from recsat.offpolicy import IIPS, SIPS, BanditLog, RewardInteractionIPS

LOG = BanditLog(
    # Page 7 stands last place first; page 3 has one place.
    reward=np.array([5.0, 1.0, 2.0]),
    propensity=np.array([0.5, 0.25, 0.5]),
    position=np.array([1, 0, 0]),
    page=np.array([7, 7, 3]),
    user=np.array(["a", "a", "b"]),
)
TARGET = np.array([1.0, 0.5, 0.25])  # w = 2, 2, .5


def test_worked_by_hand() -> None:
    assert IIPS().estimate(LOG, TARGET) == (2 * 5 + 2 * 1 + 0.5 * 2) / 2
    assert RewardInteractionIPS().estimate(LOG, TARGET) == (4 * 5 + 2 * 1 + 0.5 * 2) / 2
    assert SIPS().estimate(LOG, TARGET) == (4 * 6 + 0.5 * 2) / 2


def test_weights_are_divided_by_their_mean_at_each_position() -> None:
    value = IIPS(self_normalised=True).estimate(LOG, TARGET)
    assert value == pytest.approx((5 + (2 * 1 + 0.5 * 2) / 2.5 * 2) / 2)


def test_over_all_pages_of_two_places_the_means_are_the_value() -> None:
    """Brute force over what an independent policy could show: 3 items, 2 places, rewards that look at what stands above."""
    logging, target = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]]), np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])
    rng = np.random.default_rng(0)
    top, below = rng.random(3), rng.random((3, 3))
    totals, value = np.zeros(2), 0.0
    for a in range(3):
        for b in range(3):
            pair = np.array([a, b])
            log = BanditLog(
                reward=np.array([top[a], below[a, b]]),
                propensity=logging[[0, 1], pair],
                position=np.array([0, 1]),
                page=np.zeros(2, dtype=int),
            )
            probability = logging[0, a] * logging[1, b]
            totals += probability * np.array(
                [e.estimate(log, target[[0, 1], pair]) for e in (RewardInteractionIPS(), SIPS())]
            )
            value += target[0, a] * target[1, b] * (top[a] + below[a, b])
    assert totals == pytest.approx([value, value], abs=1e-12)


def test_pages_of_a_user_hang_together() -> None:
    rng = np.random.default_rng(3)
    reward, page = rng.random(40), np.repeat(np.arange(20), 2)
    place = np.tile([0, 1], 20)
    alone = BanditLog(reward=reward, propensity=np.ones(40), position=place, page=page, user=page)
    pairs = BanditLog(reward=reward, propensity=np.ones(40), position=place, page=page, user=page // 2)
    sums = reward.reshape(20, 2).sum(axis=1)
    assert IIPS().interval(alone, np.ones(40)).standard_error == pytest.approx(sums.std(ddof=1) / np.sqrt(20))
    of_pairs = sums.reshape(10, 2).mean(axis=1)
    assert IIPS().interval(pairs, np.ones(40)).standard_error == pytest.approx(of_pairs.std(ddof=1) / np.sqrt(10))


def test_pages_must_be_known() -> None:
    with pytest.raises(DataError, match="Give page"):
        IIPS().estimate(BanditLog(reward=np.ones(2), propensity=np.ones(2)), np.ones(2))
    with pytest.raises(DataError, match="two rounds at one position"):
        IIPS().estimate(BanditLog(reward=np.ones(2), propensity=np.ones(2), page=np.zeros(2)), np.ones(2))
