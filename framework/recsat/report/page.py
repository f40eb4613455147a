"""The result as one self-contained HTML page: no script, no network, light and dark, phone and paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup
from pydantic import JsonValue

from recsat.report.curve_plot import curve_plot
from recsat.report.headline import answer_in_words, confidence, headlines, not_measured, split_names
from recsat.report.plot import accuracy_diversity_plot
from recsat.report.reliability_plot import reliability_plots
from recsat.report.tables import DIMENSIONS, all_lines, kind_of, slice_names, slice_table, split_tables
from recsat.result import numerals
from recsat.result.model import Result, SampleUser, Verdict

MOST_USERS, MOST_ITEMS = 5, 4000
"""Sample users of a split, and items listed for all of them together."""
MOST_LISTED, MOST_HISTORY, MOST_TEXT = 20, 24, 300
"""What the page shows of sample users; result.json has all, and the page says so where it stops."""

# A NUL or an escape sequence in a title is no text: it shows as the replacement character.
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127), "�")


def render_page(result: Result) -> str:
    """The whole report. Every text of the result is escaped; sizes are bounded, so the page stays under 3 MB."""
    names = split_names(result)
    sizes = {split.name: split for split in result.splits}
    return (
        _templates()
        .get_template("page.html.j2")
        .render(
            result=result,
            css=Markup(files("recsat.report").joinpath("templates/page.css").read_text(encoding="utf-8")),
            answer=answer_in_words(lines := headlines(result)),
            headlines=lines,
            not_measured=not_measured(result),
            labels={info.name: info.label for info in result.measures},
            verdicts=_verdicts(result.verdicts),
            level=confidence(result),
            splits=[
                {
                    "name": name,
                    "size": sizes.get(name),
                    "tables": split_tables(result, name),
                    "lines": all_lines(result, name),
                    "plot": accuracy_diversity_plot(result, name),
                    "curve": curve_plot(result, name),
                    "slices": slice_table(result, name),
                    "slice_tables": {part: split_tables(result, name, part) for part in slice_names(result, name)},
                    "filters": [count for count in result.filters if count.split == name],
                    "retrieval": [row for row in result.retrieval if row.split == name],
                }
                for name in names
            ],
            dimensions=DIMENSIONS,
            kinds={arm.name: kind_of(result, arm.name) for arm in result.arms},
            reliability=reliability_plots(result),
            parameters=_parameters(result),
            settings=list(_flat(result.config)),
            users=(users := _sample(result.sample_users)),
            unfolded=next(
                (user for users_of_split in users.values() for user in users_of_split if user.history),
                next((user for users_of_split in users.values() for user in users_of_split), None),
            ),
            n_users_left=len(result.sample_users) - sum(len(users_of_split) for users_of_split in users.values()),
            most={"listed": MOST_LISTED, "history": MOST_HISTORY},
        )
    )


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("recsat.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for written in (
        numerals.number,
        numerals.signed,
        numerals.share,
        numerals.duration,
        numerals.memory,
        numerals.moment,
    ):
        environment.filters[written.__name__] = written
    environment.filters["short"] = _short
    return environment


def _plain(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Markup):
        return value.translate(_CONTROLS)
    return value


def _short(text: str) -> str:
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"


def _verdicts(verdicts: list[Verdict]) -> dict[str, list[Verdict]]:
    """By split, dimensions in their fixed order."""
    order = list(DIMENSIONS)
    grouped: dict[str, list[Verdict]] = {}
    for verdict in sorted(verdicts, key=lambda verdict: order.index(verdict.dimension)):
        grouped.setdefault(verdict.split, []).append(verdict)
    names = list(dict.fromkeys(verdict.split for verdict in verdicts))
    return {name: grouped[name] for name in names}


def _sample(users: list[SampleUser]) -> dict[str, list[SampleUser]]:
    """The users that the page shows, by split: one of each split in turn, until there is no more room."""
    by_split: dict[str, list[SampleUser]] = {}
    for user in users:
        by_split.setdefault(user.split, []).append(user)
    sample: dict[str, list[SampleUser]] = {split: [] for split in by_split}
    room = MOST_ITEMS
    for turn in range(MOST_USERS):
        for split, waiting in by_split.items():
            if turn < len(waiting):
                room -= sum(min(len(listed), MOST_LISTED) for listed in waiting[turn].lists.values())
                if room < 0:
                    return sample
                sample[split].append(waiting[turn])
    return sample


def _parameters(result: Result) -> list[tuple[str, str, dict[str, str]]]:
    """(arm, description, parameters by split)."""
    about = {info.name: info.description for info in result.arm_infos}
    rows: dict[str, dict[str, str]] = {}
    for arm in result.arms:
        if arm.slice == "all":
            rows.setdefault(arm.name, {})[arm.split] = ", ".join(
                f"{name} = {_scalar(value)}" for name, value in arm.parameters.items()
            )
    return [(name, about.get(name, ""), splits) for name, splits in rows.items()]


def _flat(value: JsonValue, path: str = "") -> Iterator[tuple[str, str]]:
    """Settings as dotted keys: ``splits.0.name``."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for i, inner in enumerate(value):
            yield from _flat(inner, f"{path}.{i}")
    else:
        yield path, _scalar(value)


def _scalar(value: JsonValue) -> str:
    if isinstance(value, list):
        return ", ".join(_scalar(inner) for inner in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ({}, ""):
        return "none"
    return re.sub(r"\s+", " ", str(value))
