"""What the report says of how files were read and what is odd about them, a sentence each: written here alone, so that each has its translation."""

from __future__ import annotations


def doubtful_words(place: str, source: str, cells: str, examples: str, *, stay: bool) -> str:
    """Of cells such as ``None`` and ``-``."""
    if stay:
        return f"{place}: {source}: {cells} that may mean nothing ({examples}) stay as they are"
    return f"{place}: {source}: {cells} that may mean nothing ({examples}) are missing"


def unreadable_cells(place: str, source: str, cells: str, rows: str, reason: str) -> str:
    """Of cells that could not be read and did not cost their row."""
    return f"{place}: {source}: {cells} ({rows}) {reason}, and missing"


def unmatched_words(place: str, source: str, setting: str, words: str, examples: str) -> str:
    """Of words in ``missing`` or ``values`` of a table that its cells do not have."""
    return f"{place}: {source}: {setting} names {words}, and no cell is that; write it as the cells are ({examples}), or take it out"


def column_left_out(file: str, column: str, columns: str, suggestion: str) -> str:
    return f"{file}: column {column} is left out; the columns are {columns}. {suggestion}"


def column_beside(file: str, column: str, read: str) -> str:
    """Of a column ``Value`` beside ``value``."""
    return f"{file}: column {column} is left out; {read} is read"


def table_left_out(file: str, table: str) -> str:
    return f"{file} is left out; the domain has no table {table}"


def events_left_out(n: str, names: str) -> str:
    return f"events: {n} that event_names does not name are left out ({names})"


def rescaled(low: str, high: str, stars: str) -> str:
    return f"events: ratings of {low} to {high} are read as up to {stars} stars"


def unknown_event(event: str, n: str, suggestion: str) -> str:
    if suggestion:
        return f"events: {event} ({n} rows) is no event of the domain; it counts as seen and never as liked, unless liked_events names it. {suggestion}"
    return f"events: {event} ({n} rows) is no event of the domain; it counts as seen and never as liked, unless liked_events names it."


def unreached_value(least: str, values: str) -> str:
    return f"events: none counts as liked by a value of at least {least} (liked_from); values are {values}. Those of liked_events do"


def other_users(table: str, n: str, user: str, acting_user: str) -> str:
    return f"{table}: none of its {n} user_ids has an event: it has {user}, events have {acting_user}"


def near_users(table: str, n: str, user: str, acting_user: str) -> str:
    return f"{table}: {n} user_ids without an event differ from one that has some in case, blanks or leading zeros alone: {user} is not {acting_user}"


def look_alikes(column: str, n: str, one: str, other: str) -> str:
    return f"{column}: {n} look like another one and count as different, such as {one} beside {other}"


def copies(table: str, n: str, n_rows: str) -> str:
    return f"{table}: {n} of {n_rows} rows are exact copies of others; they count as often as they stand"


def in_the_future(n: str, n_events: str, newest: str) -> str:
    return f"events: {n} of {n_events} lie in the future, the last at {newest}; that is taken for the time of the data"


def other_times(table: str, first: str, last: str, first_event: str, last_event: str) -> str:
    return f"{table}: they lie between {first} and {last}, and no event does: events lie between {first_event} and {last_event}"


def long_after(n: str, n_events: str, last: str, before: str) -> str:
    return f"events: {n} of {n_events} lie long after the others, at {last}; the next is at {before}, and that is now for filters"


def spellings_of_topic(table: str, column: str, topics: str) -> str:
    return f"{table}: {column} has {topics}, which count as different"


def without_texts(n: str, n_items: str, examples: str) -> str:
    return f"items: {n} of {n_items} have no text, and arms that read have nothing to go by there ({examples})"


def no_texts() -> str:
    return "items: none has a text, so arms that read are left out"


def with_html(column: str, n: str, n_cells: str, examples: str) -> str:
    """Of texts such as ``Tom &amp; Jerry``."""
    return f"items: {column}: {n} of {n_cells} cells have HTML in them and are read as they stand ({examples}); html: true of the table reads it"


def garbled(column: str, n: str, n_cells: str, examples: str) -> str:
    """Of texts such as ``CafÃ©``."""
    return f"items: {column}: {n} of {n_cells} cells look garbled, like UTF-8 that was read as another encoding ({examples}); export them anew as UTF-8, or take a wrong encoding out of the settings"


def with_decimal_comma(place: str, source: str) -> str:
    return f"{place}: {source} read with a decimal comma"


def with_thousands(place: str, source: str) -> str:
    """Of numbers such as ``1,234.50``."""
    return f"{place}: {source} read with a decimal point and digits in groups of three"


def without_unit(place: str, source: str, unit: str) -> str:
    """Of numbers such as ``12 €``."""
    return f"{place}: {source} read without the {unit} that all of it has"


def some_without_offset(place: str, source: str, n: str, cells: str) -> str:
    """Of times such as ``2024-01-01T00:00:00`` beside ``2024-01-01T00:00:00+09:00``."""
    return f"{place}: {source}: {n} of {cells} have no offset, where others have one, and are read as UTC"


def unparted_lists(place: str, source: str, sign: str, n: str, cells: str, separator: str) -> str:
    """Of lists such as ``Drama, War`` where another sign parts them."""
    return f"{place}: {source}: none of {cells} has {sign}, which parts lists, and {n} have {separator}: each is one value unless list_separator says so"


def as_shares(place: str, source: str) -> str:
    """Of percentages such as ``0.8``."""
    return f"{place}: {source} lies between 0 and 1 and is read as shares: 0.8 is 80 %"


def since_1970(place: str, source: str, unit: str) -> str:
    return f"{place}: {source} read as {unit} since 1970"


def as_hours(place: str, source: str) -> str:
    """Of numbers such as ``2024010110``."""
    return f"{place}: {source} read as year, month, day and hour (2024010110); set time_unit where it counts since 1970"


def file_form(file: str, form: str) -> str:
    return f"{file}: read as {form}"
