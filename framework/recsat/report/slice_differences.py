"""Whether the difference of a verdict's pair is the same in every slice, in words and in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recsat.measure.slices import KIND, MOSTLY, SURFACE
from recsat.report.headline import confidence_level
from recsat.report.language import gettext, in_catalogue, interval
from recsat.report.missed import missed
from recsat.result.model import Estimate, Result, SliceComparison, SliceContrast, WithinSlices
from recsat.result.numerals import decimals_for, number, p_value, signed


@dataclass(frozen=True)
class DifferenceInSlice:
    slice: str
    difference: Estimate
    p_adjusted: str
    detectable: str
    n_users: int


@dataclass(frozen=True)
class ContrastOfSlices:
    first: str
    second: str
    difference: Estimate
    p_adjusted: str
    detectable: str


@dataclass(frozen=True)
class SliceDifferences:
    """The pair of a split, slice by slice, and pairs of slices against each other."""

    sentence: str
    reversals: list[str]
    """A sentence for each slice in which the sign is the other one."""
    slices: list[DifferenceInSlice]
    contrasts: list[ContrastOfSlices]
    places: int


def slice_label(name: str) -> str:
    """A slice in the language of the report; the labels of surfaces and kinds stay as the data have them."""
    if name.startswith(KIND):
        return gettext("items of kind %(name)s", name=name.removeprefix(KIND))
    if name.startswith(MOSTLY):
        return gettext("users of mostly %(name)s", name=name.removeprefix(MOSTLY))
    if name.startswith(SURFACE):
        return gettext("surface %(name)s", name=name.removeprefix(SURFACE))
    return in_catalogue(name)


def slice_differences(result: Result, split: str) -> SliceDifferences | None:
    """None where the result does not say, or no slice has users enough."""
    return _differences(result, result.within_slices, split)


def gains_by_habit(result: Result, split: str) -> SliceDifferences | None:
    """The same for slices of users by their habits."""
    return _differences(result, result.who_gains, split)


def _differences(result: Result, of_splits: Sequence[WithinSlices], split: str) -> SliceDifferences | None:
    within = next((one for one in of_splits if one.split == split), None)
    if within is None or not within.slices:
        return None
    return SliceDifferences(
        sentence=_sentence(result, within),
        reversals=_reversals(within),
        slices=[
            DifferenceInSlice(
                slice_label(one.slice), _estimate(one), p_value(one.p_adjusted), number(one.detectable), one.n_users
            )
            for one in within.slices
        ],
        contrasts=[
            ContrastOfSlices(
                slice_label(one.first),
                slice_label(one.second),
                _estimate(one),
                p_value(one.p_adjusted),
                number(one.detectable),
            )
            for one in within.contrasts
        ],
        places=_places(within),
    )


def reversals_on(result: Result, split: str) -> list[str]:
    """Where the pair's difference has the other sign, a sentence for each slice."""
    differences = slice_differences(result, split)
    return [] if differences is None else differences.reversals


def _sentence(result: Result, within: WithinSlices) -> str:
    label = next((info.label for info in result.measures if info.name == within.measure), within.measure)
    pair = gettext(
        "%(arm)s minus %(other)s in %(measure)s.", arm=within.arm, other=within.other, measure=in_catalogue(label)
    )
    level = confidence_level(result) or 0.95
    differing = [
        gettext("%(first)s from %(second)s", first=slice_label(one.first), second=slice_label(one.second))
        for one in within.contrasts
        if one.p_adjusted <= 1 - level
    ]
    if within.differ:
        return f"{pair} " + gettext(
            "The difference is not the same in every slice: %(pairs)s.", pairs=gettext(", ").join(differing)
        )
    if within.contrasts:
        return f"{pair} " + gettext("That it is another in some slice is not shown%(missed)s.", missed=_missed(within))
    return f"{pair} " + gettext("There are no two slices to compare.")


def _missed(within: WithinSlices) -> str:
    """The smallest difference of the contrast that shows most, and of the one that shows least."""
    smallest = sorted(one.detectable for one in within.contrasts if one.detectable is not None)
    if not smallest:
        return ""
    if number(smallest[0]) == number(smallest[-1]):
        return gettext("; ") + missed(smallest[0])
    return gettext("; ") + gettext(
        "a true difference of two slices below %(smallest)s (%(largest)s for the smallest slices) would be missed more than one time in five",
        smallest=number(smallest[0]),
        largest=number(smallest[-1]),
    )


def _reversals(within: WithinSlices) -> list[str]:
    places = _places(within)
    return [
        gettext(
            "On %(slice)s it is the other way round: %(arm)s minus %(other)s is %(difference)s (%(ends)s).",
            slice=slice_label(one.slice),
            arm=within.arm,
            other=within.other,
            difference=signed(one.mean, places),
            ends=interval(one.low, one.high, places, with_sign=True),
        )
        for one in within.slices
        if one.slice in within.reversed
    ]


def _places(within: WithinSlices) -> int:
    means = [one.mean for one in within.slices] + [one.mean for one in within.contrasts]
    return decimals_for(means)


def _estimate(one: SliceComparison | SliceContrast) -> Estimate:
    return Estimate(value=one.mean, low=one.low, high=one.high)
