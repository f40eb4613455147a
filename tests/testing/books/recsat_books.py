"""A small domain that keeps the contract."""

from datetime import UTC, datetime, timedelta

import polars as pl
from pydantic import Field

from recsat import CandidateFilter, Dataset, Domain, DomainConfig, FilterContext, Judged, SatisfactionMetric, hookimpl

START = datetime(2024, 1, 1, tzinfo=UTC)
LOANS = [("u", "a"), ("u", "b"), ("u", "a"), ("v", "b"), ("v", "c"), ("v", "d"), ("w", "d")]


class BooksConfig(DomainConfig):
    """Settings of the books domain."""

    max_price: float | None = Field(None, ge=0, description="Keep books of this price or less.")


def load(config: BooksConfig) -> Dataset:
    """Four books and their loans."""
    items = pl.DataFrame(
        {
            "item_id": ["a", "b", "c", "d"],
            "kind": "book",
            "title": ["Alpha", "Beta", "Gamma", "Delta"],
            "genres": [["x"], ["x", "y"], ["y"], []],
            "price": [5.0, 10.0, 20.0, None],
        }
    )
    events = pl.DataFrame(
        [(user, item, "loan", 1.0 + i, START + timedelta(days=i)) for i, (user, item) in enumerate(LOANS)],
        schema={
            "user_id": pl.String,
            "item_id": pl.String,
            "event": pl.String,
            "value": pl.Float64,
            "timestamp": pl.Datetime("us", "UTC"),
        },
        orient="row",
    )
    return Dataset(items=items, events=events)


def describe_item(items: pl.DataFrame) -> pl.Series:
    """Title and genres."""
    return items.select(pl.concat_str("title", pl.lit(". "), pl.col("genres").list.join(", "))).to_series()


def describe_user(users: pl.DataFrame, history: pl.DataFrame) -> pl.Series:
    """The last title."""
    last = history.group_by("user_id").agg(pl.col("title").last())
    joined = users.join(last, on="user_id", how="left", maintain_order="left")
    return joined.select(pl.format("Reads {}", pl.col("title").fill_null("nothing yet"))).to_series()


def cheap_where(context: FilterContext) -> dict | None:
    """The rule for Qdrant."""
    limit = context.config.max_price
    return None if limit is None else {"must": [{"key": "price", "range": {"lte": limit}}]}


def cheap_keep(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    """The same for polars."""
    limit = context.config.max_price
    is_cheap = pl.lit(True) if limit is None else (pl.col("price") <= limit).fill_null(False)
    return items.select(pl.when(pl.col("item_id").is_not_null()).then(is_cheap)).to_series()


def loaned(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    """Pairs that were loaned before."""
    return context.known.events.filter(pl.col("user_id").is_in(users.implode())).select("user_id", "item_id")


def days(judged: Judged) -> pl.DataFrame:
    """Days of listed loans."""
    return judged.hits.group_by("user_id").agg(value=pl.col("value").sum())


CHEAP = CandidateFilter(
    name="cheap", description="Cheap books.", where=cheap_where, keep=cheap_keep, fields={"price": "float"}
)
NEW = CandidateFilter(name="new", description="Books not loaned yet.", exclude=loaned)
DAYS = SatisfactionMetric(
    name="days", description="Days of listed loans.", unit="days", better="higher", compute=days, bounds=(0, None)
)
BOOKS = Domain(
    name="books",
    description="Books of a library.",
    config=BooksConfig,
    load=load,
    describe_item=describe_item,
    describe_user=describe_user,
    positive=pl.col("event") == "loan",
    kinds=("book",),
    topics="genres",
    filters=(CHEAP, NEW),
    metrics=(DAYS,),
    units={"loan": "days"},
    demo={"arms": ["popularity"]},
)


@hookimpl
def recsat_domain() -> Domain:
    """Books."""
    return BOOKS
