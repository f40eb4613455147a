import polars as pl

from recsat import Dataset, Domain, DomainConfig, Judged, SatisfactionMetric, hookimpl


def nothing(judged: Judged) -> pl.DataFrame:
    return pl.DataFrame(schema={"user_id": pl.String, "value": pl.Float64})


DOMAIN = Domain(
    name="compliance",
    description="A domain named like a plugin.",
    config=DomainConfig,
    load=lambda config: Dataset(items=pl.DataFrame(), events=pl.DataFrame()),
    describe_item=lambda items: items["title"],
    describe_user=lambda users, history: users["user_id"],
    positive=pl.col("event") == "click",
    kinds=("page",),
    metrics=[
        SatisfactionMetric(name="withdrawn_shown", description="Clashes.", unit="", better="lower", compute=nothing)
    ],
)


@hookimpl
def recsat_domain() -> Domain:
    return DOMAIN
