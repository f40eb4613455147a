"""What a finished run says, for people who work in Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from recsat.api.tables import ReportPage, ResultTable
from recsat.config.settings import Language
from recsat.errors import ConfigError, did_you_mean
from recsat.plugins import load_plugins
from recsat.report.headline import answer_in_words, arms_on, direction, headlines, main_measures, split_names
from recsat.report.language import LANGUAGES, in_language, language_of
from recsat.report.signs import SIGNS, signs_in_words
from recsat.report.write import JSON, PAGE, write_report
from recsat.result.model import ArmResult, MeasureInfo, Result
from recsat.result.numerals import interval, number
from recsat.run.folder import RunFolder, open_run
from recsat.stages.split_lists import read_split_lists

if TYPE_CHECKING:
    from recsat.stages.model.loaded import Model

FIGURES = pl.Schema(
    {
        "split": pl.String,
        "arm": pl.String,
        "measure": pl.String,
        "mean": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "n_users": pl.Int64,
        "difference": pl.Float64,
        "difference_low": pl.Float64,
        "difference_high": pl.Float64,
        "p_adjusted": pl.Float64,
        "significant": pl.Boolean,
    }
)


@dataclass(frozen=True, repr=False)
class RunResult:
    """A finished run: its tables, lists, report and model, read from its folder.

    ``result`` is everything that ``result.json`` has, typed.
    """

    folder: Path
    result: Result

    @classmethod
    def load(cls, folder: str | Path) -> RunResult:
        """The result of a finished run, such as ``runs/latest``; raises :class:`~recsat.RunError` where there is none."""
        run = open_run(Path(folder))
        return cls(run.path, run.read_as(JSON, Result))

    @property
    def answer(self) -> str:
        """Does a language model make these users more satisfied? In a sentence for each answer, with its splits."""
        with in_language(language_of(self.result)):
            return answer_in_words(headlines(self.result))

    def table(self, split: str | None = None, measures: Sequence[str] | None = None) -> ResultTable:
        """A row for each split, arm and measure: mean over users with its interval, and the difference from the baseline with its own.

        Columns of the frame: split, arm, measure, mean, low, high, n_users, difference, difference_low, difference_high, p_adjusted (for the false
        discovery rate), significant. ``measures`` are names such as ``ndcg@10`` (None: the few that the summary of a run shows); what is shown has a column for
        each. The level of the intervals is ``measure.confidence``.

        Raises :class:`~recsat.ConfigError` for a split or a measure that the run does not have.
        """
        infos = self._infos(measures)
        splits = split_names(self.result) if split is None else [self._split(split)]
        arms = [arm for name in splits for arm in arms_on(self.result, name)]
        rows = [_figures(arm, info) for arm in arms for info in infos if info.name in arm.measures]
        display = pl.DataFrame(
            {
                "split": [arm.split for arm in arms],
                "arm": [arm.name for arm in arms],
                **{info.label: [_in_words(arm, info) for arm in arms] for info in infos},
            },
            schema_overrides=dict.fromkeys(("split", "arm"), pl.String),
        )
        return ResultTable(pl.DataFrame(rows, schema=FIGURES), display, signs_in_words(self.result, splits))

    def lists(self, arm: str, split: str | None = None) -> ResultTable:
        """What ``arm`` recommended to the users on whom it was judged: user_id, rank, item_id, title, score, reason, fallback.

        ``split`` is the one of the lists (None: the run's first). Raises :class:`~recsat.ConfigError` for an arm or a split that has none.
        """
        run = RunFolder(self.folder)
        name = self.result.splits[0].name if split is None else self._split(split)
        _, tables = read_split_lists(run, name)
        arms = tables.lists["arm"].unique(maintain_order=True).to_list()
        if arm not in arms:
            raise ConfigError(
                f"split {name} has no lists of arm {arm!r}. It has: {', '.join(arms)}.{did_you_mean(arm, arms)}"
            )
        column = load_plugins().domain(self.result.domain).title
        titles = run.read_table("data/items.parquet").select("item_id", pl.col(column).cast(pl.String).alias("title"))
        lists = tables.lists.filter(pl.col("arm") == arm).join(titles, on="item_id", how="left", maintain_order="left")
        frame = lists.select("user_id", "rank", "item_id", "title", "score", "reason", "fallback")
        display = frame.select("user_id", pl.col("rank").cast(pl.String), "item_id", "title", "reason")
        return ResultTable(frame, display, f"Lists of {arm} on {name}")

    def report(self, language: Language | None = None) -> ReportPage:
        """The page of the report; in a notebook it is shown. A ``language`` writes it anew in that one.

        Raises :class:`~recsat.ConfigError` for a language that the report does not have.
        """
        if language is not None:
            if language not in LANGUAGES:
                raise ConfigError(f"language {language!r}: the report has {' and '.join(LANGUAGES)}.")
            write_report(self.result, self.folder, language)
        return ReportPage(self.folder / PAGE)

    def model(self) -> Model:
        """The arm that leads on the first split, fitted on all that the run knows; see :class:`~recsat.Model`."""
        from recsat.stages.model.loaded import Model

        return Model.load(self.folder)

    def __repr__(self) -> str:
        return f"{self.table()!r}\n{self.answer}\n{self.folder}"

    def _repr_html_(self) -> str:
        return f"{self.table()._repr_html_()}<p>{escape(self.answer)}</p><p>{escape(str(self.folder))}</p>"

    def _split(self, name: str) -> str:
        names = split_names(self.result)
        if name not in names:
            raise ConfigError(f"the run has no split {name!r}. It has: {', '.join(names)}.{did_you_mean(name, names)}")
        return name

    def _infos(self, measures: Sequence[str] | None) -> list[MeasureInfo]:
        if measures is None:
            return main_measures(self.result)
        infos = {info.name: info for info in self.result.measures}
        for name in measures:
            if name not in infos:
                raise ConfigError(
                    f"the run has no measure {name!r}. It has: {', '.join(infos)}.{did_you_mean(name, infos)}"
                )
        return [infos[name] for name in measures]


def _figures(arm: ArmResult, info: MeasureInfo) -> dict[str, object]:
    measure, difference = arm.measures[info.name], arm.differences.get(info.name)
    return {
        "split": arm.split,
        "arm": arm.name,
        "measure": info.name,
        "mean": measure.mean,
        "low": measure.low,
        "high": measure.high,
        "n_users": measure.n_users,
        "difference": difference and difference.mean,
        "difference_low": difference and difference.low,
        "difference_high": difference and difference.high,
        "p_adjusted": difference and difference.p_adjusted,
        "significant": difference and difference.significant,
    }


def _in_words(arm: ArmResult, info: MeasureInfo) -> str:
    measure = arm.measures.get(info.name)
    if measure is None or measure.mean is None:
        return ""
    sign = SIGNS[direction(arm, info)]
    ends = f" ({interval(measure.low, measure.high)})" if measure.low is not None else ""
    return f"{number(measure.mean)}{ends}{sign and f' {sign}'}"
