"""People who are items too, for domains that recommend them: user ``7`` is the item ``user:7`` of kind ``friend``.

A person's text as an item is then that user's own, and one person is never known by two ids.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

from recsat.contract.domain import CandidateFilter, FilterContext
from recsat.data.faults import FILE, ROW, with_origin
from recsat.errors import DataError

__all__ = [
    "FRIEND",
    "NOT_SELF",
    "PREFIX",
    "everybody",
    "name_people",
    "pairs_of",
    "person",
    "person_item",
    "refuse_person_ids",
    "with_people",
]

PREFIX = "user:"
FRIEND = "friend"
PROFILE: Mapping[str, pl.DataType] = {"name": pl.String(), "interests": pl.List(pl.String()), "bio": pl.String()}


def person_item(user: str) -> pl.Expr:
    """The item id of the person whose user id is in the column ``user``."""
    return pl.concat_str(pl.lit(PREFIX), pl.col(user))


def person(item: str) -> pl.Expr:
    """The user id of the person whose item id is in the column ``item``; null for other items."""
    return pl.when(pl.col(item).str.starts_with(PREFIX)).then(pl.col(item).str.strip_prefix(PREFIX))


def name_people(events: pl.DataFrame, about: Collection[str]) -> pl.DataFrame:
    """``events`` in which those of the kinds ``about`` may have a plain user id as ``item_id``: it becomes the person's item id."""
    plain = pl.col("event").is_in(list(about)) & ~pl.col("item_id").str.starts_with(PREFIX)
    return events.with_columns(item_id=pl.when(plain).then(person_item("item_id")).otherwise("item_id"))


def refuse_person_ids(table: pl.DataFrame, key: str) -> None:
    """Raises DataError where an id in the column ``key`` of a table that was read begins like a person's item id."""
    clashes = table.filter(pl.col(key).str.starts_with(PREFIX))
    if clashes.height:
        file, row, value = clashes.select(FILE, ROW, key).row(0)
        raise DataError(
            f"{file}, row {row}: {key} {value!r} begins with {PREFIX!r}, which marks people among the items. "
            f"Write ids without it ({clashes.height} such rows)."
        )


def everybody(users: pl.DataFrame, *ids: pl.Series, profile: Mapping[str, pl.DataType] | None = None) -> pl.DataFrame:
    """``users`` with a row for everybody among ``ids``, and every column that a person's profile has.

    These are ``name``, ``interests`` and ``bio``, and those of ``profile``; nothing known is null, in lists an empty one. Whom
    no user table names has a place among the people of the other tables, by which a fault can be reported.
    """
    columns = {**PROFILE, **(profile or {})}
    id_columns = [series.cast(pl.String).rename("user_id") for series in ids]
    all_ids = pl.concat(id_columns) if id_columns else users["user_id"].clear()
    more = all_ids.to_frame().unique().drop_nulls().join(users, on="user_id", how="anti").sort("user_id")
    people = pl.concat([users, more], how="diagonal")
    missing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in columns.items() if name not in people.columns]
    nothing = pl.lit([], dtype=pl.List(pl.String))
    lists = [pl.col(name).fill_null(nothing) for name, dtype in columns.items() if isinstance(dtype, pl.List)]
    people = people.with_columns(missing).with_columns(lists)
    if FILE not in people.columns:
        return people
    place = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    return people.with_columns(pl.col(FILE).fill_null("people"), pl.col(ROW).fill_null(place))


def with_people(items: pl.DataFrame, people: pl.DataFrame, also: Collection[str] = ()) -> pl.DataFrame:
    """``items`` and every one of ``people`` (of :func:`everybody`) as an item of kind :data:`FRIEND`.

    Their ``title`` is the name or else the user id, ``topics`` are the interests and ``description`` is the bio; ``also`` are
    further columns that they keep.
    """
    table = with_origin(people, "people") if FILE in items.columns else people
    friends = table.select(
        person_item("user_id").alias("item_id"),
        pl.lit(FRIEND).alias("kind"),
        pl.coalesce("name", "user_id").alias("title"),
        pl.col("interests").alias("topics"),
        pl.col("bio").alias("description"),
        *also,
        *(name for name in (FILE, ROW) if name in table.columns),
    )
    return pl.concat([items, friends], how="diagonal")


def pairs_of(pairs: pl.LazyFrame, users: pl.Series, context: FilterContext) -> pl.DataFrame:
    """Of ``pairs`` (user_id, item_id) those of ``users`` on known items, each once: what a filter answers."""
    items = context.known.items.lazy().select("item_id")
    return (
        pairs.select("user_id", "item_id")
        .join(users.rename("user_id").to_frame().lazy(), on="user_id", how="semi")
        .join(items, on="item_id", how="semi")
        .unique()
        .sort("user_id", "item_id")
        .collect()
    )


def _oneself(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    same = users.rename("user_id").to_frame().lazy().select("user_id", item_id=person_item("user_id"))
    return pairs_of(same, users, context)


NOT_SELF = CandidateFilter(
    name="not_self",
    description="Nobody is recommended to themselves.",
    exclude=_oneself,
    kinds=(FRIEND,),
    always=True,
)
