"""What satisfaction is in this domain: one value per user, from what users went on to do with what a list showed."""

from __future__ import annotations

from recsat.metrics import (
    click_through_rate,
    conversion_rate,
    event_rate,
    event_sum,
    rejection_rate,
    retention,
    value_per_thousand,
)
from recsat.people import FRIEND
from recsat_game.catalogue import GAME, ITEM
from recsat_game.config import WINDOW_DAYS, GameConfig

REJECTIONS = ("hide", "report", "refund")
"""Events by which users say that they do not want an item."""

DAYS = (1, 7, 30)


def _last_day(config: GameConfig | None) -> int:
    return (WINDOW_DAYS if config is None else config.retention_days) - 1


METRICS = (
    event_sum(
        "play",
        name="play_time",
        description="Hours that users went on to play the games on their list.",
        unit="hours",
        kind=GAME,
        of_everybody=False,
    ),
    *(
        retention(
            day,
            day,
            name=f"retention_day_{day}",
            description=f"Share of users who were back on day {day} after they took up something on their list.",
        )
        for day in DAYS
    ),
    retention(
        1,
        _last_day,
        name="retention_window",
        description="Share of users who came back, from the second day on, within the days set as retention_days.",
    ),
    click_through_rate(
        description="Clicks for each game, item or person shown, if every place had shown one of the list."
    ),
    # A free game is bought when it enters the library.
    conversion_rate(
        "purchase", description="Share of users who went on to buy at least one game on their list.", kind=GAME
    ),
    # The mean is the average revenue per user.
    event_sum(
        "spend",
        name="item_spend",
        description="Money that users went on to spend on the in-game items on their list.",
        unit="money",
        kind=ITEM,
        dimension="business",
    ),
    value_per_thousand(
        "purchase",
        "spend",
        name="value_per_thousand",
        description="Money that users went on to spend on listed games and in-game items, for every thousand recommendations.",
        unit="money",
        needs=("purchase",),
    ),
    conversion_rate(
        "spend",
        name="payer_rate",
        description="Share of users who spent money on an in-game item on their list.",
        kind=ITEM,
        above=0.0,
        of_everybody=True,
        dimension="business",
    ),
    event_rate(
        "invite",
        name="invite_rate",
        description="Share of listed people whom users went on to invite.",
        kind=FRIEND,
    ),
    rejection_rate(
        REJECTIONS,
        description="Share of listed games, items and people that users went on to reject: hide, report, refund.",
    ),
)
