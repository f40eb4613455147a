"""Accuracy of lists of one kind of items alone: a column for each kind, and the verdict's pair in words."""

from __future__ import annotations

from collections.abc import Mapping

from recsat.measure.slices import FEWEST_USERS
from recsat.report.headline import arms_on
from recsat.report.language import gettext
from recsat.report.tables import Table, TableColumn, measure_table
from recsat.report.verdicts import comparison_in_words
from recsat.result.model import ArmOfKind, ArmResult, KindAccuracy, MeasureInfo, Result


def kinds_on(result: Result, split: str) -> list[KindAccuracy]:
    """Those of ``split``; empty where the run did not ask."""
    return [one for one in result.kind_accuracy if one.split == split]


def kind_table(result: Result, split: str) -> Table | None:
    """nDCG of every arm within each kind that has users enough; None where none has."""
    of_kinds = [one for one in kinds_on(result, split) if one.arms]
    if not of_kinds:
        return None
    rows = arms_on(result, split)
    parts = [
        (
            MeasureInfo(name="ndcg", label=one.kind, description="", dimension="accuracy", better="higher"),
            [_of_kind(row, {arm.arm: arm for arm in one.arms}) for row in rows],
        )
        for one in of_kinds
    ]
    columns = [TableColumn(one.kind, "", "", "higher", one.n_users) for one in of_kinds]
    return measure_table(result, measure_label(of_kinds[0]), rows, parts, columns)


def _of_kind(row: ArmResult, arms: Mapping[str, ArmOfKind]) -> ArmResult:
    """The arm of ``row`` with nothing but its nDCG within a kind."""
    one = arms.get(row.name)
    measures = {} if one is None else {"ndcg": one.ndcg}
    differences = {} if one is None or one.difference is None else {"ndcg": one.difference}
    return ArmResult(name=row.name, split=row.split, measures=measures, differences=differences)


def measure_label(one: KindAccuracy) -> str:
    """What is estimated, over whom, apart from the kind."""
    return gettext("nDCG@%(k)s of lists of this kind alone, over users with a held-out like of it", k=one.k)


def kind_in_words(result: Result, one: KindAccuracy) -> str:
    """The verdict's pair on one kind in a sentence, or why nothing is compared."""
    return gettext("%(kind)s: %(sentence)s", kind=one.kind, sentence=_sentence(result, one))


def _sentence(result: Result, one: KindAccuracy) -> str:
    if not one.n_items:
        return gettext("no item of this kind is ranked here.")
    if not one.arms:
        return gettext(
            "%(n)s users have a held-out like of this kind; fewer than %(least)s are too few for a number.",
            n=one.n_users,
            least=FEWEST_USERS,
        )
    if one.pair is None:
        return gettext("%(measure)s: there are no two arms to compare.", measure=measure_label(one))
    return gettext(
        "%(arm)s against %(other)s in %(measure)s: %(comparison)s.",
        arm=one.pair.arm,
        other=one.pair.other,
        measure=measure_label(one),
        comparison=comparison_in_words(result, one.pair),
    )
