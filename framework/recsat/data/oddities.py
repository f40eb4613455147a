"""What is odd about a dataset: events that are one in two spellings, tables that never meet, rows that stand twice, a date far after the others."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime

import polars as pl

from recsat.contract.dataset import Dataset, no_quarantine
from recsat.data import notes
from recsat.data.faults import FILE, ROW, faults_at
from recsat.data.markup import odd_texts
from recsat.data.moments import DAY, far_ones
from recsat.data.near_ids import DIFFERENCES, look_alikes, near_ids
from recsat.errors import did_you_mean

N_NAMES = 8


def refused_oddities(dataset: Dataset, events_of_domain: Collection[str]) -> list[str]:
    """What nobody can go on with, a line each: spellings of events, no event that the domain knows, events on other items than those of the catalogue."""
    return [*_spellings(dataset.events, events_of_domain), *_other_items(dataset)]


def noted_oddities(dataset: Dataset, events_of_domain: Collection[str], topics: str | None) -> list[str]:
    """What the report should say, a sentence each."""
    return [
        *_unknown_events(dataset.events, events_of_domain),
        *_look_alikes(dataset),
        *_copies(dataset),
        *_far_moments(dataset),
        *_other_times(dataset),
        *_other_users(dataset),
        *_spellings_of_topics(dataset.items, topics),
        *_spellings_of_topics(dataset.items, "kind"),
        *_spellings_of_topics(dataset.users, "market", "users"),
        *odd_texts(dataset.items),
    ]


def _counts(table: pl.DataFrame, column: str) -> dict[str, int]:
    counts = table[column].drop_nulls().value_counts(sort=True)
    return dict(counts.sort("count", column, descending=[True, False]).iter_rows())


def _spelt(name: str) -> str:
    return "_".join(name.lower().replace("-", " ").replace("_", " ").split())


def _spellings(events: pl.DataFrame, known: Collection[str]) -> Iterator[str]:
    if events.schema.get("event") != pl.String:
        return
    counts = _counts(events, "event")
    by_spelling: dict[str, list[str]] = {}
    for name in counts:
        by_spelling.setdefault(_spelt(name), []).append(name)
    for plain, names in by_spelling.items():
        of_domain = [name for name in known if _spelt(name) == plain]
        right = next(iter([name for name in names if name in of_domain] or of_domain or names))
        others = [name for name in names if name != right]
        if others:
            beside = f" beside {right!r} ({counts[right]:,} rows)" if right in counts else f" for {right!r}"
            listed = " and ".join(f"{name!r} ({counts[name]:,} rows)" for name in others)
            mapping = ", ".join(f"{name}: {right}" for name in others)
            yield f"events: event {listed} stands{beside}. Write it alike, or set event_names of the table to {{{mapping}}}."


def misspelt_events(events: pl.DataFrame, known: Collection[str]) -> pl.DataFrame:
    """Faults of the rows of ``events`` (with origin) whose event is one of ``known`` but for capitals, spaces, hyphens and underscores."""
    by_spelling = {_spelt(name): name for name in known}
    right = {
        name: by_spelling[_spelt(name)]
        for name in events["event"].value_counts()["event"].to_list()  # to ask for what is unique is a query
        if name is not None and name not in known and _spelt(name) in by_spelling
    }
    if not right:
        return no_quarantine()
    bad = events.filter(pl.col("event").is_in(list(right)))
    name_of_domain = pl.col("event").replace_strict(right, return_dtype=pl.String)
    return faults_at(
        bad,
        "event",
        pl.format("is none of the domain's events, and {} is", name_of_domain),
        "Send it as it is written there.",
    )


def _unknown_events(events: pl.DataFrame, known: Collection[str]) -> Iterator[str]:
    if not known:
        return
    unknown = {name: n for name, n in _counts(events, "event").items() if name not in known}
    for name, n in list(unknown.items())[:N_NAMES]:
        yield notes.unknown_event(repr(name), f"{n:,}", did_you_mean(name, known).strip())


def _other_items(dataset: Dataset) -> Iterator[str]:
    for name in ("events", "exposures"):
        table: pl.DataFrame | None = getattr(dataset, name)
        if table is None or table.is_empty() or dataset.items.is_empty():
            continue
        if any(one.schema.get("item_id") != pl.String for one in (table, dataset.items)):
            continue
        ids, items = (
            table["item_id"].drop_nulls().unique().sort(),
            dataset.items["item_id"].drop_nulls().unique().sort(),
        )
        # One id that is not there is a slip in one row, and told of that row.
        if len(ids) > 1 and len(items) and not ids.is_in(items.implode()).any():
            near = near_ids(ids, items)
            first, other = near.row(0) if near.height else (ids[0], items[0])
            why = f"; {near.height:,} differ in {DIFFERENCES} alone" if near.height else ""
            yield (
                f"{name}: none of its {len(ids):,} item_ids is among the {len(items):,} of items: {_place(table)} has {first!r}, "
                f"{_place(dataset.items)} has {other!r}{why}. Write ids alike in both."
            )


def _place(table: pl.DataFrame) -> str:
    return str(table[FILE][0]) if FILE in table.columns else "the table"


def _other_users(dataset: Dataset) -> Iterator[str]:
    acting = dataset.events["user_id"].unique()
    for name in ("users", "exposures", "ties"):
        table: pl.DataFrame | None = getattr(dataset, name)
        if table is None or table.is_empty():
            continue
        ids = table["user_id"].drop_nulls().unique().sort()
        if len(ids) and not ids.is_in(acting.implode()).any():
            yield notes.other_users(name, f"{len(ids):,}", repr(ids[0]), repr(acting.sort()[0]))
        near = near_ids(ids, acting).filter(~pl.col("near").is_in(ids.implode()))
        if near.height:
            yield notes.near_users(name, f"{near.height:,}", *map(repr, near.row(0)))


def _look_alikes(dataset: Dataset) -> Iterator[str]:
    # Users of other tables than events are held against these in _other_users.
    for column, table in (("user_id", dataset.events), ("item_id", dataset.items)):
        alike = look_alikes(table[column])
        if alike.height:
            yield notes.look_alikes(column, f"{alike.height:,}", *map(ascii, alike.row(0)))


def _copies(dataset: Dataset) -> Iterator[str]:
    for name in ("events", "exposures", "ties"):
        table: pl.DataFrame | None = getattr(dataset, name)
        if table is None:
            continue
        rows = table.drop(FILE, ROW, strict=False)
        n = rows.height - rows.unique().height
        if n:
            yield notes.copies(name, f"{n:,}", f"{rows.height:,}")


def _far_moments(dataset: Dataset) -> Iterator[str]:
    moments = dataset.events["timestamp"]
    n_later = int((moments > datetime.now(UTC) + DAY).sum())
    if n_later:
        newest = moments.max()
        assert isinstance(newest, datetime), "some lie in the future"
        yield notes.in_the_future(f"{n_later:,}", f"{len(moments):,}", f"{newest:%Y-%m-%d}")
    n = far_ones(moments)
    if n:
        last = moments.drop_nulls().top_k(n + 1).sort(descending=True).to_list()
        yield notes.long_after(f"{n:,}", f"{len(moments):,}", f"{last[0]:%Y-%m-%d}", f"{last[n]:%Y-%m-%d}")


def _other_times(dataset: Dataset) -> Iterator[str]:
    exposures = None if dataset.exposures is None else _days(dataset.exposures)
    events = _days(dataset.events)
    if exposures is not None and events is not None and (exposures[1] < events[0] or events[1] < exposures[0]):
        yield notes.other_times("exposures", *(f"{day:%Y-%m-%d}" for day in (*exposures, *events)))


def _days(table: pl.DataFrame) -> tuple[datetime, datetime] | None:
    first, last = table["timestamp"].min(), table["timestamp"].max()
    return (first, last) if isinstance(first, datetime) and isinstance(last, datetime) else None


def _spellings_of_topics(items: pl.DataFrame, topics: str | None, table: str = "items") -> Iterator[str]:
    if topics is None or items.schema.get(topics) not in (pl.String, pl.List(pl.String)):
        return
    cells = pl.col(topics)
    words = items.select(word=cells.explode() if items.schema[topics] == pl.List(pl.String) else cells).drop_nulls()
    counts = words.group_by("word").agg(n=pl.len()).sort("n", "word", descending=[True, False])
    alike = counts.group_by(plain=pl.col("word").str.to_lowercase().str.strip_chars(), maintain_order=True).agg(
        "word", "n"
    )
    several = alike.filter(pl.col("word").list.len() > 1)
    for words_alike, numbers in several.select("word", "n").head(3).iter_rows():
        listed = ", ".join(f"{word!r} ({n:,} {table})" for word, n in zip(words_alike, numbers, strict=True))
        yield notes.spellings_of_topic(table, topics, listed)
