"""The result as one self-contained HTML page: no network, readable without its script, light and dark, phone and paper."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup
from pydantic import JsonValue

from recsat.config.settings import Language
from recsat.report import answers
from recsat.report.alerts import alert_in_words
from recsat.report.causal import cell_in_words, standing
from recsat.report.counterfactual import answer_label, assumption, causes_in_words, reward_label, target_in_words
from recsat.report.curve_plot import curve_plot
from recsat.report.decisions import decision_in_words
from recsat.report.experiment import (
    effect_label,
    experiment_in_words,
    notes_in_words,
    relative_in_words,
    role_label,
)
from recsat.report.fitness import facts, reason, remedy
from recsat.report.headline import answer_in_words, arms_on, confidence, headlines, not_measured, split_names
from recsat.report.kinds import kind_in_words, kind_table, kinds_on
from recsat.report.language import (
    current_language,
    gettext,
    in_language,
    interval,
    language_of,
    message,
    plural_message,
    translation,
)
from recsat.report.learning import learning_table
from recsat.report.plan import HASH_LENGTH, whose_plan
from recsat.report.plot import accuracy_diversity_plot
from recsat.report.policy_log import policy_log_in_words
from recsat.report.reliability_plot import reliability_plots
from recsat.report.samples import reason_for_sample
from recsat.report.signs import exploratory, signs_in_words
from recsat.report.slice_differences import gains_by_habit, slice_differences, slice_label
from recsat.report.tables import (
    DIMENSIONS,
    all_lines,
    draws_in_words,
    kind_of,
    main_table,
    slice_names,
    slice_table,
    split_tables,
)
from recsat.report.terms import explained
from recsat.report.verdicts import verdict_in_words
from recsat.result import numerals
from recsat.result.model import Result, SampleUser, Verdict

MOST_USERS, MOST_ITEMS = 5, 4000
"""Sample users of a split, and items listed for all of them together."""
MOST_LISTED, MOST_HISTORY, MOST_TEXT = 20, 24, 300
"""What the page shows of sample users; result.json has all, and the page says so where it stops."""

# A NUL or an escape sequence in a title is no text: it shows as the replacement character.
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def render_page(result: Result, language: Language | None = None) -> str:
    """The whole report in ``language`` (None: as configured). Every text of the result is escaped; sizes are bounded, so the page stays under 3 MB."""
    with in_language(language or language_of(result)):
        return CONTROLS.sub(
            "\N{REPLACEMENT CHARACTER}", templates().get_template("page.html.j2").render(_context(result))
        )


def _context(result: Result) -> dict[str, Any]:
    names, lines = split_names(result), headlines(result)
    sizes = {split.name: split for split in result.splits}
    users = _sample(result.sample_users)
    css, script = asset("page.css"), asset("page.js")
    return {
        "result": result,
        "language": current_language(),
        "explained_terms": set(),
        "css": css,
        "script": script,
        "policy": policy(css, script),
        "answer": answer_in_words(lines),
        "answers": (split_answers := answers.split_answers(result, lines)),
        "simulated": answers.simulated_in_words(),
        "missing": answers.missing_in_words(result),
        "headlines": lines,
        "not_measured": not_measured(result),
        "stored_texts": {absent.reason for absent in result.not_measured}
        | {one.lack for one in result.attributions}
        | {one.lack for one in result.alerts}
        | {one.why for one in result.decisions}
        | {verdict.lack for verdict in result.verdicts},
        "labels": answers.measure_labels(result),
        "verdicts": _verdicts(result.verdicts),
        "level": confidence(result),
        "leading_split": (leading_split := split_answers[0].split if split_answers else ""),
        "leading_table": (leading_table := main_table(result, leading_split)),
        "n_arms_left": len(arms_on(result, leading_split)) - len(leading_table.rows),
        "splits": [
            {
                "name": name,
                "size": sizes.get(name),
                "tables": split_tables(result, name),
                "lines": all_lines(result, name),
                "plot": accuracy_diversity_plot(result, name),
                "curve": curve_plot(result, name),
                "slices": slice_table(result, name),
                "differences": slice_differences(result, name),
                "kinds": [kind_in_words(result, one) for one in kinds_on(result, name)],
                "kind_table": kind_table(result, name),
                "gains": gains_by_habit(result, name),
                "learning": learning_table(result, name),
                "slice_tables": {part: split_tables(result, name, part) for part in slice_names(result, name)},
            }
            for name in names
        ],
        "kinds": {arm.name: kind_of(result, arm.name) for arm in result.arms},
        "reliability": reliability_plots(result),
        "parameters": _parameters(result),
        "settings": list(_flat(result.config)),
        "users": users,
        "n_users_left": len(result.sample_users) - sum(len(users_of_split) for users_of_split in users.values()),
        "hash_length": HASH_LENGTH,
        "most": {"listed": MOST_LISTED, "history": MOST_HISTORY},
    }


def asset(name: str) -> Markup:
    """A style sheet or script of the templates, as it stands."""
    return Markup(files("recsat.report").joinpath(f"templates/{name}").read_text(encoding="utf-8").strip())


def policy(css: str, script: str | None = None) -> str:
    """Allows this style sheet and this script, by their digests, and nothing else: no other script, no request."""
    style = f"style-src {_digest(css)}"
    code = "" if script is None else f"script-src {_digest(script)}; "
    return f"default-src 'none'; {style}; {code}base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def templates() -> jinja2.Environment:
    """Every page's: with autoescape, and an error where a name is not there."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("recsat.report"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=jinja2.StrictUndefined,
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
    environment.filters["slice_label"] = slice_label
    environment.filters["translated"] = _translated
    environment.filters["explained"] = _explained
    environment.install_gettext_callables(message, plural_message, newstyle=True)  # type: ignore[attr-defined]
    for function in (
        alert_in_words,
        cell_in_words,
        effect_label,
        experiment_in_words,
        notes_in_words,
        relative_in_words,
        role_label,
        standing,
        answer_label,
        assumption,
        causes_in_words,
        decision_in_words,
        answers.dimension_label,
        answers.verdict_label,
        exploratory,
        signs_in_words,
        draws_in_words,
        facts,
        interval,
        numerals.p_value,
        policy_log_in_words,
        reason,
        remedy,
        reason_for_sample,
        reward_label,
        target_in_words,
        verdict_in_words,
        whose_plan,
    ):
        environment.globals[function.__name__] = function
    return environment


@jinja2.pass_context
def _explained(context: jinja2.runtime.Context, text: str, *terms: str) -> Markup:
    return explained(text, context["explained_terms"], *terms)


def _translated(text: str) -> str:
    """A text that the result holds in English: translated where the catalogue knows it, else marked as English."""
    if current_language() == "en":
        return text
    known = translation(text)
    return Markup('<span lang="en">{}</span>').format(text) if known is None else known


def _short(text: str) -> str:
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"


def _verdicts(verdicts: list[Verdict]) -> dict[str, list[Verdict]]:
    """By split, dimensions in their fixed order."""
    grouped: dict[str, list[Verdict]] = {}
    for verdict in sorted(verdicts, key=lambda verdict: DIMENSIONS.index(verdict.dimension)):
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
                lists = [*waiting[turn].lists.values(), *(one.items for one in waiting[turn].of_kinds)]
                room -= sum(min(len(listed), MOST_LISTED) for listed in lists)
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
        return ", ".join(_scalar(inner) for inner in value) or gettext("none")
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if value is None or value in ({}, ""):
        return gettext("none")
    if isinstance(value, dict) and "summary" in value:
        return _scalar(value["summary"])
    return re.sub(r"\s+", " ", str(value))
