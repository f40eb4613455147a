"""What was decided about the served model, in words."""

from __future__ import annotations

from recsat.report.language import gettext
from recsat.result.model import ModelDecision
from recsat.result.numerals import moment


def decision_in_words(decision: ModelDecision) -> str:
    """When, what and of which run; why stands in ``decision.why``."""
    names = {"arm": decision.arm, "run": decision.run, "when": moment(decision.created)}
    if decision.action == "promoted":
        return gettext("%(when)s: %(arm)s of run %(run)s is served from then on.", **names)
    if decision.action == "refused":
        return gettext("%(when)s: %(arm)s of run %(run)s was not put in the place of what is served.", **names)
    return gettext("%(when)s: back to %(arm)s of run %(run)s.", **names)
