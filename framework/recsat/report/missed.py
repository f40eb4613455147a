"""What could have been missed, in words: it stands wherever a difference is not shown."""

from __future__ import annotations

from recsat.report.language import gettext
from recsat.result.model import Comparison, Outcome
from recsat.result.numerals import number

UNDECIDED: tuple[Outcome, ...] = ("not shown", "cannot tell")
"""Outcomes that come with what could have been missed."""


def missed(smallest: float) -> str:
    """A clause, of the smallest difference that these data would have shown four times in five."""
    return gettext(
        "a true difference below %(smallest)s would be missed more than one time in five", smallest=number(smallest)
    )


def missed_sentence(smallest: float) -> str:
    """The same as a sentence."""
    clause = missed(smallest)
    return gettext("%(sentence)s.", sentence=clause[0].upper() + clause[1:])


def with_missed(label: str, smallest: float | None) -> str:
    """``not shown; below 0.012 would be missed``: for lists and cells of tables, where a clause is too long."""
    if not smallest:
        return label
    return gettext("%(outcome)s; below %(smallest)s would be missed", outcome=label, smallest=number(smallest))


def missed_of(comparison: Comparison | None) -> float | None:
    """What a comparison could have missed; None where it is decided, or nothing can be said."""
    return None if comparison is None or comparison.outcome not in UNDECIDED else comparison.detectable
