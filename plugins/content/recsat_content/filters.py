"""Language, age rating, region, licence window, freshness.

An item whose language, age rating or release is unknown is removed by the filter that asks for it. An item without regions
or without an end of its window is licensed there: that is how open licences are written.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from recsat import CandidateFilter, FilterContext, field


def _licence_at(context: FilterContext) -> datetime:
    moment: datetime = context.config.licence_at or context.now
    return moment


def _oldest(context: FilterContext) -> datetime | None:
    days = context.config.max_age_days
    return None if days is None else context.now - timedelta(days=days)


def _newest(context: FilterContext) -> datetime | None:
    return None if context.config.max_age_days is None else context.now


LANGUAGE = CandidateFilter(
    name="language",
    description="Items in one of the chosen languages.",
    rule=field("language").is_in(lambda context: context.config.languages),
)
AGE_RATING = CandidateFilter(
    name="age_rating",
    description="Items rated for the chosen age or below.",
    rule=field("age_rating") <= (lambda context: context.config.max_age_rating),
)
REGION = CandidateFilter(
    name="region",
    description="Items licensed for the chosen region.",
    rule=field("regions").is_missing() | field("regions").equals(lambda context: context.config.region),
)
LICENCE = CandidateFilter(
    name="licence",
    description="Items whose licence window covers the chosen moment.",
    rule=(field("available_from").is_missing() | (field("available_from") <= _licence_at))
    & (field("available_until").is_missing() | (field("available_until") > _licence_at)),
)
FRESHNESS = CandidateFilter(
    name="freshness",
    description="Items released at most the chosen number of days ago.",
    rule=field("released").between(_oldest, _newest),
)
FILTERS = (LANGUAGE, AGE_RATING, REGION, LICENCE, FRESHNESS)
