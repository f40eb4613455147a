"""Templates of reasons: what a domain may name in them, and the words where it has none."""

from __future__ import annotations

import re
from collections.abc import Mapping

PLACEHOLDERS = ("title", "topic", "market", "people", "days", "relation")
"""What a template may name: the history item, a topic of the listed item that the history has too, the user's market, of those whom the reason
counts how many (``12 people``) and over how long (``14 days``), and what of ``Domain.item_attributes`` both items have in common."""
DEFAULT_REASONS: Mapping[str, str] = {
    "because": "because you liked {title}",
    "similar": "similar to {title}, which you liked",
    "attribute": "same {relation} as {title}, which you liked",
    "topic": "more {topic}, which you liked before",
    "popular": "popular now",
    "recent": "liked by {people} in the last {days}",
    "new": "new, nobody has tried it yet",
    "taste": "fits what you liked so far",
    "tied": "nothing tells it from the others: all score alike",
    "profile": "fits what you told about yourself",
    "no-history": "popular now; nothing is known of your taste yet",
    "no-history-recent": "liked by {people} in the last {days}; nothing is known of your taste yet",
    "no-history-market": "popular in {market}; nothing is known of your taste yet",
    "filled": "popular now; the list would have been too short",
}
SLOT = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")


def unknown_placeholders(template: str) -> list[str]:
    """Braces in ``template`` that are none of :data:`PLACEHOLDERS`, as they stand there.

    >>> unknown_placeholders("like {titel}, and more {topic}")
    ['{titel}']
    """
    return re.findall(r"\{[^{}]*\}?|\}", SLOT.sub("", template))
