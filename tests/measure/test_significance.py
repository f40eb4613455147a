from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, false_discovery_control, permutation_test

from recsat.measure.significance import _exact, false_discovery, holm, sign_flip_test


def brute_force(d: np.ndarray) -> float:
    signs = 1 - 2 * ((np.arange(2 ** len(d))[:, None] >> np.arange(len(d))) & 1)
    return float((np.abs(signs @ d) >= abs(d.sum()) - 1e-9).mean())


def sampled_differences(seed: int, n: int, shift: float, skew: bool) -> np.ndarray:
    dice = np.random.default_rng(seed)
    return (dice.exponential(1.0, n) - 1 if skew else dice.normal(0, 1, n)) + shift


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([1.0, 1.0], 2 / 4),
        ([1.0, 2.0, 3.0], 2 / 8),
        ([1.0, 2.0, -3.0], 1.0),
        ([1.0, 1.0, 1.0, -1.0], 10 / 16),
        ([0.0, 0.0], 1.0),
        ([5.0, np.nan, np.nan], np.nan),
        ([1.0, 0.0, np.nan], 1.0),
    ],
)
def test_few_users_are_counted_exactly(differences: list[float], expected: float) -> None:
    assert sign_flip_test(np.array(differences)[:, None])[0] == pytest.approx(expected, nan_ok=True)


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), n=st.integers(13, 17), shift=st.floats(0, 2), skew=st.booleans())
def test_all_flips_are_counted_without_listing_them(seed: int, n: int, shift: float, skew: bool) -> None:
    d = sampled_differences(seed, n, shift, skew)
    assert sign_flip_test(d[:, None])[0] == pytest.approx(brute_force(d), rel=1e-9)


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), n=st.integers(31, 36), shift=st.floats(0, 2), skew=st.booleans())
def test_the_saddlepoint_agrees_with_all_flips(seed: int, n: int, shift: float, skew: bool) -> None:
    d = sampled_differences(seed, n, shift, skew)
    exact, approximate = _exact(d / np.linalg.norm(d)), sign_flip_test(d[:, None])[0]
    if exact >= 1e-6:
        assert approximate == pytest.approx(exact, rel=0.25)
    else:  # a few hundred of the sums lie that far out, and no smooth tail follows them
        assert exact / 4 - 4 / 2**n <= approximate <= 4 * exact + 4 / 2**n


@pytest.mark.parametrize(("n", "wins"), [(20, 15), (60, 45), (200, 120), (1000, 620)])
def test_hits_won_and_lost_agree_with_the_sign_test_far_into_the_tail(n: int, wins: int) -> None:
    d = np.r_[np.full(wins, 0.1), np.full(n - wins, -0.1), np.zeros(7)]
    exact = 2 * binom.sf(wins - 1, n, 0.5)
    assert sign_flip_test(d[:, None])[0] == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize("n", [13, 30, 60])
def test_where_all_signs_agree_the_tail_is_never_called_smaller_than_it_is(n: int) -> None:
    exact = 2.0 ** (1 - n)
    assert exact * 0.999 <= sign_flip_test(np.full((n, 1), 0.1))[0] <= 3 * exact


def test_agreement_with_scipy() -> None:
    d = np.random.default_rng(4).exponential(1.0, 120) - 0.85
    theirs = permutation_test(
        (d,),
        lambda x, axis: x.sum(axis),
        permutation_type="samples",
        n_resamples=50_000,
        vectorized=True,
        batch=2000,
        rng=np.random.default_rng(0),
    ).pvalue
    assert sign_flip_test(d[:, None])[0] == pytest.approx(theirs, abs=0.006)


def test_under_the_null_five_percent_are_below_five_percent() -> None:
    dice = np.random.default_rng(9)
    apart = np.where(dice.random((150, 4000)) < 0.3, dice.normal(0, 1, (150, 4000)), 0.0)
    p = sign_flip_test(apart)
    for level in (0.01, 0.05, 0.2):
        assert (p <= level).mean() == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 4000))


def test_missing_users_and_scale_and_direction_do_not_matter() -> None:
    d = np.random.default_rng(0).normal(0.2, 1, (80, 1))
    with_missing = np.vstack([d, np.full((9, 1), np.nan)])
    p = sign_flip_test(d)[0]
    assert sign_flip_test(with_missing)[0] == pytest.approx(p, rel=1e-12)
    assert sign_flip_test(-1000 * d)[0] == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.01, 0.02, 0.03, 0.04], [0.04, 0.06, 0.06, 0.06]),
        ([0.5, 0.9], [1.0, 1.0]),
        ([np.nan, 0.02, np.nan, 0.03], [np.nan, 0.04, np.nan, 0.04]),
        ([], []),
    ],
)
def test_holm_worked_by_hand(p: list[float], expected: list[float]) -> None:
    assert holm(np.array(p)).tolist() == pytest.approx(expected, nan_ok=True)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_the_order_and_is_stricter_than_false_discovery_control(p: list[float]) -> None:
    raw = np.array(p)
    adjusted = holm(raw)
    assert (adjusted >= raw - 1e-12).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= -1e-12).all()
    assert (adjusted >= false_discovery_control(raw) - 1e-9).all()


def test_the_false_discovery_rate_is_scipy_s_and_leaves_out_what_is_not_known() -> None:
    p = np.array([0.01, np.nan, 0.04, 0.03])
    assert false_discovery(p) == pytest.approx([0.03, np.nan, 0.04, 0.04], nan_ok=True)
    assert np.isnan(false_discovery(np.array([np.nan]))).all()
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 40):
        for p in (rng.random(n), rng.random(n).round(1), rng.random(n) ** 8):
            assert false_discovery(p) == pytest.approx(false_discovery_control(p), abs=1e-15)
