import polars as pl

from recsat import CandidateFilter, Dataset, Domain, DomainConfig, FilterContext, Judged, SatisfactionMetric, hookimpl


def new_only(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    return items["item_id"] != "old"


def clicks(judged: Judged) -> pl.DataFrame:
    return judged.hits.group_by("user_id").agg(pl.len().cast(pl.Float64).alias("value"))


DOMAIN = Domain(
    name="tiny",
    description="Pages that people click.",
    config=DomainConfig,
    load=lambda config: Dataset(items=pl.DataFrame(), events=pl.DataFrame()),
    describe_item=lambda items: items["title"],
    describe_user=lambda users, history: users["user_id"],
    positive=pl.col("event") == "click",
    kinds=("page",),
    filters=[CandidateFilter(name="new_only", description="Nothing old.", keep=new_only)],
    metrics=[
        SatisfactionMetric(
            name="clicks", description="Listed pages clicked.", unit="clicks", better="higher", compute=clicks
        )
    ],
)


@hookimpl
def recsat_domain() -> Domain:
    return DOMAIN
