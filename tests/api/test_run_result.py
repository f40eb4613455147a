"""What a result says is what the run's files say."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import polars as pl
import pytest

from recsat import ConfigError, ResultTable, RunError, RunResult


def test_the_table_has_means_with_intervals_and_differences(result: RunResult) -> None:
    frame = result.table().to_polars()
    arms = {arm.name: arm for arm in result.result.arms if arm.slice == "all"}
    assert set(frame["arm"]) == {"popularity", "ease", "text"}
    for row in frame.iter_rows(named=True):
        measure = arms[row["arm"]].measures[row["measure"]]
        assert (row["mean"], row["low"], row["high"], row["n_users"]) == (
            measure.mean, measure.low, measure.high, measure.n_users
        )  # fmt: skip
    ease = frame.row(by_predicate=(pl.col("arm") == "ease") & (pl.col("measure") == "ndcg@10"), named=True)
    difference = arms["ease"].differences["ndcg@10"]
    assert (ease["difference"], ease["difference_low"], ease["difference_high"]) == (
        difference.mean, difference.low, difference.high
    )  # fmt: skip
    assert frame.filter(pl.col("arm") == "popularity")["difference"].null_count() == frame["measure"].n_unique()


def test_measures_and_splits_can_be_named_and_must_exist(result: RunResult) -> None:
    table = result.table("random", ["recall@10"])
    assert table.to_polars()["measure"].unique().to_list() == ["recall@10"]
    assert table.display.columns == ["split", "arm", "Recall@10"]
    with pytest.raises(ConfigError, match=r"no measure 'recal@10'.*Did you mean 'recall@10'\?"):
        result.table(measures=["recal@10"])
    with pytest.raises(ConfigError, match=r"no split 'randm'. It has: random"):
        result.table("randm")


def test_lists_are_those_of_the_run_with_titles(result: RunResult) -> None:
    written = pl.read_parquet(result.folder / "lists/random.parquet").filter(pl.col("arm") == "ease")
    frame = result.lists("ease").to_polars()
    assert frame.select("user_id", "item_id", "rank").equals(written.select("user_id", "item_id", "rank"))
    assert frame.filter(pl.col("item_id") == "b3")["title"].unique().to_list() == ["Book 3"]
    with pytest.raises(ConfigError, match=r"no lists of arm 'eese'.*Did you mean 'ease'"):
        result.lists("eese")


def test_what_a_notebook_shows_is_escaped(result: RunResult) -> None:
    lists = result.lists("ease")
    live = lists.display.filter(pl.col("title").str.contains("<script>", literal=True))
    html = ResultTable(lists.frame, live, lists.caption)._repr_html_()
    assert "<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>" in html
    assert "<script" not in html
    assert "<td>ease</td>" in result._repr_html_()


def test_the_report_is_a_path_and_shows_itself_in_a_frame(result: RunResult) -> None:
    page = result.report()
    assert Path(page) == result.folder / "report.html"
    assert str(page).endswith("report.html")
    html = page._repr_html_()
    assert html.startswith("<iframe srcdoc=")
    inside = re.fullmatch(r'<iframe srcdoc="([^"]*)".*', html, re.DOTALL)
    assert inside is not None, "no quotation mark of the page ends the attribute"
    assert "allow-same-origin" not in html


def test_the_answer_is_a_sentence_of_the_report(result: RunResult) -> None:
    assert result.answer in repr(result)
    assert "random" in result.answer


def test_csv_has_the_figures(result: RunResult, tmp_path: Path) -> None:
    text = result.table().to_csv(tmp_path / "figures.csv")
    assert (tmp_path / "figures.csv").read_text(encoding="utf-8") == text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(result.table())
    assert float(rows[0]["mean"]) == result.table().to_polars()["mean"][0]


def test_what_a_terminal_shows_does_not_steer_it() -> None:
    frame = pl.DataFrame({"title": ["\x1b]0;owned\x07\u202eevil"], "next\x9b": ["line"]})
    text = repr(ResultTable(frame, frame, "Lists\x1b[2J"))
    assert "owned" in text
    assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(text)


def test_csv_keeps_a_formula_as_a_text() -> None:
    frame = pl.DataFrame({"title": ["=1+1"]})
    assert ResultTable(frame, frame).to_csv() == "title\n'=1+1\n"


def test_a_long_table_says_what_it_leaves_out() -> None:
    frame = pl.DataFrame({"row": [str(i) for i in range(60)]})
    html = ResultTable(frame, frame)._repr_html_()
    assert html.count("<td>") == 50
    assert "and 10 more rows" in html


def test_pandas_frames_have_the_same_figures(result: RunResult) -> None:
    table = result.table()
    assert table.to_pandas()["mean"].tolist() == table.to_polars()["mean"].to_list()


def test_a_result_is_read_again_from_its_folder(result: RunResult, tmp_path: Path) -> None:
    again = RunResult.load(result.folder)
    assert again.result == result.result
    with pytest.raises(RunError, match="is not a run folder"):
        RunResult.load(tmp_path)


def test_the_report_is_written_in_a_language_that_it_has(result: RunResult) -> None:
    with pytest.raises(ConfigError, match="the report has en and zh"):
        result.report("fr")  # type: ignore[arg-type]


def test_the_model_is_that_of_the_leading_arm(result: RunResult) -> None:
    assert result.model().card.arm == result.result.splits[0].leader
