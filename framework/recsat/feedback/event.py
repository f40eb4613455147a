"""One event as a client reports it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationInfo,
)

from recsat.data.schema import LONGEST

FIRST_YEAR, LAST_YEAR = 1970, 9998


def _text(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain the NUL character")
    # A lone surrogate of a JSON escape is no text; UnicodeEncodeError is a ValueError.
    if len(value.encode("utf-8")) > LONGEST:
        raise ValueError(f"must have at most {LONGEST:,} bytes, as in the tables of a run")
    return value


def _in_range(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"must lie between the years {FIRST_YEAR} and {LAST_YEAR}")
    return moment.astimezone(UTC)


def _number(value: Any, info: ValidationInfo) -> Any:
    """True and false are no numbers, and a text is one only in a file, whose cells are texts."""
    if isinstance(value, bool) or (isinstance(value, str) and not info.context):
        raise ValueError("must be a number")
    return value


Id = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(_text)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]
Number = Annotated[FiniteFloat, BeforeValidator(_number)]
Whole = Annotated[int, BeforeValidator(_number)]
Cell = str | bool | int | FiniteFloat
FROM_A_FILE: Final = {"file": True}
"""The context in which numbers may be written as texts."""


class FeedbackEvent(BaseModel):
    """What a user did with an item, in the words of the domain's events."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_id: Id = Field(
        default_factory=lambda: uuid.uuid4().hex,
        description="Names this event. The same id again, with the same content, changes nothing: send an event as often as it takes.",
    )
    user_id: Id = Field(description="Who.")
    item_id: Id = Field(description="With which item.")
    event: Id = Field(description="What happened, as the domain names its events: rating, purchase, play …")
    value: Number | None = Field(
        None, description="The event's amount, such as stars or hours; empty where it has none."
    )
    timestamp: Moment | None = Field(None, description="When, with its zone. Empty: when the event first arrives.")
    list_id: Id | None = Field(
        None, description="The list that led to it, as recommend named it; empty where none did."
    )
    position: Whole | None = Field(None, ge=1, le=10_000, description="The item's place in that list, the first is 1.")
    columns: dict[Id, Cell] = Field(
        default_factory=dict, max_length=32, description="Further columns of the domain's events, by name."
    )
