"""What a person reads while a run goes on and when it ends."""

from __future__ import annotations

import io
from threading import Event

import pytest
from rich.console import Console

from recsat.cli.progress import TerminalProgress, cost_in_words
from recsat.cli.summary import summary_table
from recsat.report.headline import main_measures
from recsat.result.model import ArmResult, DataSummary, Difference, Measure, MeasureInfo, Result, StageCost


@pytest.mark.parametrize(
    ("cost", "sentence"),
    [
        (StageCost(name="embed", seconds=61, peak_mib=2048, n_new=1955), "1 min 01 s, 2.00 GiB, 1,955 texts"),
        (StageCost(name="embed", seconds=2.04, peak_mib=512, n_cached=1955), "2.0 s, 512 MiB, nothing new: all 1,955 texts from the cache"),
        (StageCost(name="embed", seconds=2, peak_mib=5, n_new=1, n_cached=9), "2.0 s, 5 MiB, 1 new texts, 9 from the cache"),
        (StageCost(name="report", seconds=0.25, peak_mib=512, n_new=1), "0.250 s, 512 MiB"),
        (StageCost(name="mine", seconds=1, peak_mib=5, n_cached=3), "1.0 s, 5 MiB, nothing new: all 3 from the cache"),
        (StageCost(name="mine", seconds=1, peak_mib=5, n_new=2, n_cached=3), "1.0 s, 5 MiB, 2 new, 3 from the cache"),
    ],
)  # fmt: skip
def test_costs_are_told_in_words(cost: StageCost, sentence: str) -> None:
    assert cost_in_words(cost) == sentence


def test_without_a_terminal_there_is_one_line_a_stage() -> None:
    file = io.StringIO()
    with TerminalProgress(Console(file=file, width=120)) as progress:
        progress.stage("embed")
        progress.expect(10)
        progress.advance(4)
        progress.note("3 rows [set] aside")
        progress.finish(StageCost(name="embed", seconds=1, peak_mib=10, n_new=10))
        progress.stage("index", 10)
        progress.finish(StageCost(name="index", seconds=2, peak_mib=10, n_cached=10))
    assert file.getvalue().splitlines() == [
        "3 rows [set] aside",
        "embed: 1.0 s, 10 MiB, 10 texts",
        "index: 2.0 s, 10 MiB, nothing new: all 10 items from the cache",
    ]


def test_without_a_terminal_a_long_stage_says_that_it_goes_on() -> None:
    class Listener(io.StringIO):
        line = Event()

        def write(self, text: str) -> int:
            if "running for" in text:
                self.line.set()
            return super().write(text)

    file = Listener()
    with TerminalProgress(Console(file=file, width=120), every_s=0.01) as progress:
        progress.stage("recommend", 10)
        progress.advance(4)
        assert file.line.wait(60)
    assert file.getvalue().splitlines()[0].startswith("recommend: 4 of 10, running for ")


def test_in_a_terminal_every_stage_keeps_its_line_and_a_broken_one_is_marked() -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True, record=True)

    def work() -> None:
        with TerminalProgress(console) as progress:
            progress.stage("embed", 10)
            progress.advance(10)
            progress.finish(StageCost(name="embed", seconds=1, peak_mib=10, n_new=10))
            progress.stage("index")
            progress.expect(1000)
            progress.advance(250)
            raise ValueError("the engine stopped")

    with pytest.raises(ValueError, match="the engine stopped"):
        work()
    text = console.export_text()
    last_frame = text[text.rindex("✓ embed") :]
    assert "1.0 s, 10 MiB, 10 texts" in last_frame
    assert last_frame[last_frame.index("✗ index") :].rstrip().endswith("stopped")


def info(name: str, dimension: str, better: str = "higher", unit: str = "") -> MeasureInfo:
    return MeasureInfo.model_validate(
        {"name": name, "label": name, "description": "", "dimension": dimension, "better": better, "unit": unit}
    )


def value(mean: float | None) -> Measure:
    return Measure(mean=mean, low=mean, high=mean, n_users=10)


RESULT = Result(
    run_id="r",
    created="2025-01-01T00:00:00Z",
    domain="content",
    baseline="popularity",
    seed=1,
    data_fingerprint="f",
    data=DataSummary(n_users=1, n_items=1, n_events=1, n_quarantined=0, simulated=False, source=""),
    splits=[],
    arms=[
        ArmResult(
            name="popularity",
            split="warm",
            measures={"ndcg@10": value(0.2), "ild": value(0.5), "catalogue_coverage": value(0.1)},
        ),
        ArmResult(
            name="ease",
            split="warm",
            measures={"ndcg@10": value(0.25), "ild": value(0.4), "content.mean_rating": value(4.1)},
            differences={
                "ndcg@10": Difference(mean=0.05, low=0.04, high=0.06, p_adjusted=0.01, significant=True, n_users=10),
                "ild": Difference(mean=-0.1, low=-0.2, high=-0.05, p_adjusted=0.01, significant=True, n_users=10),
            },
        ),
        ArmResult(name="popularity", split="cold", measures={"ndcg@10": value(None), "recall@10": value(None)}),
        ArmResult(name="ease", split="warm", slice="head", measures={"ndcg@10": value(0.9)}),
    ],
    measures=[
        info("precision@10", "accuracy"),
        info("ndcg@10", "accuracy"),
        info("recall@10", "accuracy"),
        info("ild", "diversity"),
        info("catalogue_coverage", "diversity"),
        info("content.watch_time", "behaviour", unit="h"),
        info("content.mean_rating", "behaviour"),
    ],
    stages=[],
    config={"rank": {"k": 10}},
    versions={},
)


def test_the_summary_has_few_measures_with_values_the_one_that_orders_arms_first() -> None:
    names = [measure.name for measure in main_measures(RESULT)]
    assert names == ["ndcg@10", "ild", "catalogue_coverage", "content.mean_rating"]


def test_the_summary_marks_what_differs_and_leaves_slices_out() -> None:
    console = Console(file=io.StringIO(), width=140, record=True)
    console.print(summary_table(RESULT))
    lines = [line.split() for line in console.export_text().splitlines() if line.strip()]
    assert lines[1:] == [
        ["warm", "ease", "0.250", "▲", "0.400", "▼", "–", "4.10"],
        ["popularity", "0.200", "0.500", "0.100", "–"],
        ["cold", "popularity", "–", "–", "–", "–"],
    ]
