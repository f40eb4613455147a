"""The signs of a report, ▲ ▼ ◆: one reference, the baseline, whose name stands beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from recsat.report.headline import Direction, confidence_level
from recsat.report.language import enumerated, gettext
from recsat.result.model import Result

SIGNS: Final[Mapping[Direction | None, str]] = {"better": "▲", "worse": "▼", "different": "◆", None: ""}


def signs_in_words(result: Result, splits: Sequence[str]) -> str:
    """Against whom the signs of these ``splits`` are, and how sure they are."""
    return gettext(
        "▲ better, ▼ worse, ◆ different: each against the baseline %(arm)s, exploratory (false discovery rate %(rate)s).",
        arm=baselines_in_words(result, splits),
        rate=rate_in_words(result),
    )


def exploratory(result: Result) -> str:
    """What is true of every comparison but the verdicts' primary measures."""
    return gettext(
        "Exploratory: p-values are corrected for a false discovery rate of %(rate)s, and nothing here decides.",
        rate=rate_in_words(result),
    )


def rate_in_words(result: Result) -> str:
    """``5 %``: the part of what is marked that may be false on average."""
    level = confidence_level(result)
    return gettext("%(percent)s %%", percent=f"{100 * (1 - (0.95 if level is None else level)):.3g}")


def baselines_in_words(result: Result, splits: Sequence[str]) -> str:
    """The baseline of the splits, or each with those that have it."""
    by_arm: dict[str, list[str]] = {}
    for split in splits:
        by_arm.setdefault(result.baseline_on(split), []).append(split)
    if len(by_arm) < 2:
        return next(iter(by_arm), result.baseline)
    return gettext(", ").join(
        gettext("%(arm)s (%(splits)s)", arm=arm, splits=enumerated(names)) for arm, names in by_arm.items()
    )
