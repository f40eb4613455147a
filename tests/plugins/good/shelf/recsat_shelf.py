from typing import Literal

import polars as pl
from pydantic import Field

from recsat import CandidateFilter, Dataset, Domain, DomainConfig, field, hookimpl


class Library(DomainConfig):
    folder: str | None = Field(None, description="Folder with the loans. Empty: the invented library.")
    branch: Literal["north", "south"] = Field("south", description="The branch whose shelves are meant.")
    max_days: int = Field(28, ge=1, le=90, description="Days for which a book is lent.")
    with_loans: bool = Field(False, description="Whether a loan counts as liked.")


def load(config: Library) -> Dataset:
    raise NotImplementedError("the tests of forms load nothing")


@hookimpl
def recsat_domain() -> Domain:
    return Domain(
        name="shelf",
        description="Books that a library lends.",
        config=Library,
        load=load,
        describe_item=lambda items: items["title"],
        describe_user=lambda users, history: users["user_id"],
        positive=pl.col("event") == "loan",
        kinds=("book",),
        filters=[
            CandidateFilter(
                name="short_loan",
                description="Books that are lent for at most max_days.",
                rule=field("days") <= (lambda context: context.config.max_days),
            )
        ],
        short_form=("folder", "max_days"),
        demo={"domain_config": {"max_days": 14}, "arms": ["popularity", "ease"]},
    )
