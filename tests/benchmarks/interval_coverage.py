"""The page of coverage: how often every interval and every test of a report is right, over worlds whose truth is known.

Run: ``python tests/benchmarks/interval_coverage.py --out docs/coverage.md``; minutes on two cores. What is measured is in ``coverage_checks.py``, the
worlds in ``coverage_worlds.py``. Ends with 1 where a share misses its bar by more than two Monte Carlo standard errors and no known limit says why.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # every processor is busy with worlds, and tables are small

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from coverage_checks import SECTIONS, Bar, Case, Section, Values
from off_policy import LOGGING, Outcome, outcomes_of, risk_of_choosing

AGAIN = 4
N_CHOICES = 100
"""Worlds of each overlap in which a policy is chosen; its own page has more."""

Task = tuple[int, int, int]
"""Section, case of it, and number of users."""


@dataclass(frozen=True)
class Rate:
    """How often a statement holds, over the worlds in which it was made."""

    share: float
    error: float
    """Monte Carlo standard error."""
    n_made: int

    def outside(self, bar: Bar) -> int:
        """−1 where it is below ``bar``, 1 where above, by more than two standard errors."""
        return int(self.share - 2 * self.error > bar[1]) - int(self.share + 2 * self.error < bar[0])


@dataclass(frozen=True)
class Row:
    """One line of the page."""

    task: Task
    n_worlds: int
    rates: dict[str, Rate]
    seconds: float

    @property
    def section(self) -> Section:
        return SECTIONS[self.task[0]]

    @property
    def case(self) -> Case:
        return self.section.cases[self.task[1]]

    @property
    def n_users(self) -> int:
        return self.task[2]

    @property
    def misses(self) -> list[str]:
        """Statements outside their bar, in words."""
        sides = {name: self.rates[name].outside(bar) for name, bar in self.case.bars.items()}
        words = {-1: self.section.below, 1: "wider than need be"}
        return [
            f"{name}: {'too often' if not self.case.bars[name][0] else words[side]}"
            for name, side in sides.items()
            if side
        ]

    @property
    def is_silent(self) -> bool:
        """Whether nothing that has a bar was said in any world."""
        return bool(self.case.bars) and not any(self.rates[name].n_made for name in self.case.bars)

    def verdict(self, limits: Sequence[str]) -> str:
        """What the row says; a known limit by its letter, its place among ``limits``."""
        if self.is_silent:
            return "says nothing"
        if not self.misses:
            return "holds" if self.case.bars else "no bar"
        letter = f" ({chr(ord('a') + limits.index(self.case.limit))})" if self.case.limit in limits else ""
        return f"**{'; '.join(self.misses)}**{letter}"


def rate_of(values: Values) -> Rate:
    """The share of what is 1 among what is not NaN; where it is 0 or 1, the error is that of one world more or less."""
    statements = values[~np.isnan(values)]
    n = len(statements)
    if not n:
        return Rate(np.nan, np.nan, 0)
    share = float(statements.mean())
    return Rate(share, float(np.sqrt(max(share * (1 - share), (1 - 1 / n) / n) / n)), n)


def measure(task: Task, scale: float = 1.0, *seeds: int) -> Row:
    """One row; the same seed for the same row, whatever else is measured. More ``seeds`` are other worlds."""
    section = SECTIONS[task[0]]
    case, n_users = section.cases[task[1]], task[2]
    n_worlds = max(20, round(case.worlds[n_users] * scale))
    rng = np.random.default_rng([n_users, zlib.crc32(f"{section.title}/{case.world}".encode()), *seeds])
    start = time.process_time()
    judged = case.judge(rng, n_users, n_worlds)
    rates = {name: rate_of(values) for name, values in judged.items()}
    return Row(task, n_worlds, rates, time.process_time() - start)


def measure_twice(task: Task, scale: float = 1.0) -> Row:
    """:func:`measure`; of hundreds of rows some miss by chance, so that one which misses for no known reason is made anew over :data:`AGAIN` times as many other worlds."""
    row = measure(task, scale)
    if not failures([row]):
        return row
    again = measure(task, AGAIN * scale, 1)
    return replace(again, seconds=row.seconds + again.seconds)


def tasks() -> Iterator[Task]:
    for i, section in enumerate(SECTIONS):
        for j, case in enumerate(section.cases):
            yield from ((i, j, n_users) for n_users in case.worlds)


def failures(rows: Sequence[Row]) -> list[Row]:
    """Rows that miss a bar without a known limit."""
    return [row for row in rows if row.misses and not row.case.limit]


def page(rows: Sequence[Row], choices: Mapping[str, Sequence[Outcome]] | None = None) -> str:
    """The page as Markdown; ``choices`` are worlds by overlap in which policies are chosen by an estimate."""
    parts = [HEAD.format(minutes=sum(row.seconds for row in rows) / 60, summary=summary(rows))]
    for section in SECTIONS:
        of_section = [row for row in rows if row.section is section]
        if of_section:
            parts.append(f"## {section.title}\n\n{section.text}\n\n{table(of_section)}\n")
    if choices:
        n_worlds = len(next(iter(choices.values())))
        parts.append(f"## The risk of choosing\n\n{CHOOSING.format(n=n_worlds)}\n\n{risk_of_choosing(choices)}\n")
    return "\n".join(parts)


def table(rows: Sequence[Row]) -> str:
    """The rows of one section, and under it the known limits that they speak of."""
    names = list(dict.fromkeys(name for row in rows for name in row.rates))
    limits = list(dict.fromkeys(row.case.limit for row in rows if row.misses and row.case.limit))
    lines = [
        "| world | users | worlds | " + " | ".join(names) + " | |",
        "|---|---:|---:|" + "---:|" * len(names) + "---|",
    ]
    for row in rows:
        cells = " | ".join(cell(row.rates.get(name), row.n_worlds) for name in names)
        lines.append(f"| {row.case.world} | {row.n_users:,} | {row.n_worlds:,} | {cells} | {row.verdict(limits)} |")
    notes = [f"({chr(ord('a') + i)}) {limit[0].upper()}{limit[1:]}." for i, limit in enumerate(limits)]
    return "\n".join(lines) + "".join(f"\n\n{note}" for note in notes)


def cell(rate: Rate | None, n_worlds: int) -> str:
    if rate is None or not rate.n_made:
        return "–"
    without = f" (none in {1 - rate.n_made / n_worlds:.0%})" if rate.n_made < n_worlds else ""
    return f"{rate.share:.3f} ± {rate.error:.3f}{without}"


def summary(rows: Sequence[Row]) -> str:
    """How many rows hold, and which do not."""
    limited = [row for row in rows if row.misses and row.case.limit]
    broken = failures(rows)
    n_silent = sum(row.is_silent for row in rows)
    n_rows = len(rows) - n_silent
    sentences = [f"{n_rows - len(limited) - len(broken)} of {n_rows} rows hold their bars."]
    if n_silent:
        sentences.append(f"{n_silent} more say nothing, since there are too few users.")
    if limited:
        sentences.append(
            f"{len(limited)} miss one for a reason that is known, in bold and with a letter that is explained under the table."
        )
    if broken:
        names = "; ".join(f"{row.case.world}, {row.n_users:,} users" for row in broken)
        sentences.append(f"{len(broken)} miss one without: {names}.")
    return " ".join(sentences)


HEAD = """# How often intervals and tests are right

Made by `python tests/benchmarks/interval_coverage.py --out docs/coverage.md` in {minutes:.0f} minutes of one processor. What a report prints of arms with an
interval, a p-value or an answer is made here by the functions that make it in a report, in worlds whose truth is known; each number is the share of
worlds in which it is right, or in which something is said though nothing is there, ± one Monte Carlo standard error. *None in 3 %*: in so many worlds
nothing is said, since values have no spread or users are too few; these do not count.

Bars: an interval of 95 % holds the truth in at least .93 of the worlds, between .935 and .965 where values are like those of an accuracy measure;
something is said though nothing is there in at most .05; a row misses its bar where it does by more than two standard errors, and does so again, if no reason for it is known, over four times as many other worlds. **{summary}**

Not here: whether texts that are noise are called noise, which needs arms that are fitted: [its page](coverage-texts.md); the other estimators of [off-policy values](off-policy-coverage.md) and the power of [experiments](experiment-coverage.md), at one size each. On your own data: [`recsat aa`](how-to/aa.md).
"""

CHOOSING = """Who picks the policy with the largest off-policy estimate picks its errors too. {n} simulated worlds for each of three logging policies, five policies each, whose true
click rates are known ([how](off-policy-coverage.md)): *rank correlation* of estimates and truths (Spearman), and *regret*, what the policy picked earns less than the best, as a share of what the best earns; ±
one Monte Carlo standard error."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--scale", type=float, default=1.0, help="more or fewer worlds")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    rows: list[Row] = []
    with ProcessPoolExecutor(options.jobs) as pool:
        n_choices = max(20, round(N_CHOICES * options.scale))
        choosing = pool.map(outcomes_of, LOGGING, [n_choices] * len(LOGGING))
        # The longest first, then rows of many users: the last are short, and both processes end together.
        every = sorted(tasks(), key=lambda task: -task[2])
        for row in pool.map(measure_twice, every, [options.scale] * len(every)):
            rows.append(row)
            print(
                f"{row.section.title} | {row.case.world} | {row.n_users:,} | {'; '.join(row.misses) or 'holds'} | {row.seconds:.1f} s",
                flush=True,
            )
        choices = dict(zip(LOGGING, choosing, strict=True))
    ordered = sorted(rows, key=lambda row: row.task)
    if options.out:
        options.out.write_text(page(ordered, choices), encoding="utf-8")
    print(summary(ordered))
    return bool(failures(ordered))


if __name__ == "__main__":
    sys.exit(main())
