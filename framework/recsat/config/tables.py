"""How the files of somebody's own tables are written: where they are, what their columns are called, how cells are spelt."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue, field_validator

from recsat.config.settings import Settings

TimeUnit = Literal["seconds", "milliseconds", "microseconds", "nanoseconds"]
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}


class TableSettings(Settings):
    """One table: its file, and how that is written. What is empty is looked for in the file, and the report says what was read how."""

    path: str | None = Field(
        None,
        min_length=1,
        description="The table's file, or folder of Parquet parts. Relative: below folder. Empty: the file of folder with the table's name.",
        examples=["BX-Books.csv"],
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description=(
            "The file's name of a column, by recsat's: item_id: ISBN. A file without a header has column_1, column_2 and so on; what lies within "
            "another column of Parquet or JSON lines has a point in its name, items.item_id. Columns that are not named here have recsat's names."
        ),
        examples=[{"item_id": "ISBN", "title": "Book-Title"}],
    )
    separator: str | None = Field(
        None,
        min_length=1,
        description="What stands between the cells of a text file: a sign, or comma, semicolon, tab, pipe. Empty: as the file has it.",
        examples=[";", "tab"],
    )
    encoding: str | None = Field(
        None,
        min_length=1,
        description="Encoding of a text file, such as utf-8, latin-1, utf-16. Empty: as the file has it, refused where that is not clear.",
        examples=["latin-1"],
    )
    header: bool | None = Field(
        None,
        description="Whether the first row of a text file names the columns. Empty: it does, unless columns names column_1 and so on.",
    )
    skip_lines: int | None = Field(
        None,
        ge=0,
        description="Lines of a text file above the table, such as a title. Empty: those above the first line with as many cells as the rest.",
    )
    time_format: str | None = Field(
        None,
        min_length=1,
        description="How the table's times are written, such as %d/%m/%Y %H:%M. Empty: timestamp_format, else ISO 8601 or a number since 1970.",
        examples=["%d/%m/%Y %H:%M"],
    )
    time_unit: TimeUnit | None = Field(
        None,
        description="What the table's times count since 1970, where they are numbers. Empty: the one that gives years from 1980 to 2100.",
    )
    decimal: Literal[".", ","] | None = Field(
        None, description="Sign before the decimals of numbers. Empty: a point, or a comma where that alone can be."
    )
    max_unpacked_gib: float = Field(
        4.0,
        gt=0,
        allow_inf_nan=False,
        description="A file that unpacks to more (.gz, .zip, Parquet, short lines under a long header) is refused before it fills the memory.",
    )
    list_separator: str = Field("|", min_length=1, description="What stands between the values of a list.")
    html: bool = Field(
        False,
        description="Texts and lists are HTML, such as Tom &amp; Jerry: its entities are read and its tags left out. Ids and events stay as they are.",
    )
    missing: dict[str, list[str]] = Field(
        default_factory=dict,
        description=(
            "By column: words that mean an empty cell. Where a column is not named these are nan, null, None, N/A and the like, "
            "which are refused as ids and events; an empty list makes values of them."
        ),
        examples=[{"value": ["0"]}],
    )
    values: dict[str, dict[str, str | int | float | bool]] = Field(
        default_factory=dict,
        description=(
            "By column: what words of the file stand for, such as ratings in words: value: {Excellent: 5, Good: 4, Poor: 1}. Other cells are read as they are. What an event "
            "is called is event_names."
        ),
        examples=[{"value": {"Excellent": 5, "Good": 4}}],
    )
    defaults: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="By column: the value of empty cells, and of a column that the file does not have: event: rating.",
        examples=[{"event": "rating"}],
    )

    distinct: bool = Field(
        False,
        description=(
            "items, users: the file has many rows for one id, as where products are described in every event. The first of each counts, and rows without an id do not."
        ),
    )

    @field_validator("separator")
    @classmethod
    def _one_sign(cls, separator: str | None) -> str | None:
        sign = None if separator is None else SEPARATORS.get(separator, separator.replace("\\t", "\t"))
        if sign is not None and sign != "::" and (len(sign.encode()) != 1 or sign in "\"'\r\n"):
            raise ValueError(f"separator {separator!r} is not one sign of ASCII. Give one, or {', '.join(SEPARATORS)}")
        return sign

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str | None) -> str | None:
        if encoding is not None:
            try:
                "".encode(encoding)
            except LookupError as error:
                raise ValueError(
                    f"encoding {encoding!r} is not known. Give one such as utf-8, latin-1, cp1252, utf-16"
                ) from error
        return encoding


class EventSettings(TableSettings):
    """The table of events, and what it calls them."""

    event_names: dict[str, str] = Field(
        default_factory=dict,
        description="The domain's name of an event, by the file's: view_item: view. Events that are not named here keep their names.",
        examples=[{"view_item": "view", "order": "purchase"}],
    )
    only_named: bool = Field(
        False, description="Leave out events that event_names does not name, such as page views; they are counted."
    )


class Tables(Settings):
    """The tables of a domain's own layout. A table without settings is the file with its name in folder."""

    items: TableSettings = Field(default_factory=TableSettings, description="What can be recommended.")
    events: EventSettings = Field(default_factory=EventSettings, description="What users did.")
    users: TableSettings = Field(default_factory=TableSettings, description="What is known of users; need not exist.")
    exposures: TableSettings = Field(default_factory=TableSettings, description="What was shown; need not exist.")
    ties: TableSettings = Field(
        default_factory=TableSettings, description="Who knows whom, where the domain has that; need not exist."
    )
