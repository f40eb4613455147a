"""The game domain, as recsat finds it."""

from __future__ import annotations

from pathlib import Path

from recsat import Dataset, Domain, hookimpl, publisher_folder
from recsat_game import steam
from recsat_game.catalogue import item_attributes
from recsat_game.config import GameConfig
from recsat_game.filters import FILTERS
from recsat_game.metrics import METRICS, REJECTIONS
from recsat_game.tables import ITEMS, USERS, read_tables
from recsat_game.texts import LIKED, describe_item, describe_user, liked_by


def load(config: GameConfig) -> Dataset:
    """The simulated sample, Steam-200k, or the tables of ``config.folder``."""
    match config.layout:
        case "sample":
            # Imported here: whoever brings data of their own needs no simulator.
            from recsat_game.sample import simulate

            return simulate(config.sample_users, config.sample_games, config.sample_items, config.sample_seed).data
        case "steam":
            folder = publisher_folder(config.folder, steam.NAME, "steam")
            beside = steam.catalogue_beside(folder) if config.catalogue is None else Path(config.catalogue)
            return steam.read_steam(folder, beside)
        case "tables":
            return read_tables(config)


GAMES = Domain(
    name="game",
    description="Games: what people buy, play and spend on inside them, and whom they invite.",
    config=GameConfig,
    load=load,
    describe_item=describe_item,
    describe_user=describe_user,
    positive=LIKED,
    positive_of=liked_by,
    events=("purchase", "play", "spend", "invite", "view", "click", "hide", "report", "refund"),
    rejections=REJECTIONS,
    event_synonyms={
        "purchase": ("buy", "bought", "own", "购买"),
        "play": ("played", "session", "playtime", "游玩"),
        "spend": ("iap", "in_app_purchase", "spend_virtual_currency"),
        "invite": ("invited",),
        "refund": ("refunded",),
    },
    columns={"items": tuple(ITEMS), "users": tuple(USERS)},
    signs=("game", "steam", "player", "playtime", "hours", "app", "level", "developer", "platforms"),
    kinds=("game", "item", "friend"),
    topics="topics",
    item_attributes=item_attributes,
    filters=FILTERS,
    metrics=METRICS,
    units={"purchase": "money", "play": "hours", "spend": "money"},
    worth={"purchase": 1.0, "spend": 1.0},
    reasons={
        "because": "because of {title}",
        "similar": "much like {title}",
        "attribute": "same {relation} as {title}",
        "popular": "many play this now",
        "new": "new, nobody has played it yet",
        "topic": "shares {topic} with what you chose so far",
        "taste": "fits what you play",
        "no-history": "many play this now; nothing is known of you yet",
        "filled": "many play this now; the list would have been too short",
    },
    demo={
        "splits": [
            {"name": "timeline", "protocol": "timeline"},
            {"name": "warm", "protocol": "random", "test_share": 0.2},
            {"name": "cold", "protocol": "cold-items", "test_share": 0.2},
        ],
        "arms": ["popularity", "text-user", "text-raw", "text", "aligned", "hybrid", "item-knn", "ease", "ials"],
        # Not `seen`: who looked at a game without buying it may well be shown it again.
        "rank": {
            "filters": ["game.owned", "game.not_invited", "game.compatible"],
            "kinds": ["game", "item", "friend"],
        },
    },
)


@hookimpl
def recsat_domain() -> Domain:
    """The game domain."""
    return GAMES
