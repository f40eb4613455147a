"""The report for a narrow column: the answer in whole sentences, one measure an arm, a picture, and where the rest is."""

from __future__ import annotations

from recsat.report.answers import split_answers
from recsat.report.dot_plot import as_data_uri, dot_plot
from recsat.report.headline import answer_in_words, arms_on, headlines, lead_measure, mean_of, split_names
from recsat.report.language import gettext, in_catalogue, in_language, language_of
from recsat.report.markdown import alerts_in_markdown, decisions_in_markdown, escape, markdown_table, whole
from recsat.report.tables import interval_in_words
from recsat.result.model import ArmResult, MeasureInfo, Result
from recsat.result.numerals import decimals_for, moment, number


def render_summary(result: Result, page: str) -> str:
    """Markdown of some thirty lines, at most two columns wide; ``page`` is the address of the whole report, or where it lies."""
    with in_language(language_of(result)):
        lines = headlines(result)
        parts = [
            whole(answer_in_words(lines)),
            alerts_in_markdown(result),
            decisions_in_markdown(result),
            "\n".join(
                f"- **{escape(one.split)}: {one.outcome}.** {whole(one.text)}" for one in split_answers(result, lines)
            ),
        ]
        lead = lead_measure(result)
        if lead is not None:
            parts += [part for split in split_names(result) for part in _of_split(result, split, lead)]
        whole_report = gettext("The whole report")
        is_address = page.startswith(("http://", "https://"))
        parts.append(f"[{whole_report}]({page})" if is_address else f"{whole_report}: {whole(page)}")
        parts.append(f"*{escape(result.domain)}, {escape(result.run_id)}, {escape(moment(result.created))}*")
        return "\n\n".join(part for part in parts if part) + "\n"


def _of_split(result: Result, split: str, lead: MeasureInfo) -> list[str]:
    arms = sorted(
        (arm for arm in arms_on(result, split) if mean_of(arm, lead.name) is not None),
        key=lambda arm: (
            -(mean_of(arm, lead.name) or 0.0) if lead.better == "higher" else mean_of(arm, lead.name) or 0.0
        ),
    )
    if not arms:
        return []
    label = in_catalogue(lead.label)
    picture = dot_plot(arms, lead.name, f"{label}, {split}")
    rows = _rows(arms, lead, result.baseline_on(split))
    return [
        f"### {escape(split)}",
        markdown_table([gettext("Arm"), escape(label)], rows),
        f"![{escape(label)}]({as_data_uri(picture)})",
    ]


def _rows(arms: list[ArmResult], lead: MeasureInfo, baseline: str) -> list[list[str]]:
    places = decimals_for(mean_of(arm, lead.name) for arm in arms)
    rows = []
    for arm in arms:
        measure = arm.measures[lead.name]
        name = escape(arm.name) + (f" ({gettext('baseline')})" if arm.name == baseline else "")
        rows.append([name, f"{number(measure.mean, places)} ({interval_in_words(measure, places)})"])
    return rows
