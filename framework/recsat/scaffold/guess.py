"""What a folder of foreign files most likely is: which domain, which file is which table, what columns and events are called, and the scale."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from recsat.contract.domain import Domain
from recsat.data.columns import LIST, MISSING_WORDS, read_numbers
from recsat.data.markup import HTML, examples
from recsat.data.reading import within
from recsat.errors import DataError
from recsat.scaffold.column_names import FLAGS, RATINGS, SYNONYMS, plain_name, source_of
from recsat.scaffold.foreign_files import (
    ForeignTable,
    columns_by_content,
    date_formats,
    foreign_tables,
    sound_numbers,
    words_of_ids,
    yes_and_no,
)

EVENT_COLUMNS: Final = (
    "user_id",
    "item_id",
    "event",
    "timestamp",
    "value",
    "position",
    "quantity",
    "order_id",
    "session_id",
    "watched_percent",
)
N_NAMES: Final = 8
STARS: Final = 5.0
IMPLICIT: Final = 0.1
"""Share of zeros from which they are no rating: Book-Crossing writes 0 where somebody read and did not rate."""
STARS_OF_WORDS: Final = {
    **dict.fromkeys(
        (
            "excellent",
            "outstanding",
            "perfect",
            "love",
            "loved",
            "loved_it",
            "positive",
            "recommended",
            "like",
            "liked",
            "thumbs_up",
        ),
        5.0,
    ),
    **dict.fromkeys(("very_good", "good", "great", "liked_it"), 4.0),
    **dict.fromkeys(("average", "fair", "ok", "okay", "neutral", "mixed", "mediocre"), 3.0),
    **dict.fromkeys(("poor", "bad", "disappointing"), 2.0),
    **dict.fromkeys(
        (
            "terrible",
            "awful",
            "very_poor",
            "very_bad",
            "hated",
            "hate",
            "negative",
            "not_recommended",
            "dislike",
            "disliked",
            "thumbs_down",
        ),
        1.0,
    ),
}
"""What a rating in a word is taken for."""
MOST_WORDS: Final = 12
"""More words in a column of ratings are none."""
ENOUGH: Final = 50
CORE: Final = 5


@dataclass(frozen=True)
class Guess:
    """A run's settings for a folder, and what they were made from in sentences."""

    domain: str
    settings: dict[str, Any]
    """As the configuration file has them."""
    reasons: list[str] = field(default_factory=list)


def guess(folder: Path, domains: Mapping[str, Domain], domain: str | None = None) -> Guess:
    """The settings that read ``folder``; ``domain`` None: the one whose columns, events and words the files have most of.

    Raises DataError where no file has users and items.
    """
    tables, others = foreign_tables(folder)
    with_columns = [(table, _event_columns(table)) for table in tables]
    acts = [(table, columns) for table, columns in with_columns if {"user_id", "item_id"} <= {*columns}]
    acts = acts or _by_common_key(with_columns)
    if not acts:
        seen = "; ".join(f"{table.path}: {', '.join(table.names[:12])}" for table in tables) or "no table"
        raise DataError(
            f"{folder}: no file has a column of users and one of items. There is {seen}."
            f"{' ' + '; '.join(others) + '.' if others else ''} {_joined(tables)}Rename columns, or write domain_config.tables by hand."
        )
    events, columns = max(acts, key=lambda pair: (len(pair[1]), pair[0].cells.height))
    rest = [table for table in tables if table is not events]
    name = domain or _likeliest(tables, events, domains)
    return _Settled(folder, domains[name], events, columns, rest, [*others]).guess()


def _by_common_key(tables: Sequence[tuple[ForeignTable, dict[str, str]]]) -> list[tuple[ForeignTable, dict[str, str]]]:
    """Tables with users whose items are called as nobody knows them, by the one column that they have in common with a table where each row has another one."""
    acts = []
    for table, columns in tables:
        spare = [name for name in table.cells.columns if name not in columns.values()]
        keys = {
            name
            for other, of_other in tables
            if other is not table and "user_id" not in of_other
            for name in spare
            if name in other.cells.columns and other.cells[name].is_unique().all() and other.cells.height > 1
        }
        if "user_id" in columns and "item_id" not in columns and len(keys) == 1:
            acts.append((table, {**columns, "item_id": keys.pop()}))
    return acts


def _joined(tables: Sequence[ForeignTable]) -> str:
    """What to do where one file has the users and another the items."""
    for users in tables:
        for items in tables:
            common = [name for name in users.cells.columns if name in items.cells.columns]
            if (
                "user_id" in _columns(users.names, ("user_id",))
                and "item_id" in _columns(items.names, ("item_id",))
                and common
            ):
                return f"{users.path} and {items.path} have {common[0]!r} in common: join them by it. "
    return ""


def _event_columns(table: ForeignTable) -> dict[str, str]:
    """Columns by what they are called, none of which is empty; of several lists one alone makes rows."""
    if table.settings.get("header") is False:
        return columns_by_content(table)
    empty = {cells.name for cells in table.cells if _is_empty(cells)}
    names = [name for name in table.names if name not in empty]
    columns = _columns(names, EVENT_COLUMNS)
    lists = {name for name, dtype in table.cells.schema.items() if isinstance(dtype, pl.List)}
    rows_of = {columns[name].partition(".")[0] for name in ("user_id", "item_id") if name in columns} & lists
    columns = _columns([name for name in names if not ({name.partition(".")[0]} & lists - rows_of)], EVENT_COLUMNS)
    return columns


def _is_empty(cells: pl.Series) -> bool:
    there = cells.drop_nulls()
    return not len(there) or (there.dtype == pl.String and not (there.str.strip_chars() != "").any())


def _columns(names: Sequence[str], names_of_recsat: Sequence[str]) -> dict[str, str]:
    sources: dict[str, str] = {}
    for column in names_of_recsat:
        source = source_of(column, names, sources.values())
        if source is not None:
            sources[column] = source
    return sources


def _likeliest(tables: Sequence[ForeignTable], events: ForeignTable, domains: Mapping[str, Domain]) -> str:
    """The domain with most of its ``signs`` among the words of files and columns, and most of its events; of equals the first by name.

    Where what is counted is called a rating only domains with ratings are.
    """
    words: set[str] = set()
    acts: set[str] = set()
    for table in tables:
        event = source_of("event", table.names)
        if event in table.cells.columns:
            acts |= {*map(plain_name, table.cells[event].cast(pl.String).unique().drop_nulls().head(50))}
        for name in (table.path, *table.names):
            words |= {plain_name(name), *re.split(r"[_.]", plain_name(name))}
        words |= {column for column, others in SYNONYMS.items() if {*map(plain_name, table.names)} & {*others}}
        words |= words_of_ids(table, _event_columns(table).get("item_id"))
    acts |= {word.removesuffix("s") for word in re.split(r"[_.-]", plain_name(events.path))}
    value = _event_columns(events).get("value")
    is_rated = value is not None and plain_name(value) in RATINGS
    rated = [name for name in sorted(domains) if domains[name].rating is not None or not is_rated]

    def fitness(name: str) -> int:
        domain = domains[name]
        known = set[str]().union(*_words_of_events(domain).values())
        return sum(sign in words | acts or f"{sign}s" in words for sign in domain.signs) + len(acts & known)

    return max(rated or sorted(domains), key=fitness)


def _words_of_events(domain: Domain) -> dict[str, set[str]]:
    """What each event of the domain is called, as :func:`plain_name` writes it."""
    return {name: {*map(plain_name, (name, *domain.event_synonyms.get(name, ())))} for name in domain.events}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - N_NAMES:,} more" if len(names) > N_NAMES else ""
    return ", ".join(name if name.strip() else repr(name) for name in names[:N_NAMES]) + more


@dataclass
class _Settled:
    """Everything that was decided of one folder."""

    folder: Path
    domain: Domain
    events: ForeignTable
    columns: dict[str, str]
    rest: list[ForeignTable]
    reasons: list[str]
    further: dict[str, Any] = field(default_factory=dict)

    def guess(self) -> Guess:
        domain_config: dict[str, Any] = {"folder": str(self.folder.resolve()), "layout": "tables"}
        event_settings = self._event_settings()
        tables = {"items": self._items(), "events": event_settings, "users": self._users()}
        self._say_what_is_left_aside(tables)
        domain_config |= {"tables": {name: table for name, table in tables.items() if table}, **self.further}
        settings = {"domain": self.domain.name, "domain_config": domain_config, **self._run(tables["items"] or {})}
        self.reasons = [
            *(table.written for table in (self.events, *self.rest) if table.written),
            *self.reasons,
        ]
        return Guess(self.domain.name, settings, self.reasons)

    def _event_settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {"path": self.events.path, **self.events.settings}
        defaults: dict[str, Any] = {}
        if self.events.settings.get("header") is False:
            named = ", ".join(f"{name} = {source}" for name, source in self.columns.items())
            self.reasons.append(f"{self.events.path}: it has no header, and by what is in its columns {named}")
        flag = None if "event" in self.columns or "value" in self.columns else self._flag()
        if "event" in self.columns:
            settings |= self._event_names()
        elif flag is not None:
            settings |= self._named_by(*flag)
        else:
            defaults["event"] = self._event_of_names() or self._only_event()
            self.reasons.append(
                f"events: every row is taken for {defaults['event']!r}, since no column says what happened"
            )
        settings |= self._dates()
        if "value" in self.columns:
            settings |= self._scale(defaults.get("event"))
        settings["columns"] = {name: source for name, source in self.columns.items() if name != source}
        if defaults:
            settings["defaults"] = defaults
        return {name: value for name, value in settings.items() if value not in ({}, None)}

    def _dates(self) -> dict[str, Any]:
        """How dates are written, where that is not ISO 8601 and can be known."""
        forms = date_formats(self.events, self.columns.get("timestamp"))
        if not forms:
            return {}
        if len(forms) > 1:
            self.reasons.append(
                f"events: dates may be written as {' or '.join(forms)}; set time_format of the events to the right one"
            )
            return {}
        self.reasons.append(f"events: dates are written as {forms[0]}")
        return {"time_format": forms[0]}

    def _event_names(self) -> dict[str, Any]:
        """The file's names of the domain's events; those without one are left out where they are many."""
        counts = self.events.cells[self.columns["event"]].cast(pl.String).drop_nulls().value_counts(sort=True)
        words_of_events, names = _words_of_events(self.domain), {}
        for source in counts[self.columns["event"]]:
            known = [name for name, words in words_of_events.items() if plain_name(source) in words]
            if known:
                names[source] = known[0]
        unnamed = [source for source in counts[self.columns["event"]] if source not in names]
        if not names:
            self.reasons.append(
                f"events: none of {', '.join(unnamed[:8])} is an event of {self.domain.name}; set event_names or liked_events"
            )
            return {}
        if unnamed:
            self.reasons.append(f"events: {', '.join(unnamed[:8])} are no events of {self.domain.name} and left out")
        renamed = {source: name for source, name in names.items() if source != name}
        self._like(set(names.values()))
        if unnamed:
            return {"event_names": names, "only_named": True}
        return {"event_names": renamed}

    def _like(self, events: set[str]) -> None:
        """Where none of the events counts as liked by itself, the last that the domain names does."""
        rows = pl.DataFrame({"event": sorted(events), "value": [1e9] * len(events)})
        if not rows.select(self.domain.positive.fill_null(value=False)).to_series().any():
            likeliest = [name for name in self.domain.events if name in events and name != "view"] or sorted(events)
            if likeliest == ["rating"]:
                self.further["liked_from"] = 4.0
                self.reasons.append("events: ratings of 4 stars or more count as liked")
                return
            self.further["liked_events"] = likeliest[:1]
            self.reasons.append(f"events: {likeliest[0]!r} counts as liked")

    def _flag(self) -> tuple[str, list[str], list[str]] | None:
        """A column of yes and no that says whether it came to more than being seen, and how it writes each."""
        for name in self.events.cells.columns:
            if plain_name(name) in FLAGS and name not in self.columns.values() and "view" in self.domain.events:
                words = yes_and_no(self.events, name)
                if words is not None:
                    return name, *words
        return None

    def _named_by(self, column: str, yes: Sequence[str], no: Sequence[str]) -> dict[str, Any]:
        bare = plain_name(column).removeprefix("is_")
        plain = {bare, bare.removesuffix("d"), bare.removesuffix("ed")}
        known = [name for name, words in _words_of_events(self.domain).items() if plain & words and name != "view"]
        event = known[0] if known else self._only_event()
        self.columns["event"] = column
        self._like({event})
        self.reasons.append(
            f"events: rows whose {column!r} is {' or '.join(yes)} are taken for {event!r}, others for 'view'"
        )
        return {"event_names": {**dict.fromkeys(yes, event), **dict.fromkeys(no, "view")}}

    def _event_of_names(self) -> str | None:
        """What every row is by what the file or one of its columns is called; None where it has ratings, or nothing is called so."""
        if "value" in self.columns and self.domain.rating is not None and self._is_rating(self.columns["value"]):
            return None
        none_of_these = (*self.domain.rejections, self.domain.rating)
        for names in ([self.events.path], self.events.names):
            words = {word for name in names for word in re.split(r"[_.-]", plain_name(name))}
            words |= {word.removesuffix("s") for word in words}
            for name, others in _words_of_events(self.domain).items():
                if name not in none_of_these and words & others:
                    self._like({name})
                    return name
        return None

    def _say_what_is_left_aside(self, tables: Mapping[str, Mapping[str, Any]]) -> None:
        """Files with rows of somebody's that nothing reads, and columns of the events: what nobody is told of is believed to count."""
        used = {table.get("path") for table in tables.values()}
        others = [table for table in self.rest if table.path not in used]
        alike = [table.path for table in others if table.cells.columns == self.events.cells.columns]
        acts = [
            table.path
            for table in others
            if table.path not in alike
            and "header" not in table.settings
            and {"user_id", "item_id"} <= {*_event_columns(table)}
        ]
        rest = [table.path for table in others if table.path not in (*alike, *acts)]
        if alike:
            self.reasons.append(
                f"{_listed(alike)}: the columns of {self.events.path}, and left aside; a run reads one file of events, so put all into one"
            )
        if acts:
            self.reasons.append(
                f"{_listed(acts)}: users and items too, and left aside; a run reads one file of events, so put what counts into {self.events.path}"
            )
        if rest:
            self.reasons.append(f"{_listed(rest)}: left aside")
        if self.events.settings.get("header") is False:
            return
        read, items = {*self.columns.values()}, tables["items"]
        if items and items.get("path") == self.events.path:
            read |= {*items.get("columns", {}).values()}
        heads = {name.partition(".")[0] for name in read}
        spare = [name for name in self.events.cells.columns if name not in heads]
        if spare:
            self.reasons.append(f"events: of {self.events.path} nothing reads {_listed(spare)}")

    def _only_event(self) -> str:
        """What every row of a table without a column of events is: a rating where its value is one, else the first event that is liked as it stands."""
        source = self.columns.get("value")
        if source is not None and self.domain.rating is not None and self._is_rating(source):
            self._like({self.domain.rating})
            return self.domain.rating
        likeable = pl.DataFrame(
            {"event": list(self.domain.events), "value": [None] * len(self.domain.events)},
            schema_overrides={"value": pl.Float64},
        )
        with_value = likeable.with_columns(value=pl.lit(1e9))
        table = with_value if source is not None else likeable
        liked = table.filter(self.domain.positive)["event"].to_list()
        with_unit = [name for name in liked if name in self.domain.units] if source is not None else []
        return str((with_unit or liked or ["rating"])[0])

    def _is_rating(self, source: str) -> bool:
        numbers = sound_numbers(self.events, source)
        by_name = plain_name(source) in RATINGS
        return by_name or (len(numbers) > 0 and numbers.n_unique() <= 21 and float(numbers.max()) <= 10)  # type: ignore[arg-type]

    def _scale(self, only_event: str | None) -> dict[str, Any]:
        """The scale of ratings where it is not stars up to 5, and zeros that are none."""
        source = self.columns["value"]
        is_rating = only_event == "rating" or (only_event is None and plain_name(source) in RATINGS)
        numbers = sound_numbers(self.events, source)
        if not is_rating or self.domain.rating is None:
            return {}
        if not len(numbers):
            return self._in_words(source)
        settings: dict[str, Any] = {}
        has_unrated = (numbers == -1).any() and (numbers.filter(numbers != -1) >= 0).all() and bool((numbers > 1).any())
        if has_unrated:  # a thumb down lies below a thumb up, and nothing above that
            settings["missing"] = {"value": [*_spellings(self.events, source, -1)]}
            self.reasons.append("events: ratings are -1 or at least 0: -1 is taken for no rating")
            numbers = numbers.filter(numbers != -1)
        zeros = float((numbers == 0).mean() or 0)  # type: ignore[arg-type]
        others = numbers.filter(numbers != 0)
        largest = float(others.max() or 0)  # type: ignore[arg-type]
        smallest = float(others.min() or 0)  # type: ignore[arg-type]
        if zeros > IMPLICIT and smallest >= 1 and largest > 1:
            words = {*settings.get("missing", {}).get("value", ()), *_spellings(self.events, source, 0)}
            settings["missing"] = {"value": sorted(words)}
            self.reasons.append(
                f"events: {zeros:.0%} of the ratings are 0, on a scale from {smallest:g}: taken for no rating"
            )
        if smallest < 0 or largest > STARS or largest <= 1:
            top = next((scale for scale in (1.0, 10.0, 100.0) if largest <= scale), largest)
            low = smallest if smallest < 0 else min(smallest, 1.0) if top > 1 else 0.0
            self.further["rating_scale"] = [low, top]
            if "liked_from" in self.further:
                self.further["liked_from"] = low + 0.8 * (top - min(low, 0.0)) if low < 0 else 0.8 * top
            self.reasons.append(
                f"events: ratings go from {smallest:g} to {largest:g}: the scale is {low:g} to {top:g}, and four fifths of it count as liked"
            )
        return settings

    def _in_words(self, source: str) -> dict[str, Any]:
        """What ratings in words are worth, where every word is known."""
        cells = self.events.cells[source].cast(pl.String).str.strip_chars().drop_nulls()
        words = [word for word in cells.filter(cells != "").unique(maintain_order=True) if word not in MISSING_WORDS]
        if not 1 <= len(words) <= MOST_WORDS:
            return {}
        known = {word: STARS_OF_WORDS.get(plain_name(word)) for word in words}
        if None in known.values():
            self.reasons.append(
                f"events: ratings are words ({', '.join(words)}): say what they stand for, such as values: {{value: {{Excellent: 5, Poor: 1}}}}"
            )
            return {}
        stars = dict(sorted(known.items(), key=lambda item: -(item[1] or 0)))
        self.reasons.append(
            f"events: ratings are words, taken for stars: {', '.join(f'{word} {worth:g}' for word, worth in stars.items())}"
        )
        return {"values": {"value": stars}}

    def _items(self) -> dict[str, Any]:
        names_of_recsat = self.domain.columns.get("items", ("item_id", "title"))
        best: dict[str, Any] = {}
        fittest = (False, 0)
        for table in self.rest:
            columns = self._item_columns(table, names_of_recsat)
            fitness = (self._overlap(table, columns.get("item_id")) > 0, len(columns))
            if "item_id" in columns and "user_id" not in _columns(table.names, ("user_id",)) and fitness > fittest:
                best, fittest = {"path": table.path, **table.settings, "columns": columns}, fitness
        if best:
            settings = {**best, "columns": {name: source for name, source in best["columns"].items() if name != source}}
            list_sign = self._list_separator(best)
            ids = self._ids(best)
            if ids is not None and ids.n_unique() < len(ids):
                settings["distinct"] = True
                self.reasons.append(
                    f"items: {len(ids) - ids.n_unique():,} rows of {best['path']} repeat an id; the first of each counts"
                )
            settings |= {**list_sign, **self._html(best)}
            return {name: value for name, value in settings.items() if value != {}}
        columns = {
            "item_id": self.columns["item_id"],
            **{
                n: s
                for n, s in _columns(
                    [n for n in self.events.names if n not in self.columns.values()], names_of_recsat
                ).items()
                if n != "item_id"
            },
        }
        if self.events.settings.get("header") is False:
            columns = {"item_id": self.columns["item_id"]}
        what = (
            "with what it says of them"
            if len(columns) > 1
            else "without a word on them, so that arms that read are left out"
        )
        self.reasons.append(f"items: no file describes them; they are those of {self.events.path}, {what}")
        settings = {"path": self.events.path, **self.events.settings, "columns": columns, "distinct": True}
        return {name: value for name, value in settings.items() if value != {}}

    def _item_columns(self, table: ForeignTable, names_of_recsat: Sequence[str]) -> dict[str, str]:
        """Columns by what they are called; of several that may be the items' ids that of which most are among the events'."""
        columns = _columns(table.names, names_of_recsat)
        likely = [name for name in table.names if source_of("item_id", [name]) or name == self.columns["item_id"]]
        # A column that is called id and no more may be of users, or of anything.
        likely += [
            name for name in table.names if plain_name(name) in ("id", "_id", "code") and self._overlap(table, name) > 0
        ]
        likely.sort(key=lambda name: (-self._overlap(table, name), name != columns.get("item_id")))
        if not likely or columns.get("item_id") == likely[0]:
            return columns
        others = [name for name in table.names if name != likely[0]]
        return {"item_id": likely[0], **_columns(others, [name for name in names_of_recsat if name != "item_id"])}

    def _overlap(self, table: ForeignTable, column: str | None) -> float:
        """Share of the events' items that are among the ids in ``column``."""
        ids = self.events.cells.get_column(self.columns["item_id"], default=None)
        others = table.cells.get_column(column or "", default=None)
        if ids is None or others is None or ids.dtype.is_nested() or others.dtype.is_nested():
            return 0.0
        return float(ids.unique().cast(pl.String).is_in(others.cast(pl.String).unique().implode()).mean() or 0)

    def _ids(self, settings: dict[str, Any]) -> pl.Series | None:
        table = next(table for table in self.rest if table.path == settings["path"])
        source = settings["columns"]["item_id"]
        return table.cells[source].drop_nulls() if source in table.cells.columns else None

    def _list_separator(self, settings: dict[str, Any]) -> dict[str, str]:
        """What parts the values of lists, where it is not a bar."""
        table = next(table for table in self.rest if table.path == settings["path"])
        for name in ("genres", "topics", "categories", "tags"):
            cells = table.cells.get_column(settings["columns"].get(name, ""), default=None)
            if cells is None or cells.dtype != pl.String:
                continue
            cells = cells.filter(~cells.str.strip_chars().str.contains(LIST))  # which need no separator
            for sign in ("|", ";", ","):
                if float(cells.str.contains(sign, literal=True).mean() or 0) > IMPLICIT:
                    return {} if sign == "|" else {"list_separator": sign}
        return {}

    def _html(self, settings: dict[str, Any]) -> dict[str, bool]:
        """Whether texts have HTML in them, which is then read."""
        table = next(table for table in self.rest if table.path == settings["path"])
        texts = [name for column, name in settings["columns"].items() if not column.endswith("_id")]
        cells = within(table.cells, texts)
        for name in (name for name in texts if cells.schema.get(name) == pl.String):
            odd = cells[name].drop_nulls()
            odd = odd.filter(odd.str.contains(HTML))
            if len(odd):
                self.reasons.append(f"items: {name} has HTML in it, which is read ({examples(odd, HTML)})")
                return {"html": True}
        return {}

    def _users(self) -> dict[str, Any]:
        names_of_recsat = self.domain.columns.get("users", ())
        for table in self.rest:
            columns = _columns(table.names, names_of_recsat)
            has_items = "item_id" in _columns(table.names, ("item_id",))
            if len(columns) > 1 and "user_id" in columns and not has_items:
                return {"path": table.path, **table.settings, "columns": {n: s for n, s in columns.items() if n != s}}
        return {}

    def _run(self, items: dict[str, Any]) -> dict[str, Any]:
        """Splits and arms that the tables have what it takes for."""
        named = {*items.get("columns", {})}
        file = next((table for table in self.rest if table.path == items.get("path")), None)
        has_text = bool({"title", "description"} & (named | ({*file.cells.columns} if file else set())))
        splits: list[dict[str, Any]] = []
        if "timestamp" in self.columns:
            splits.append({"name": "timeline", "protocol": "timeline"})
        elif "position" in self.columns:
            splits.append({"name": "last", "protocol": "last-n", "n_last": 1})
            self.reasons.append(
                f"events: they have no time, and {self.columns['position']!r} is the place of each among its user's"
            )
        splits.append({"name": "warm", "protocol": "random"})
        arms = ["popularity", "item-knn", "ease", *(["text", "hybrid"] if has_text else [])]
        return {"splits": splits, "arms": arms, **self._core()}

    def _liked(self) -> pl.DataFrame:
        """The events without ratings below what counts as liked, where ratings are numbers; all of them else."""
        cells, source = self.events.cells, self.columns.get("value")
        if source not in cells.columns or self.domain.rating is None or not self._is_rating(source):
            return cells
        numbers = cells[source] if cells.schema[source] != pl.String else read_numbers(cells[source].str.strip_chars())
        numbers = numbers.cast(pl.Float64, strict=False)
        if not numbers.count():
            return cells
        highest = self.further.get("rating_scale", [0.0, STARS])[1]
        return cells.filter((numbers >= self.further.get("liked_from", 0.8 * highest)).fill_null(value=False))

    def _core(self) -> dict[str, Any]:
        """A smaller core than the default one where hardly anybody would be in that."""
        user, item = self.columns["user_id"], self.columns["item_id"]
        if not {user, item} <= {*self.events.cells.columns}:
            return {}
        pairs, n_pairs = self._liked().select(user, item).drop_nulls().unique(), -1
        while pairs.height != n_pairs:
            n_pairs = pairs.height
            pairs = pairs.filter(pl.len().over(user) >= CORE).filter(pl.len().over(item) >= CORE)
        if min(pairs[user].n_unique(), pairs[item].n_unique()) >= ENOUGH:
            return {}
        self.reasons.append(f"data: few users and items are left with {CORE} likes each, so two are enough")
        return {"data": {"min_user_events": 2, "min_item_events": 2}}


def _spellings(table: ForeignTable, source: str, number: int) -> Iterator[str]:
    """How ``number`` is written in the column."""
    cells = table.cells[source]
    if cells.dtype != pl.String:
        yield str(number)
        return
    texts = cells.str.strip_chars()
    yield from texts.filter(texts.cast(pl.Float64, strict=False) == number).unique().sort().to_list()
