"""Intervals of shares and of values without spread."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from recsat.measure.binomial import binomial_interval, exact_interval


@pytest.mark.parametrize(("n_hits", "n"), [(0, 60), (60, 60), (3, 20), (1, 1), (17, 400)])
def test_the_interval_of_a_share_is_that_of_a_peer(n_hits: int, n: int) -> None:
    peer = binomtest(n_hits, n).proportion_ci(0.95, "exact")
    np.testing.assert_allclose(binomial_interval(n_hits, n, 0.95), (peer.low, peer.high), atol=1e-12)


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="2 of 1 is no share"):
        binomial_interval(2, 1, 0.95)
    with pytest.raises(ValueError, match="0 of 0"):
        binomial_interval(0, 0, 0.95)


def test_sixty_zeros_are_no_certainty() -> None:
    low, high = exact_interval(np.zeros(60), (0.0, 1.0), 0.95) or (np.nan, np.nan)
    assert (low, round(high, 3)) == (0.0, 0.060)
    low, high = exact_interval(np.ones(60), (0.0, 1.0), 0.95) or (np.nan, np.nan)
    assert (round(low, 3), high) == (0.940, 1.0)


def test_values_at_the_edge_of_a_wider_range_are_no_certainty_either() -> None:
    low, high = exact_interval(np.full(60, 5.0), (1.0, 5.0), 0.95) or (np.nan, np.nan)
    assert (round(low, 2), high) == (4.76, 5.0)


@pytest.mark.parametrize(
    ("values", "bounds"),
    [
        ([0.0] * 9, (0.0, None)),
        ([0.5] * 9, (0.0, 1.0)),
        ([0.0, 0.5, 1.0], (0.0, 1.0)),
        ([], (0.0, 1.0)),
        ([0.0, 1.0], (0.0, 5.0)),
    ],
)
def test_elsewhere_nothing_can_be_told_exactly(values: list[float], bounds: tuple[float | None, float | None]) -> None:
    assert exact_interval(np.array(values), bounds, 0.95) is None


def test_shares_are_covered_at_every_size() -> None:
    rng = np.random.default_rng(0)
    for n, p in ((20, 0.05), (60, 0.3), (600, 0.01)):
        ends = [binomial_interval(int(hits), n, 0.95) for hits in rng.binomial(n, p, 1000)]
        assert np.mean([low <= p <= high for low, high in ends]) >= 0.94
