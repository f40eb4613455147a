"""Why an item is in a user's list or is not, as an answer that a program reads, and in words."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

Step = Literal["catalogue", "filter", "request", "score", "shortlist", "reranker", "k", "listed"]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Removal(_Answer):
    """A filter that removes the item."""

    name: str = Field(description="As in rank.filters; those of the request begin with request.")
    description: str

    @property
    def origin(self) -> str:
        """What a sentence calls it."""
        part = self.name.removeprefix("request.")
        return f"filter {self.name}" if part == self.name else f"the request's {part}"


class Part(_Answer):
    """What a part of the arm adds to the score."""

    name: str
    value: float


class Influence(_Answer):
    """The history item that contributes most."""

    item_id: str
    title: str
    score: float = Field(description="Of the explained item, had the user not liked this one.")
    place: int = Field(description="Among the permitted items, had the user not liked this one.")


class Change(_Answer):
    """What would have to be otherwise, and where the item would then be: measured, not supposed."""

    what: str
    place: int | None = Field(description="By score among what would be permitted; the best is 1.")
    rank: int | None = Field(description="In the list; empty where it would still not be in it.")
    filters: list[str] = Field(default_factory=list, description="Filters that would not hold.")
    k: int | None = Field(None, description="Length of the list.")
    without_reranker: bool = False


class Explanation(_Answer):
    """Why an item is in the list that a request gives, or at which step it fell out."""

    user_id: str
    item_id: str
    title: str | None
    model: str = Field(description="Fingerprint of the model.")
    k: int = Field(description="Length of the list.")
    has_history: bool = Field(
        description="Whether anything is known that the user liked; else fallbacks make the list."
    )
    step: Step = Field(
        description="Where the item fell out: not in the catalogue; removed by a filter of the run, or of the request alone; without a "
        "score; not on the reranker's shortlist; not picked by the reranker; below the list's length. Or listed."
    )
    rank: int | None = Field(None, description="In the list.")
    removals: list[Removal] = Field(default_factory=list)
    scorer: str | None = Field(None, description="The arm, or the fallback, whose score places the item.")
    score: float | None = None
    place: int | None = Field(None, description="By score among the permitted items; the best is 1.")
    ties: int = Field(0, description="Other permitted items of the same score, among which chance decides.")
    n_permitted: int = Field(0, description="Items that no filter removes.")
    last_score: float | None = Field(None, description="Of the list's last item, where the same arm placed it.")
    n_candidates: int | None = Field(None, description="Length of the reranker's shortlist; empty without a reranker.")
    parts: list[Part] = Field(default_factory=list, description="They add up to the score, where the arm can say.")
    because: Influence | None = None
    changes: list[Change] = Field(default_factory=list)

    @computed_field(description="The same in words.")  # type: ignore[prop-decorator]
    @property
    def sentences(self) -> list[str]:
        return [*self._cause(), *self._figures(), *map(_in_words, self.changes)]

    def _cause(self) -> list[str]:
        match self.step:
            case "catalogue":
                return [f"The model's catalogue has no item {self.item_id!r}. A run whose data have it can list it."]
            case "filter" | "request":
                return [f"It is removed by {removal.origin}: {removal.description}" for removal in self.removals]
            case "score":
                return ["Neither the arm nor a fallback has a score for it."]
            case "shortlist":
                return [f"The reranker chooses among the {self.n_candidates} best, and it is not one of them."]
            case "reranker":
                return ["It would be in the list by its score, and the reranker picked others."]
            case "k":
                return [f"The list of {self.k} ends before it."]
            case "listed":
                return [f"It is in the list, rank {self.rank}."]

    def _figures(self) -> list[str]:
        sentences = []
        if not self.has_history and self.step != "catalogue":
            sentences.append("Nothing is known that this user liked: a fallback makes the list.")
        if self.place is not None:
            place = (
                f"By its score ({_named(self.scorer)}) it is rank {self.place} of {self.n_permitted} permitted items"
            )
            than = f", with {_number(self.score)}"
            if self.step != "listed" and self.last_score is not None:
                than = f": the list's last has {_number(self.last_score)}, this has {_number(self.score)}"
            sentences.append(f"{place}{than}.")
        if self.ties:
            sentences.append(f"{self.ties} others have the same score; chance decides among them.")
        if self.parts:
            parts = ", ".join(f"{part.name} {_number(part.value)}" for part in self.parts)
            sentences.append(f"The score is made of {parts}.")
        if self.because is not None:
            without = f"without it the score would be {_number(self.because.score)} and the rank {self.because.place}"
            sentences.append(f"Of what the user liked, {self.because.title} speaks most for it: {without}.")
        return sentences


def _named(scorer: str | None) -> str:
    """An arm by its name; a fallback, which has its class for one, in words."""
    words = re.findall("[A-Z][a-z]*", scorer or "")
    return f"{' '.join(words).lower()}, a fallback" if words else str(scorer)


def _in_words(change: Change) -> str:
    if change.rank is not None:
        where = f"it would be in the list, rank {change.rank}"
    elif change.place is not None:
        where = f"it would be rank {change.place} by its score"
    else:
        where = "it would have no score"
    return f"{change.what}: {where}."


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"
