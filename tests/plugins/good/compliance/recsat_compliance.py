from collections.abc import Iterable

import polars as pl

from recsat import CandidateFilter, Domain, FilterContext, Judged, SatisfactionMetric, hookimpl


def not_withdrawn(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    return ~items["item_id"].str.starts_with("withdrawn")


def withdrawn_shown(judged: Judged) -> pl.DataFrame:
    n_withdrawn = pl.col("item_id").str.starts_with("withdrawn").sum().cast(pl.Float64)
    return judged.lists.group_by("user_id").agg(n_withdrawn.alias("value"))


@hookimpl
def recsat_filters(domain: Domain) -> Iterable[CandidateFilter]:
    return [CandidateFilter(name="withdrawn", description=f"Withdrawn {domain.kinds[0]}s.", keep=not_withdrawn)]


@hookimpl
def recsat_metrics(domain: Domain) -> Iterable[SatisfactionMetric]:
    yield SatisfactionMetric(
        name="withdrawn_shown",
        description="Withdrawn items in the list.",
        unit="items",
        better="lower",
        compute=withdrawn_shown,
        bounds=(0, None),
    )
