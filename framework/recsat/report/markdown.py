"""The result in Markdown: short enough for a Prefect artifact and a terminal. The page has the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from recsat.config.settings import Language
from recsat.report.alerts import alert_in_words
from recsat.report.answers import dimension_label, missing_in_words, simulated_in_words, split_answers, verdict_label
from recsat.report.causal import cell_in_words
from recsat.report.counterfactual import counterfactual_in_words
from recsat.report.decisions import decision_in_words
from recsat.report.experiment import experiment_with_notes
from recsat.report.fitness import facts, reason, remedy
from recsat.report.headline import (
    SplitHeadline,
    answer_in_words,
    arms_on,
    confidence,
    direction,
    headlines,
    lead_measure,
    not_measured,
)
from recsat.report.kinds import kind_in_words, kinds_on
from recsat.report.language import gettext, in_catalogue, in_language, interval, language_of
from recsat.report.plan import plan_in_words
from recsat.report.policy_log import policy_log_in_words
from recsat.report.signs import SIGNS, exploratory, signs_in_words
from recsat.report.slice_differences import gains_by_habit, slice_differences
from recsat.report.tables import draws_in_words, interval_in_words, remarks
from recsat.report.verdicts import verdict_in_words
from recsat.result.model import CausalTable, Ends, Estimate, MeasureInfo, Result
from recsat.result.numerals import NOTHING, decimals_for, duration, memory, moment, number, share, signed

MOST_TEXT = 120
MOST_OF_DIMENSION = {"accuracy": 3, "diversity": 2, "behaviour": 2, "business": 2}
# The signs that CommonMark, tables and GitHub's dialect give a meaning to inside a line, and what makes a bare link:
# ://, www. and name@host.domain. Marks that mean something only where a line starts need no escape: no line here starts
# with a text of the result.
_SIGNS = re.compile(r"([\\`*_{}\[\]#|~$]|(?<=:)//|(?<=[\w.+-])@(?=[\w-]+\.\w)|(?i:(?<=www)\.))")


def render_markdown(result: Result, language: Language | None = None) -> str:
    """Answers, verdicts, one table a split, cost, in ``language`` (None: as configured).

    Texts of the result are escaped: none can become markup, a link or a table cell. Names are cut where they are very long, sentences never.
    """
    with in_language(language or language_of(result)):
        return "\n\n".join(_parts(result)) + "\n"


def _parts(result: Result) -> list[str]:
    lines = headlines(result)
    parts = [
        "# " + gettext("Does a language model make these users more satisfied?"),
        whole(answer_in_words(lines)),
        "\n".join(
            f"- **{escape(one.split)}: {one.outcome}.** {whole(one.text)}" for one in split_answers(result, lines)
        ),
        whole(missing_in_words(result)),
        "" if result.plan is None else whole(plan_in_words(result.plan)),
        alerts_in_markdown(result),
        decisions_in_markdown(result),
        counterfactuals_in_markdown(result),
        policy_logs_in_markdown(result),
        ""
        if result.experiment is None
        else f"**{gettext('Experiment')}.** {whole(experiment_with_notes(result.experiment))}",
        f"*{escape(result.domain)}, {escape(result.run_id)}, {escape(moment(result.created))}*",
    ]
    if result.data.simulated:
        what, whose = simulated_in_words()
        parts.append(f"**{what}** {whose}")
    if result.verdicts:
        parts += ["## " + gettext("Verdicts"), _verdicts(result)]
    if result.causal:
        parts += ["## " + gettext("Every kind of evidence beside each other"), *map(_causal, result.causal)]
    if result.fitness:
        parts += ["## " + gettext("What this data can answer"), _fitness(result)]
    for line in lines:
        parts += _split(result, line)
    if result.ratings or any(error.arm is None for error in result.predictions):
        parts += ["## " + gettext("Ratings, clicks and conversions as predicted"), *_predicted(result)]
    if missing := not_measured(result):
        absent = [f"- **{escape(one.name)}** {NOTHING} {whole(in_catalogue(one.reason))}" for one in missing]
        parts += ["## " + gettext("Not measured"), "\n".join(absent)]
    parts += ["## " + gettext("Data"), _data(result), "## " + gettext("Cost"), _cost(result)]
    parts.append(
        gettext(
            "Seed %(seed)s, data fingerprint %(fingerprint)s, recsat %(version)s. Every number is in result.json.",
            seed=result.seed,
            fingerprint=escape(result.data_fingerprint),
            version=escape(result.versions.get("recsat", NOTHING)),
        )
    )
    return [part for part in parts if part]


def alerts_in_markdown(result: Result) -> str:
    """A line for each alert; empty where the run has no rules."""
    return "\n".join(
        f"- {whole(alert_in_words(one))} {whole(in_catalogue(one.lack))}".rstrip() for one in result.alerts
    )


def decisions_in_markdown(result: Result) -> str:
    """A line for each of the last decisions about the served model; empty where none was taken."""
    return "\n".join(f"- {whole(decision_in_words(one))} {whole(in_catalogue(one.why))}" for one in result.decisions)


def counterfactuals_in_markdown(result: Result) -> str:
    """A line for each split of which the log was asked; empty where it was not."""
    return "\n".join(
        f"- **{escape(log.split)}.** {whole(counterfactual_in_words(result, log))}" for log in result.counterfactuals
    )


def policy_logs_in_markdown(result: Result) -> str:
    """A line for each log beside the data of the run; empty where there is none."""
    return "\n".join(f"- **{escape(log.name)}.** {whole(policy_log_in_words(log))}" for log in result.policy_logs)


def _causal(table: CausalTable) -> str:
    heading = gettext("%(arm)s against %(other)s", arm=escape(table.arm), other=escape(table.other))
    rows = [[dimension_label(row.dimension), *(whole(cell_in_words(cell)) for cell in row.cells)] for row in table.rows]
    names = [gettext("Dimension"), gettext("Replay"), gettext("Log"), gettext("Experiment")]
    return f"**{escape(table.split)}**: {heading}\n\n" + markdown_table(names, rows)


def escape(text: str) -> str:
    """``text`` as inert Markdown on one line, cut after 120 characters."""
    flat = _flat(text)
    return whole(flat if len(flat) <= MOST_TEXT else f"{flat[: MOST_TEXT - 1]}…")


def whole(text: str) -> str:
    """``text`` as inert Markdown on one line, uncut: for sentences of the report's own."""
    entities = _flat(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SIGNS.sub(r"\\\1", entities)


def _flat(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]", " ", text).split())


def _fitness(result: Result) -> str:
    can, cannot = gettext("it can answer"), gettext("it cannot answer")
    lines = []
    for one in result.fitness:
        sentences = " ".join(filter(None, [reason(one), remedy(one), facts(one)[-1]]))
        lines.append(f"- **{escape(one.split)}: {can if one.can_answer else cannot}.** {whole(sentences)}")
    return "\n".join(lines)


def _verdicts(result: Result) -> str:
    return "\n".join(
        f"- **{escape(verdict.split)}, {dimension_label(verdict.dimension)}: {verdict_label(verdict)}.** {whole(verdict_in_words(result, verdict))}"
        for name in dict.fromkeys(verdict.split for verdict in result.verdicts)
        for verdict in result.verdicts
        if verdict.split == name
    )


def _split(result: Result, line: SplitHeadline) -> list[str]:
    parts = [f"## {escape(line.split)}"]
    sentences = [whole(line.sentence)]
    if line.leader is not None and line.measure is not None:
        leads = gettext(
            "%(arm)s leads with %(measure)s %(value)s.",
            arm=f"**{escape(line.leader)}**",
            measure=escape(in_catalogue(line.measure.label)),
            value=whole(line.value),
        )
        sentences.insert(0, leads)
    kinds = kinds_on(result, line.split)
    if differences := slice_differences(result, line.split):
        sentences.append(whole(differences.sentence))
    if gains := gains_by_habit(result, line.split):
        sentences.append(whole(gettext("Who gains: %(sentence)s", sentence=gains.sentence)))
    if differences or gains or kinds:
        sentences.append(whole(exploratory(result)))
    sentences += [
        whole(times) for split in result.splits if split.name == line.split and (times := draws_in_words(split))
    ]
    parts.append(" ".join(sentences))
    if kinds:
        parts.append("\n".join(f"- {whole(kind_in_words(result, one))}" for one in kinds))
    infos = _main_measures(result, line.split)
    if infos:
        parts.append(_measures(result, line.split, infos))
    return parts


def _main_measures(result: Result, split: str) -> list[MeasureInfo]:
    """The lead measure first, then the first few of each dimension that have a number on this split."""
    arms = arms_on(result, split)
    lead = lead_measure(result)
    valued = [
        m for m in result.measures if any(a.measures.get(m.name) and a.measures[m.name].mean is not None for a in arms)
    ]
    ordered = sorted(valued, key=lambda info: info is not lead)
    return [
        info
        for dimension, most in MOST_OF_DIMENSION.items()
        for info in [one for one in ordered if one.dimension == dimension][:most]
    ]


def _measures(result: Result, split: str, infos: Sequence[MeasureInfo]) -> str:
    arms = arms_on(result, split)
    measures_by_name = {info.name: [arm.measures.get(info.name) for arm in arms] for info in infos}
    places = {name: decimals_for(m.mean for m in values if m is not None) for name, values in measures_by_name.items()}
    rows, baseline = [], gettext("baseline")
    for i, arm in enumerate(arms):
        cells = [escape(arm.name) + (f" ({baseline})" if arm.name == result.baseline_on(split) else "")]
        for info in infos:
            measure = measures_by_name[info.name][i]
            if measure is None or measure.mean is None:
                cells.append(NOTHING)
                continue
            digits = places[info.name]
            sign = SIGNS[direction(arm, info)]
            ends = f" ({interval_in_words(measure, digits)})" if info is infos[0] else ""
            cells.append(f"{number(measure.mean, digits)}{ends}{sign and f' {sign}'}")
        rows.append(cells)
    way = {"higher": " ↑", "lower": " ↓", "neither": ""}
    heads = [gettext("Arm"), *(escape(in_catalogue(info.label)) + way[info.better] for info in infos)]
    table = markdown_table(heads, rows)
    brackets = gettext("In brackets the %(level)s.", level=confidence(result))
    legend = f"{whole(signs_in_words(result, [split]))} {brackets}"
    return "\n\n".join([table, legend, *(whole(remark) for remark in remarks(result, split, arms, infos))])


def _predicted(result: Result) -> list[str]:
    """Errors of predicted ratings, and of the model of what was shown on the test part."""
    ratings = [
        [
            escape(in_catalogue(row.predictor)),
            escape(row.split),
            _estimate(row.rmse, 3),
            _estimate(row.mae, 3),
            _estimate(row.against_biases, 4, with_sign=True),
        ]
        for row in result.ratings
    ]
    of_exposures = [
        [
            escape(row.event),
            escape(row.split),
            share(row.rate, 1),
            share(row.predicted, 1),
            _with_ends(row.log_loss, row.log_loss_ends, 4),
            _estimate(row.against_known_rate, 4, with_sign=True),
        ]
        for row in result.predictions
        if row.arm is None and row.part == "test"
    ]
    heads = [
        [gettext("Predictor"), gettext("Split"), gettext("RMSE"), gettext("MAE"), gettext("RMSE against biases")],
        [
            gettext("Outcome"),
            gettext("Split"),
            gettext("Happened"),
            gettext("Predicted"),
            gettext("Log loss"),
            gettext("Against the control"),
        ],
    ]
    return [markdown_table(head, rows) for head, rows in zip(heads, (ratings, of_exposures), strict=True) if rows]


def _estimate(one: Estimate | None, places: int, *, with_sign: bool = False) -> str:
    if one is None:
        return NOTHING
    value = signed(one.value, places) if with_sign else number(one.value, places)
    return f"{value} ({interval(one.low, one.high, places, with_sign=with_sign)})"


def _with_ends(value: float, ends: Ends | None, places: int) -> str:
    return number(value, places) + ("" if ends is None else f" ({interval(ends.low, ends.high, places)})")


def _data(result: Result) -> str:
    data = result.data
    sizes = gettext(
        "%(users)s users, %(items)s items, %(events)s events; %(quarantined)s rows in quarantine.",
        users=f"{data.n_users:,}",
        items=f"{data.n_items:,}",
        events=f"{data.n_events:,}",
        quarantined=f"{data.n_quarantined:,}",
    )
    notes = "".join(f"\n- {whole(in_catalogue(note))}" for note in data.notes)
    heading = gettext("How the files were read, and what is odd about them:")
    return f"{sizes} {whole(in_catalogue(data.source))}".strip() + (f"\n\n{heading}\n{notes}" if notes else "")


def _cost(result: Result) -> str:
    rows = [
        [
            escape(stage.name),
            duration(stage.seconds),
            memory(stage.peak_mib),
            *(f"{n:,}" if stage.n_new or stage.n_cached else NOTHING for n in (stage.n_new, stage.n_cached)),
        ]
        for stage in result.stages
    ]
    rows.append(
        ["**" + gettext("whole run") + "**", duration(sum(stage.seconds for stage in result.stages)), "", "", ""]
    )
    return markdown_table(
        [gettext("Stage"), gettext("Time"), gettext("Peak memory"), gettext("New"), gettext("Cached")], rows
    )


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    written = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in written)
