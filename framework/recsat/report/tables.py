"""Tables of arms × measures as the page draws them: figures, whiskers, marks and notes, all decided here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from recsat.measure.differences import FEW_EFFECTIVE
from recsat.measure.slices import FEWEST_USERS
from recsat.report.answers import dimension_label
from recsat.report.headline import Direction, arms_on, direction, lead_measure, main_measures, n_listed
from recsat.report.language import enumerated, gettext, in_catalogue, interval
from recsat.report.slice_differences import slice_label
from recsat.result.model import ArmResult, Difference, Measure, MeasureInfo, Result, SplitSummary
from recsat.result.numerals import NOTHING, decimals_for, number, p_value, signed

Kind = Literal["language", "words", "other", "unknown"]
MOST_COLUMNS, MOST_ROWS = 7, 12
DIMENSIONS = ("accuracy", "diversity", "behaviour", "business", "undescribed")
"""In the order of the report; the last is of measures that the result does not describe."""


@dataclass(frozen=True)
class Strip:
    """Where the interval lies on its column's scale, in per cent of the width."""

    low: float
    mean: float
    high: float
    baseline: float | None


@dataclass(frozen=True)
class Cell:
    """One arm under one measure."""

    value: str
    interval: str = ""
    mark: Direction | None = None
    best: bool = False
    strip: Strip | None = None
    note: str | None = None
    """Letter of the footnote that says why there is no number."""
    n_users: int = 0
    measure: Measure | None = None
    """The numbers in full."""


@dataclass(frozen=True)
class Row:
    arm: str
    kind: Kind
    is_baseline: bool
    cells: list[Cell]


@dataclass(frozen=True)
class TableColumn:
    label: str
    description: str
    unit: str
    better: str
    """``higher``, ``lower`` or ``neither`` is better."""
    n_users: int = 0


@dataclass(frozen=True)
class Table:
    title: str
    columns: list[TableColumn]
    rows: list[Row]
    notes: dict[str, str] = field(default_factory=dict)
    """Footnote letter to reason."""
    remarks: list[str] = field(default_factory=list)
    """What must be known to read the table, a sentence each."""

    @property
    def is_empty(self) -> bool:
        """Whether there is no number in it at all: then a sentence says more than a table of dashes."""
        return all(cell.note for row in self.rows for cell in row.cells)


@dataclass(frozen=True)
class Line:
    """One arm and one measure with everything that is known of them."""

    arm: str
    measure: str
    mean: str
    interval: str
    difference: str
    difference_interval: str
    p_adjusted: str
    mark: Direction | None
    n_users: int
    compared: str = ""
    """Both means over the users compared, where an arm or the baseline has a value for others too."""
    detectable: str = NOTHING
    """Smallest difference that could have been shown."""


def kind_of(result: Result, arm: str) -> Kind:
    """What an arm reads, as far as the result says."""
    for info in result.arm_infos:
        if info.name == arm:
            return "language" if info.reads == "language model" else "words" if info.reads == "words" else "other"
    return "unknown"


def split_tables(result: Result, split: str, slice_name: str = "all") -> list[Table]:
    """One table a dimension: arms of a split and slice, best first, × every measure that any of them has."""
    arms = arms_on(result, split, slice_name)
    tables = []
    for dimension in DIMENSIONS:
        title = dimension_label(dimension)
        infos = [info for about, info in _measures_of(result, arms) if about == dimension]
        for part, some in enumerate(_portions(infos)):
            name = gettext("%(title)s, continued", title=title) if part else title
            table = measure_table(result, name, arms, [(info, arms) for info in some], [_column(i) for i in some])
            tables.append(replace(table, remarks=remarks(result, split, arms, some)))
    return tables


def main_table(result: Result, split: str) -> Table:
    """The few measures that stand for all, of the best arms of a split and the baseline, best first."""
    arms = arms_on(result, split)
    baseline = result.baseline_on(split)
    best = [arm for arm in arms if arm.name != baseline][: MOST_ROWS - 1]
    arms = [arm for arm in arms if arm in best or arm.name == baseline]
    infos = [info for info in main_measures(result) if any(info.name in arm.measures for arm in arms)]
    return measure_table(result, "", arms, [(info, arms) for info in infos], [_column(info) for info in infos])


def draws_in_words(split: SplitSummary) -> str:
    """How often a split was drawn; empty where once."""
    if split.n_draws == 1:
        return ""
    return gettext(
        "Means and intervals are over %(n)s draws and their users; sizes are those of the first draw.",
        n=split.n_draws,
    )


def remarks(result: Result, split: str, arms: Sequence[ArmResult], infos: Sequence[MeasureInfo]) -> list[str]:
    """What must be known to read the ``infos`` of the ``arms`` of a split, a sentence each; one for all measures that it is true of."""
    few_means = _few(
        infos, lambda name: [m.effective_users for arm in arms if (m := arm.measures.get(name)) is not None]
    )
    few_differences = _few(
        infos, lambda name: [d.effective_users for arm in arms if (d := arm.differences.get(name)) is not None]
    )
    conditional = [in_catalogue(info.label) for info in infos if any(_is_conditional(arm, info.name) for arm in arms)]
    sentences = [_as_long_as_the_candidates(result, split, infos)]
    if few_means:
        sentences.append(
            gettext(
                "Fewer than %(n)s users carry the mean of %(measures)s: such an interval is often too low and too narrow.",
                n=FEW_EFFECTIVE,
                measures=few_means,
            )
        )
    if few_differences:
        sentences.append(
            gettext(
                "Fewer than %(n)s users carry the differences of %(measures)s from the baseline: a few users decide their intervals and marks.",
                n=FEW_EFFECTIVE,
                measures=few_differences,
            )
        )
    if conditional:
        sentences.append(
            gettext(
                "Which users have %(measures)s depends on an arm's own lists, so the means are over different users; "
                "the differences, with both means, are over the users compared.",
                measures=enumerated(conditional),
            )
        )
    if any(info.name.startswith("coverage") for info in infos):
        sentences.append(
            gettext(
                "Catalogue coverage grows with the number of users: it compares arms of one split, not splits, slices or runs."
            )
        )
    return [sentence for sentence in sentences if sentence]


def _few(infos: Sequence[MeasureInfo], effective: Callable[[str], Sequence[float | None]]) -> str:
    """The measures that fewer than FEW_EFFECTIVE users carry, with the fewest of any arm; no users at all are nothing to warn of."""
    labels = []
    for info in infos:
        fewest = min((n for n in effective(info.name) if n), default=math.inf)
        if fewest < FEW_EFFECTIVE:
            labels.append(f"{in_catalogue(info.label)} ({number(fewest, 0)})")
    return enumerated(labels)


def _is_conditional(arm: ArmResult, name: str) -> bool:
    """Whether the difference is over fewer users than have a value with the arm."""
    measure, difference = arm.measures.get(name), arm.differences.get(name)
    return measure is not None and difference is not None and difference.n_users < measure.n_users


def _as_long_as_the_candidates(result: Result, split: str, infos: Sequence[MeasureInfo]) -> str:
    k = n_listed(result)
    n = next((summary.n_candidate_items for summary in result.splits if summary.name == split), None)
    if k is None or n is None or k < n or not any(info.name.endswith(f"@{k}") for info in infos):
        return ""
    return gettext(
        "Lists have %(k)s places and %(n)s items are ranked here: a full list holds them all, so precision, recall, hit rate, coverage "
        "and the diversity of a list cannot tell arms apart; nDCG, MAP and MRR see the order alone.",
        k=k,
        n=n,
    )


def interval_in_words(measure: Measure, places: int | None = None) -> str:
    """The interval of a mean, or why there is none."""
    if measure.low is None and measure.mean is not None:
        return (
            gettext("one user: nothing can be said")
            if measure.n_users < 2
            else gettext("no spread: nothing can be said")
        )
    return interval(measure.low, measure.high, places)


def slice_names(result: Result, split: str) -> list[str]:
    """Slices of a split apart from the whole, in the result's order."""
    return list(dict.fromkeys(arm.slice for arm in result.arms if arm.split == split and arm.slice != "all"))


def slice_table(result: Result, split: str) -> Table | None:
    """The lead measure of every arm: all users, then each slice. None where the split has no slices."""
    lead = lead_measure(result)
    if lead is None:
        return None
    # Of what was shown, slices have rates of clicks alone.
    with_lead = {arm.slice for arm in result.arms if arm.split == split and lead.name in arm.measures}
    names = [name for name in slice_names(result, split) if name in with_lead]
    if not names:
        return None
    order = list(dict.fromkeys(arm.name for name in ["all", *names] for arm in arms_on(result, split, name)))
    arms_by_slice = {(arm.slice, arm.name): arm for arm in result.arms if arm.split == split}
    empty = [ArmResult(name=name, split=split, measures={}) for name in order]
    columns, parts = [], []
    for name in ["all", *names]:
        arms = [arms_by_slice.get((name, arm.name), arm) for arm in empty]
        n_users = max((m.n_users for arm in arms if (m := arm.measures.get(lead.name))), default=0)
        columns.append(TableColumn(in_catalogue(name), in_catalogue(lead.description), "", lead.better, n_users))
        parts.append((lead, arms))
    return measure_table(result, in_catalogue(lead.label), empty, parts, columns)


def all_lines(result: Result, split: str) -> list[Line]:
    """Every number of a split, arm by arm."""
    lines = []
    arms = arms_on(result, split)
    for arm in arms:
        for _, info in _measures_of(result, arms):
            measure, difference = arm.measures.get(info.name), arm.differences.get(info.name)
            if measure is None:
                continue
            places = decimals_for([measure.mean])
            lines.append(
                Line(
                    arm=arm.name,
                    measure=in_catalogue(info.label),
                    mean=number(measure.mean, places),
                    interval=interval_in_words(measure, places),
                    difference=NOTHING if difference is None else signed(difference.mean, places),
                    difference_interval=NOTHING
                    if difference is None
                    else interval(difference.low, difference.high, places, with_sign=True),
                    p_adjusted=NOTHING if difference is None else p_value(difference.p_adjusted),
                    mark=direction(arm, info),
                    n_users=measure.n_users,
                    compared="" if difference is None else _compared(arm, info.name, difference),
                    detectable=NOTHING if difference is None else number(difference.detectable, places),
                )
            )
    return lines


def _compared(arm: ArmResult, name: str, difference: Difference) -> str:
    """``3.91 against 3.72, 212 users``."""
    if not _is_conditional(arm, name) or difference.mean_arm is None:
        return ""
    return gettext(
        "%(mean)s against %(baseline)s, %(n)s users",
        mean=number(difference.mean_arm),
        baseline=number(difference.mean_baseline),
        n=f"{difference.n_users:,}",
    )


def _measures_of(result: Result, arms: Sequence[ArmResult]) -> list[tuple[str, MeasureInfo]]:
    """(dimension, measure) for all that any arm has; one that the result does not describe is still shown."""
    present = dict.fromkeys(name for arm in arms for name in arm.measures)
    described = {info.name for info in result.measures}
    described_infos = [(str(info.dimension), info) for info in result.measures if info.name in present]
    undescribed = [
        ("undescribed", MeasureInfo(name=name, label=name, description="", dimension="behaviour", better="neither"))
        for name in present
        if name not in described
    ]
    return described_infos + undescribed


def _portions(infos: Sequence[MeasureInfo]) -> list[Sequence[MeasureInfo]]:
    """Even portions that each fit the page: nine measures become five and four."""
    if not infos:
        return []
    n = -(-len(infos) // MOST_COLUMNS)
    size = -(-len(infos) // n)
    return [infos[i : i + size] for i in range(0, len(infos), size)]


def _column(info: MeasureInfo) -> TableColumn:
    return TableColumn(in_catalogue(info.label), in_catalogue(info.description), in_catalogue(info.unit), info.better)


def measure_table(
    result: Result,
    title: str,
    rows: Sequence[ArmResult],
    parts: Sequence[tuple[MeasureInfo, Sequence[ArmResult]]],
    columns: list[TableColumn],
) -> Table:
    """``parts`` has a measure and its arms, in the order of ``rows``, for each of ``columns``."""
    reasons: list[str] = []
    cells_by_column = [_cells(result, info, arms, reasons) for info, arms in parts]
    table_rows = [
        Row(
            arm=arm.name,
            kind=kind_of(result, arm.name),
            is_baseline=arm.name == result.baseline_on(arm.split),
            cells=[column[i] for column in cells_by_column],
        )
        for i, arm in enumerate(rows)
    ]
    return Table(title, columns, table_rows, {_letter(i): reason for i, reason in enumerate(reasons)})


def _cells(result: Result, info: MeasureInfo, arms: Sequence[ArmResult], reasons: list[str]) -> list[Cell]:
    all_measures = [arm.measures.get(info.name) for arm in arms]
    measures = [None if _too_few(arm, m) else m for arm, m in zip(arms, all_measures, strict=True)]
    values = [m for m in measures if m is not None]
    places = decimals_for(m.mean for m in values)
    ends = [x for m in values for x in (m.low, m.mean, m.high) if x is not None]
    pairs = zip(arms, measures, strict=True)
    baseline = next((m.mean for arm, m in pairs if m and arm.name == result.baseline_on(arm.split)), None)
    means = [m.mean for m in values if m.mean is not None]
    alike = not means or math.isclose(min(means), max(means), rel_tol=1e-9)
    top = None if info.better == "neither" or alike else (max if info.better == "higher" else min)(means)
    cells = []
    for arm, measure, of_few in zip(arms, measures, all_measures, strict=True):
        if measure is None or measure.mean is None:
            reason = (
                gettext(
                    "%(slice)s: fewer than %(n)s users, which is too few for a number.",
                    slice=slice_label(arm.slice),
                    n=FEWEST_USERS,
                )
                if _too_few(arm, of_few)
                else _reason_without_value(result, info, arm, measure)
            )
            cells.append(Cell(NOTHING, note=_note(reason, reasons)))
            continue
        cells.append(
            Cell(
                value=number(measure.mean, places),
                interval=interval_in_words(measure, places),
                mark=direction(arm, info),
                best=measure.mean == top,
                strip=_strip(measure, baseline, min(ends), max(ends)),
                n_users=measure.n_users,
                measure=measure,
            )
        )
    return cells


def _too_few(arm: ArmResult, measure: Measure | None) -> bool:
    return arm.slice != "all" and measure is not None and 0 < measure.n_users < FEWEST_USERS


def _strip(measure: Measure, baseline: float | None, left: float, right: float) -> Strip | None:
    if measure.mean is None or measure.low is None or measure.high is None:
        return None

    def place(value: float) -> float:
        return 50.0 if math.isclose(left, right, rel_tol=1e-9) else round(4 + 92 * (value - left) / (right - left), 2)

    return Strip(
        place(measure.low), place(measure.mean), place(measure.high), None if baseline is None else place(baseline)
    )


def _reason_without_value(result: Result, info: MeasureInfo, arm: ArmResult, measure: Measure | None) -> str:
    for absent in result.not_measured:
        if absent.name == info.name:
            return in_catalogue(absent.reason)
    label = in_catalogue(info.label)
    if measure is None:
        return gettext("%(arm)s: %(measure)s was not measured here.", arm=arm.name, measure=label)
    return gettext("%(measure)s: no user has a value.", measure=label)


def _note(reason: str, reasons: list[str]) -> str:
    if reason not in reasons:
        reasons.append(reason)
    return _letter(reasons.index(reason))


def _letter(i: int) -> str:
    """a … z, aa, ab …"""
    return (_letter(i // 26 - 1) if i >= 26 else "") + "abcdefghijklmnopqrstuvwxyz"[i % 26]
