"""A log in a file: what its rows say of another policy, and what a file that cannot be asked is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recsat.config.settings import PolicyLogSettings
from recsat.errors import DataError
from recsat.offpolicy.intervals import interval_of_difference, user_interval
from recsat.offpolicy.judged import judged_logs
from recsat.offpolicy.log import BanditLog
from recsat.result.model import PolicyLog

HEAD = "user_id,policy,click,propensity,probability"


def log_file(folder: Path, *rows: str, head: str = HEAD) -> PolicyLogSettings:
    (folder / "log.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return PolicyLogSettings(name="front", file=str(folder / "log.csv"), logged_by="old", judged="new")


def judged_log(settings: PolicyLogSettings, confidence: float) -> PolicyLog:
    """Clicks, of a file that knows nothing else."""
    (log,) = judged_logs(settings, confidence)
    return log


def test_what_exposures_brought_in_is_judged_beside_the_clicks(tmp_path: Path) -> None:
    # Each buyer spends 5; weights are 2 and 0.5, as below.
    rows = [f"a{i},old,{int(i < 60)},0.25,0.5,{5 if i < 50 else ''}" for i in range(100)]
    rows += [f"b{i},old,0,0.5,0.25,0" for i in range(200)] + ["c1,new,1,0.5,0.5,8", "c2,new,0,0.5,0.5,"]
    settings = log_file(tmp_path, *rows, head=f"{HEAD},value").model_copy(update={"unit": "EUR"})
    clicks, value = judged_logs(settings, 0.95)
    assert (clicks.reward, clicks.unit, clicks.n_clicks) == ("click", "", 60)
    assert (value.reward, value.unit, value.n_clicks) == ("value", "EUR", 50)
    assert value.logging.value == pytest.approx(250 / 300)
    assert value.judged.value is not None
    assert value.judged.value.value == pytest.approx(5 * 50 * 2 / (100 * 2 + 200 * 0.5))
    assert value.judged.effective_clicks == pytest.approx(50)
    assert value.earned is not None
    assert value.earned.value == 4


def test_a_column_value_without_any_is_not_judged_and_one_that_is_no_number_is_a_fault(tmp_path: Path) -> None:
    rows = ("a,old,1,0.5,0.5,", "b,old,0,0.5,0.5,")
    assert len(judged_logs(log_file(tmp_path, *rows, head=f"{HEAD},value"), 0.95)) == 1
    with pytest.raises(DataError, match=r"log\.csv, row 4: value 'much' is not a number"):
        judged_logs(log_file(tmp_path, *rows, "c,old,1,0.5,0.5,much", head=f"{HEAD},value"), 0.95)


def test_the_judged_policy_is_weighted_by_how_much_likelier_it_shows_the_same(tmp_path: Path) -> None:
    # Weights are 2 and 0.5, so that SNIPS is (60 · 2) / (100 · 2 + 200 · 0.5); clicks of other policies are not in the log.
    rows = [f"a{i},old,{int(i < 60)},0.25,0.5" for i in range(100)] + [f"b{i},old,0,0.5,0.25" for i in range(200)]
    log = judged_log(log_file(tmp_path, *rows, "c1,new,1,0.5,0.5", "c2,new,0,0.5,0.5", "d,third,1,0.5,0.5"), 0.95)
    assert (log.n, log.n_clicks, log.n_users) == (300, 60, 300)
    assert log.logging.value == pytest.approx(0.2)
    assert log.judged.value is not None
    assert log.judged.value.value == pytest.approx(0.4)
    assert (log.judged.arm, log.judged.answer, log.judged.mean_weight) == ("new", "answers", pytest.approx(1.0))
    assert log.earned is not None
    assert log.earned.value == 0.5
    assert log.against_earned is not None
    assert log.against_earned.value == pytest.approx(0.4 - 0.5)


def test_the_gap_to_what_was_earned_has_the_error_of_both_logs_and_users_in_both_count_once() -> None:
    rng = np.random.default_rng(0)
    first, second = ((rng.random(n) < 0.3).astype(float) for n in (400, 300))
    apart = [BanditLog(reward=values, propensity=np.ones(len(values))) for values in (first, second)]
    gap = interval_of_difference(apart[0], first, apart[1], second, confidence=0.95)
    errors = [user_interval(log, log.reward, confidence=0.95).standard_error or 0.0 for log in apart]
    assert gap.value == pytest.approx(first.mean() - second.mean())
    assert gap.standard_error == pytest.approx(np.hypot(*errors), rel=0.005)
    same = BanditLog(reward=first, propensity=np.ones(400), user=np.arange(400))
    nothing = interval_of_difference(same, first, same, first, confidence=0.95)
    assert (nothing.value, nothing.standard_error) == (0.0, 0.0)
    strangers = [replace(log, user=np.arange(log.n) + shift) for log, shift in zip(apart, (0, 1000), strict=True)]
    assert interval_of_difference(strangers[0], first, strangers[1], second, confidence=0.95) == gap


def test_a_model_of_propensities_reaches_the_result(tmp_path: Path) -> None:
    settings = log_file(tmp_path, "u1,old,1,0.5,1.0", "u2,old,0,0.5,1.0")
    assert judged_log(settings, 0.95).propensity_model == ""
    assumed = settings.model_copy(update={"propensity_model": "share of the item"})
    assert judged_log(assumed, 0.95).propensity_model == "share of the item"


def test_what_the_judged_policy_earned_is_not_known_where_it_has_no_row(tmp_path: Path) -> None:
    assert judged_log(log_file(tmp_path, "a,old,1,0.5,0.5", "b,old,0,0.5,0.5"), 0.95).earned is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,older,1,0.5,0.5", "no row is of policy 'old'; it has older"),
        ("a,old,yes,0.5,0.5", "log.csv, row 2: click 'yes' is not a number"),
        ("a,old,1,0,0.5", "propensity of round 0 is 0"),
        ("a,old,1,0.5,1.5", "target: 1.5 in round 0 is no probability"),
    ],
)
def test_a_file_that_cannot_be_asked_is_named(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        judged_log(log_file(tmp_path, row), 0.95)
