"""The unit in which the parts of the hybrid are compared."""

from __future__ import annotations

import pytest
import torch

from recsat.arms.hybrid.trial import spread


@pytest.mark.parametrize("level", [0.0, -3.0, 1_000.0])
@pytest.mark.parametrize("n_users", [1, 40, 900])
def test_a_spread_is_that_of_what_is_listed_however_far_it_is_from_zero(level: float, n_users: int) -> None:
    generator = torch.Generator().manual_seed(n_users)
    scores = level + 2.5 * torch.randn(n_users, 300, generator=generator)
    out = torch.rand(n_users, 300, generator=generator) < 0.3
    scores[out] = 1e4  # what is in no list does not count
    expected = float(scores[~out].double().std(unbiased=False))
    assert spread(scores, out) == pytest.approx(expected, rel=1e-3)


def test_where_all_are_equal_or_nothing_is_listed_scores_stay_as_they_are() -> None:
    assert spread(torch.full((3, 4), 2.0), torch.zeros(3, 4, dtype=torch.bool)) == 1.0
    assert spread(torch.rand(3, 4), torch.ones(3, 4, dtype=torch.bool)) == 1.0


@pytest.mark.parametrize("value", [0.6931472, -17.3, 3e-8, 123_456.7])
@pytest.mark.parametrize("n_users", [3, 1_000])
def test_equal_scores_are_equal_whatever_rounding_makes_of_them(value: float, n_users: int) -> None:
    scores = torch.full((n_users, 997), value)
    scores[0, 0] = torch.nextafter(scores[0, 0], torch.tensor(torch.inf))
    assert spread(scores, torch.zeros(n_users, 997, dtype=torch.bool)) == 1.0
