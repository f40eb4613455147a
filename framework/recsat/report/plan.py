"""The plan of an evaluation in words: which, of when, whose, and whether it was kept."""

from __future__ import annotations

from recsat.report.language import gettext, in_catalogue
from recsat.result.model import PlanRecord
from recsat.result.numerals import moment

HASH_LENGTH = 12
"""Characters of a plan's hash that tell plans apart at a glance."""
MOST_DIFFERENCES = 3


def plan_in_words(plan: PlanRecord) -> str:
    """One line, with the first few differences."""
    values = {"hash": plan.sha256[:HASH_LENGTH], "written": moment(plan.written), "whose": whose_plan(plan)}
    if not plan.differences:
        return gettext("Plan %(hash)s of %(written)s, %(whose)s: kept.", **values)
    lines = [in_catalogue(line) for line in plan.differences[:MOST_DIFFERENCES]]
    if rest := len(plan.differences) - len(lines):
        lines.append(gettext("%(n)s more", n=rest))
    return gettext(
        "Plan %(hash)s of %(written)s, %(whose)s: not kept. %(differences)s.",
        differences=gettext("; ").join(lines),
        **values,
    )


def whose_plan(plan: PlanRecord) -> str:
    """Whether it is older than the run."""
    return gettext("registered beforehand (measure.plan)") if plan.registered else gettext("the run's own")
