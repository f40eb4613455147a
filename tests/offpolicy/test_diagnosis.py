from __future__ import annotations

import numpy as np
import pytest

from recsat.offpolicy import BanditLog, diagnose

N = 2000


def log_of(n_clicks: int, weights: np.ndarray | None = None, **columns: object) -> tuple[BanditLog, np.ndarray]:
    reward = np.zeros(N)
    reward[np.linspace(0, N - 1, n_clicks).astype(int)] = 1
    log = BanditLog(reward=reward, propensity=np.full(N, 0.0001), **columns)  # type: ignore[arg-type]
    return log, (np.ones(N) if weights is None else weights) * 0.0001


def test_the_policy_of_the_log_itself_answers() -> None:
    diagnosis = diagnose(*log_of(50))
    assert (diagnosis.answer, diagnosis.reasons) == ("answers", ())
    assert diagnosis.effective_rounds == pytest.approx(N)
    assert diagnosis.effective_clicks == pytest.approx(50)
    assert diagnosis.effective_share == pytest.approx(1)


@pytest.mark.parametrize(
    ("n_clicks", "answer"), [(2, "refused"), (3, "limited"), (9, "limited"), (29, "limited"), (30, "answers")]
)
def test_with_good_overlap_few_clicks_limit_the_answer(n_clicks: int, answer: str) -> None:
    assert diagnose(*log_of(n_clicks)).answer == answer


def heavy(n_heavy: int, weight: float) -> np.ndarray:
    """A mean of 1."""
    weights = np.full(N, (N - n_heavy * weight) / (N - n_heavy))
    weights[np.linspace(1, N - 1, n_heavy).astype(int)] = weight
    return weights


def test_poor_overlap_limits_and_too_little_refuses() -> None:
    poor = diagnose(*log_of(N, heavy(100, 19.0)))
    assert poor.answer == "limited"
    assert poor.reasons == ("Overlap is poor: the log says as much as 111 of its 2,000 exposures.",)
    none = diagnose(*log_of(N, heavy(1, 1900.0)))
    assert none.answer == "refused"
    assert "fewer than 1 %." in none.reasons[0]


def test_poor_overlap_with_few_clicks_refuses() -> None:
    diagnosis = diagnose(*log_of(9, heavy(100, 19.0)))
    assert diagnosis.answer == "refused"
    assert diagnosis.reasons == (f"The estimate would rest on {diagnosis.effective_clicks:.1f} effective clicks.",)


def test_weights_whose_mean_is_not_one_refuse() -> None:
    spread = np.where(np.arange(N) % 2 == 0, 0.5, 1.5)
    assert diagnose(*log_of(50, spread)).answer == "answers"
    assert diagnose(*log_of(50, spread + 0.03)).answer == "answers"
    off = diagnose(*log_of(50, spread + 0.04))
    assert off.answer == "refused"
    assert off.reasons[0].startswith("Weights have a mean of 1.04, more than 3 standard errors from 1")
    assert diagnose(*log_of(50, np.full(N, 0.9))).answer == "refused"


def test_the_error_of_the_mean_weight_is_over_users() -> None:
    spread = np.where(np.arange(N) < N // 2, 0.54, 1.54)
    assert diagnose(*log_of(50, spread)).answer == "refused"
    users = np.arange(N) // 200
    assert diagnose(*log_of(50, spread, user=users)).answer == "answers"


def test_assumed_propensities_are_named() -> None:
    diagnosis = diagnose(*log_of(50, propensity_model="share of the item in the log"))
    assert (diagnosis.evidence, diagnosis.propensity_model) == ("assumed", "share of the item in the log")


@pytest.mark.parametrize(("n_amounts", "answer"), [(2, "refused"), (30, "limited"), (99, "limited"), (100, "answers")])
def test_amounts_rest_on_more_than_clicks(n_amounts: int, answer: str) -> None:
    log, target = log_of(n_amounts)
    of_amounts = BanditLog(reward=2.5 * log.reward, propensity=log.propensity)
    diagnosis = diagnose(of_amounts, target)
    assert diagnosis.answer == answer
    if answer == "limited":
        assert diagnosis.reasons == (
            f"The estimate rests on as much as {n_amounts}.0 exposures that brought something in, fewer than 100: its interval may be too narrow.",
        )
