"""What an experiment and the table of all evidence say, in every form of the report."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from recsat.cli.summary import print_summary
from recsat.config.settings import ExperimentSettings
from recsat.experiment import analyse
from recsat.report.causal import cell_in_words
from recsat.report.experiment import (
    decision_in_words,
    effect_label,
    experiment_in_words,
    groups_in_words,
    notes_in_words,
    relative_in_words,
)
from recsat.report.language import in_language
from recsat.report.markdown import render_markdown
from recsat.report.page import render_page
from recsat.result.model import (
    CausalCell,
    CausalRow,
    CausalTable,
    Estimate,
    Experiment,
    ExperimentEffect,
    ExperimentImbalance,
    Result,
)


def effect(metric: str, outcome: str, role: str = "primary", **changes: object) -> ExperimentEffect:
    return ExperimentEffect.model_validate(
        {
            "metric": metric, "dimension": "behaviour", "treatment": "new", "role": role, "better": "higher", "mean_control": 0.302,
            "mean_treatment": 0.325, "difference": {"value": 0.023, "low": 0.009, "high": 0.036}, "p": 0.002, "outcome": outcome,
            "relative": {"value": 0.075, "low": 0.029, "high": 0.123}, "effective_users": 900, **changes,
        }
    )  # fmt: skip


def experiment(*effects: ExperimentEffect, **changes: object) -> Experiment:
    return Experiment.model_validate(
        {
            "source": "log.csv", "simulated": False, "control": "old", "n_users": {"old": 1020, "new": 1000},
            "shares": {"old": 0.5, "new": 0.5}, "sample_ratio_p": 0.656, "effects": effects, **changes,
        }
    )  # fmt: skip


CLICKS = "clicks (+0.0230, +0.0090 to +0.0360)"
COST = "cost (+0.0230, +0.0090 to +0.0360)"


def test_what_is_not_shown_stands_with_the_smallest_difference_that_would_have_been() -> None:
    assert effect_label(effect("clicks", "not shown", detectable=0.0123)) == "not shown; below 0.0123 would be missed"
    assert effect_label(effect("clicks", "not shown")) == "not shown"
    assert effect_label(effect("clicks", "better", detectable=0.0123)) == "better"


@pytest.mark.parametrize(
    ("effects", "sentence"),
    [
        ([effect("clicks", "better")], f"Take new: {CLICKS} is better than with old."),
        (
            [effect("clicks", "better"), effect("cost", "holds", "guardrail")],
            f"Take new: {CLICKS} is better than with old, and every guardrail holds.",
        ),
        (
            [effect("clicks", "better"), effect("cost", "not shown", "guardrail")],
            f"With new {CLICKS} is better than with old, but it is not shown that {COST} keeps within its margin.",
        ),
        (
            [effect("clicks", "better"), effect("cost", "fails", "guardrail")],
            f"Keep old: with new {COST} is worse by more than its margin.",
        ),
        ([effect("clicks", "better"), effect("cost", "worse")], f"Keep old: with new {COST} is worse."),
        (
            [effect("clicks", "not shown"), effect("cost", "better", "secondary")],
            "Nothing is decided: no primary metric of new is shown to differ from old. That is not the same as no effect.",
        ),
    ],
)
def test_what_is_decided(effects: list[ExperimentEffect], sentence: str) -> None:
    assert decision_in_words(experiment(*effects), "new") == sentence


@pytest.mark.parametrize(
    ("ends", "start"),
    [
        ({"value": 0.023, "low": 0.001, "high": 0.045}, f"Take new: {CLICKS} is better"),
        ({"value": 0.023, "low": -0.001, "high": 0.047}, f"Wait: so far {CLICKS} is better with new than with old, but 158 users"),
        ({"value": 0.023, "low": None, "high": None}, "Wait: so far"),
        (None, "Wait: so far"),
    ],
)  # fmt: skip
def test_before_the_end_an_interval_that_may_be_looked_at_every_day_decides(
    ends: dict[str, float] | None, start: str
) -> None:
    clicks = effect("clicks", "better", every_day=ends)
    assert decision_in_words(experiment(clicks, n_unfinished=158, days=3), "new").startswith(start)
    assert decision_in_words(experiment(clicks), "new").startswith("Take new: ")


def test_groups_that_differed_before_decide_nothing() -> None:
    before = {"metric": "spent", "difference": {"value": 1.5, "low": 1, "high": 2}, "p": 1e-5}
    for treatment, differs, start in (
        ("new", True, "Nothing is decided: the groups of new and old differed"),
        ("new", False, "Take new"),
        ("other", True, "Take new"),
    ):
        imbalance = ExperimentImbalance.model_validate({**before, "treatment": treatment, "differs": differs})
        one = experiment(effect("clicks", "better"), imbalances=[imbalance])
        assert decision_in_words(one, "new").startswith(start)


def test_groups() -> None:
    assert (
        groups_in_words(experiment())
        == "1,020 users with old and 1,000 users with new; sizes are as planned (p = 0.656)."
    )
    stopped = experiment(sample_ratio_p=0.0002, stop="mismatch")
    assert experiment_in_words(stopped).startswith(
        "Sample-ratio mismatch: 1,020 users with old and 1,000 users with new, of 2,020, where 50.0 % and 50.0 % were planned (p = <0.001). Chance does not"
    )
    assert "fewer than 30 users" in experiment_in_words(experiment(stop="few users"))


def test_whose_lists_a_simulator_showed_is_said() -> None:
    sentence = groups_in_words(experiment(effect("clicks", "better"), simulated=True, split="timeline"))
    assert sentence.startswith(
        "Simulated data, which say nothing about people: a coin gave each simulated user the list"
    )
    assert "of one of the two arms on timeline" in sentence


def test_a_simulated_experiment_says_so_first() -> None:
    for words in (groups_in_words, experiment_in_words):
        assert words(experiment(effect("clicks", "better"), simulated=True)).startswith(
            "Simulated data, which say nothing about people: log.csv. 1,020 users with old"
        )


def test_notes() -> None:
    assert notes_in_words(experiment(effect("clicks", "better"))) == []
    imbalance = {
        "metric": "spent",
        "treatment": "new",
        "difference": {"value": 1.5, "low": 1, "high": 2},
        "p": 1e-5,
        "differs": True,
    }
    notes = notes_in_words(
        experiment(
            effect("money", "not shown", effective_users=41.4), simulated=True, n_several=3, n_unfinished=1200, days=7,
            imbalances=[ExperimentImbalance.model_validate(imbalance)],
        )
    )  # fmt: skip
    assert notes == [
        "3 users were shown several policies and are left out.",
        "1,200 users whose 7 days are not over are left out.",
        "spent differed before anything was shown by +1.50 (p = <0.001): groups were not alike, and no treatment can be the cause.",
        "money: the mean of a group rests on 41 users, so that its intervals, that of the relative difference first, may hold the truth less often than they say. A cap that is declared before helps.",
    ]


@pytest.mark.parametrize("order", [(900, 41), (41, 900)])
def test_a_metric_that_few_users_carry_in_one_treatment_is_named_whichever_stands_first(
    order: tuple[float, float],
) -> None:
    effects = [effect("money", "better", effective_users=n, treatment=f"new {n}") for n in order]
    (note,) = notes_in_words(experiment(*effects))
    assert note.startswith("money: the mean of a group rests on 41 users")


def money_log(n: int) -> pl.DataFrame:
    """What ``n`` users spent, like money: as if a tenth of them carried the mean."""
    spent = np.random.default_rng(2).gamma(0.1, 10, n)
    policies = ["old" if i % 2 else "new" for i in range(n)]
    return pl.DataFrame({"user_id": [f"u{i}" for i in range(n)], "policy": policies, "spent": spent})


def test_a_relative_effect_of_money_with_a_hundred_users_stands_with_how_few_carry_it_and_with_fifty_not_at_all(
    result: Result, tmp_path: Path
) -> None:
    settings = ExperimentSettings.model_validate({"control": "old", "metrics": {"spent": {"value": "spent"}}})
    few, fewer, many = (analyse(money_log(n), settings, source="log.csv") for n in (100, 50, 20_000))
    (one,) = few.effects
    assert one.effective_users < 20
    assert relative_in_words(one) != "–"
    with_few = result.model_copy(update={"experiment": few})
    page = render_page(with_few)
    assert f"<td>{relative_in_words(one)}</td>" in page
    (note,) = notes_in_words(few)
    assert note.startswith(
        f"spent: the mean of a group rests on {one.effective_users:.0f} users, so that its intervals, that of the rel"
    )
    assert f"<li>{note}</li>" in page
    assert note in render_markdown(with_few)
    console = Console(record=True, width=2_000, file=StringIO())
    (tmp_path / "result.json").write_text(with_few.model_dump_json())
    print_summary(tmp_path, console)
    assert note in console.export_text()
    assert fewer.stop == "few users"
    assert fewer.effects == []
    assert notes_in_words(many) == []


def test_relative_effects() -> None:
    assert relative_in_words(effect("clicks", "better")) == "+7.5 % (+2.9 to +12.3)"
    assert (
        relative_in_words(effect("clicks", "better", relative={"value": -0.5, "low": None, "high": None})) == "−50.0 %"
    )
    assert relative_in_words(effect("clicks", "better", relative=None)) == "–"


ONE = Estimate(value=0.0123, low=-0.001, high=0.02)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (
            CausalCell(evidence="replay", measure="nDCG@10", estimate=ONE),
            "+0.0123 (−0.0010 to +0.0200), nDCG@10: held-out events",
        ),
        (
            CausalCell(evidence="log", measure="clicks per exposure", estimate=ONE, limited=True),
            "+0.0123 (−0.0010 to +0.0200), clicks per exposure: off-policy, by logged propensities, within limits",
        ),
        (
            CausalCell(evidence="experiment", measure="visits", estimate=ONE, simulated=True),
            "+0.0123 (−0.0010 to +0.0200), visits: users assigned at random, simulated",
        ),
        (CausalCell(evidence="log", lack="log refused"), "The log cannot answer for one of the two arms."),
    ],
)
def test_a_cell_says_what_it_stands_on(cell: CausalCell, words: str) -> None:
    assert cell_in_words(cell) == words


def test_assumed_propensities_are_called_so() -> None:
    assert "off-policy, by assumed propensities" in cell_in_words(
        CausalCell(evidence="log", estimate=ONE, assumed=True)
    )
    replay = CausalCell(evidence="replay", measure="Click rate", estimate=ONE, assumed=True)
    assert cell_in_words(replay).endswith("Click rate: held-out events, by assumed propensities")


def test_every_form_of_the_report_has_both_and_escapes_them(result: Result) -> None:
    cells = [
        CausalCell(evidence="replay", measure="nDCG@10", estimate=ONE),
        CausalCell(evidence="log", lack="no log"),
        CausalCell(evidence="experiment", measure="<i>m</i>", estimate=ONE),
    ]
    table = CausalTable(split="timeline", arm="text", other="ease", rows=[CausalRow(dimension="accuracy", cells=cells)])
    full = result.model_copy(update={"experiment": experiment(effect("<b>clicks</b>", "better")), "causal": [table]})
    for text in (page := render_page(full), markdown := render_markdown(full)):
        assert "<b>clicks</b>" not in text
        assert "<i>m</i>" not in text
    assert 'id="experiment"' in page
    assert 'id="causal"' in page
    assert "No log of exposures with propensities and clicks after a cut in time." in page
    assert "## Every kind of evidence beside each other" in markdown
    assert "**Experiment.** 1,020 users with old" in markdown
    plain = render_page(result)
    assert 'id="experiment"' not in plain
    assert 'id="causal"' not in plain
    assert "Experiment" not in render_markdown(result)


def test_it_speaks_chinese(result: Result) -> None:
    with in_language("zh"):
        assert decision_in_words(experiment(effect("clicks", "better")), "new").startswith("采用 new")
        assert (
            cell_in_words(CausalCell(evidence="log", lack="no log")) == "没有按时间切分之后带倾向得分和点击的曝光日志。"
        )
