"""Which arm leads: one definition, for the lists that are served, the verdict, the report and the curves."""

from __future__ import annotations

from collections.abc import Mapping

from recsat.config.settings import Control


def leader(validation_ndcg: Mapping[str, float], baseline: str) -> str | None:
    """The arm with the largest nDCG@k on the validation part of a split; None where there is no arm.

    Never by the test part, which would then no longer be one. Of equals the baseline gives way, then the first stays: where few
    users of the validation part have a history, none of them may have a hit.

    >>> leader({"popularity": 0.2, "text": 0.2, "ease": 0.1}, baseline="popularity")
    'text'
    """
    return max(validation_ndcg, key=lambda arm: (validation_ndcg[arm], arm != baseline), default=None)


def may_lead(control: Control | None) -> bool:
    """Whether an arm that is this control (None: is none) may lead, or be what others are compared with: all but those that are there to fail."""
    return control in (None, "words")
