import polars as pl

from recsat import Dataset, Domain, DomainConfig, hookimpl

DOMAIN = Domain(
    name="content",
    description="Another content.",
    config=DomainConfig,
    load=lambda config: Dataset(items=pl.DataFrame(), events=pl.DataFrame()),
    describe_item=lambda items: items["title"],
    describe_user=lambda users, history: users["user_id"],
    positive=pl.col("event") == "click",
    kinds=("page",),
)


@hookimpl
def recsat_domain() -> Domain:
    return DOMAIN
