"""What goes in and out of the service, as pydantic models: the OpenAPI description is made of them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from recsat.feedback.event import FeedbackEvent, Id, Whole
from recsat.stages.model.loaded import MOST_PLACES

LIST_ID: Final = "8b1f6c0d2a47-5d0c8e1f"
EVENT: Final = {
    "event_id": "session-17-3",
    "user_id": "1",
    "item_id": "589",
    "event": "rating",
    "value": 5,
    "timestamp": "2026-01-31T20:15:00Z",
    "list_id": LIST_ID,
    "position": 1,
}
EXAMPLE: Final[dict[str, Any]] = {"examples": [{"events": [EVENT]}]}
Ids = Annotated[list[Id], Field(default_factory=list)]


class RecommendRequest(BaseModel):
    """For whom, and which items may be in the lists."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"users": ["1", "nobody"], "k": 3, "exclude": ["318"], "kinds": ["movie"]}]},
    )

    users: list[Id] = Field(min_length=1, description="User ids. Who is not known gets the fallback's list.")
    k: Whole | None = Field(None, ge=1, le=MOST_PLACES, description="Length of a list; empty: as in the model's run.")
    include: Ids = Field(description="Item ids that alone may be listed; empty: all.")
    exclude: Ids = Field(description="Item ids that must not be listed.")
    kinds: Ids = Field(description="Kinds of items that alone may be listed; empty: all.")


class WhyRequest(BaseModel):
    """Whose list, which item, and the request that the list is of."""

    model_config = ConfigDict(extra="forbid")

    user: Id = Field(description="User id.", examples=["1"])
    item: Id = Field(description="Item id.", examples=["318"])
    k: int | None = Field(None, ge=1, le=MOST_PLACES, description="Length of the list; empty: as in the model's run.")
    include: Ids = Field(description="Item ids that alone may be listed; empty: all.")
    exclude: Ids = Field(description="Item ids that must not be listed.")
    kinds: Ids = Field(description="Kinds of items that alone may be listed; empty: all.")


class ListedItem(BaseModel):
    """A place of a list."""

    item_id: str
    title: str | None
    rank: int = Field(description="The first is 1.")
    score: float | None = Field(description="By the model's arm; empty where a fallback filled the place.")
    reason: str
    fallback: bool = Field(description="True where the model's arm had nothing for this place.")


class RecommendedList(BaseModel):
    """A user's list."""

    user_id: str
    list_id: str = Field(description="Names this list in events that come of it. Begins with the model's fingerprint.")
    known: bool = Field(description="Whether anything is known of the user.")
    items: list[ListedItem]


class Recommendations(BaseModel):
    """Lists, in the order of the request's users, each once."""

    model: str = Field(description="Fingerprint of the model that made them.")
    arm: str
    source: str = Field(
        description="Where candidates come from: qdrant and the vector, or catalogue where every item was scored.",
        examples=["catalogue", "qdrant:text"],
    )
    lists: list[RecommendedList]


class EventsRequest(BaseModel):
    """What users did."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=EXAMPLE)

    events: list[FeedbackEvent] = Field(min_length=1)


class Acknowledged(BaseModel):
    """These events are on the disk."""

    new: int = Field(description="Events that the log did not have.")
    repeated: int = Field(description="Events that it had already, with the same content.")
    sequence: int = Field(description="Of the last event in the log.")


class Health(BaseModel):
    """The process lives, or is ready."""

    status: str = "ok"
