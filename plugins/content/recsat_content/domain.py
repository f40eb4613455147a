"""The content domain, as recsat finds it."""

from __future__ import annotations

from pathlib import Path

from recsat import Dataset, Domain, hookimpl
from recsat_content.config import ContentConfig
from recsat_content.filters import FILTERS
from recsat_content.metrics import METRICS, REJECTIONS
from recsat_content.sample import SAMPLE, read_movielens
from recsat_content.tables import ITEMS, read_tables
from recsat_content.texts import LIKED, describe_item, describe_user, liked_by


def load(config: ContentConfig) -> Dataset:
    """The bundled sample, a simulated one, or the files of ``config.folder``."""
    if config.layout == "simulated":
        # Imported here: whoever brings data of their own needs no simulator.
        from recsat_content.simulated import simulate

        return simulate(config.simulated_users, config.simulated_items, config.simulated_seed).data
    folder = SAMPLE if config.folder is None else Path(config.folder)
    return read_movielens(folder) if config.layout == "movielens" else read_tables(config)


CONTENT = Domain(
    name="content",
    description="Movies, tracks and articles: what people watch, listen to and read.",
    config=ContentConfig,
    load=load,
    describe_item=describe_item,
    describe_user=describe_user,
    positive=LIKED,
    positive_of=liked_by,
    events=("rating", "play", "complete", "click", "view", "skip", "hide", "report"),
    rejections=REJECTIONS,
    event_synonyms={
        "play": (
            "watch",
            "listen",
            "view_video",
            "video_start",
            "start",
            "stream",
            "video_play",
            "video started",
            "播放",
            "观看",
            "abspielen",
            "abgespielt",
            "wiedergabe",
            "anhören",
            "angehört",
            "ansehen",
            "angesehen",
        ),
        "complete": (
            "finish",
            "finished",
            "completed",
            "video_complete",
            "watched",
            "read",
            "video completed",
            "看完",
            "完播",
        ),
        "rating": ("rate", "rated", "review", "评分", "bewertung"),
        "click": ("select_content", "点击"),
        "view": ("impression", "open", "曝光", "浏览"),
        "skip": ("skipped", "跳过"),
        "hide": ("not_interested", "dislike", "thumbs_down", "不感兴趣"),
    },
    columns={"items": tuple(ITEMS)},
    signs=(
        "movie",
        "film",
        "book",
        "isbn",
        "video",
        "track",
        "song",
        "artist",
        "article",
        "news",
        "genres",
        "watch",
        "listen",
        "play",
        "channel",
    ),
    kinds=("movie", "track", "article"),
    topics="genres",
    rating="rating",
    filters=FILTERS,
    metrics=METRICS,
    units={"rating": "stars", "play": "seconds"},
    reasons={
        "because": "because you liked {title}",
        "similar": "similar to {title}, which you liked",
        "topic": "more {topic}, which you liked before",
        "popular": "popular now",
    },
    demo={
        "splits": [
            {"name": "last", "protocol": "last-n", "window_share": 0.2},
            {"name": "warm", "protocol": "random", "test_share": 0.2},
            {"name": "cold", "protocol": "cold-items", "test_share": 0.2},
        ],
        "arms": ["popularity", "text-user", "text-raw", "text", "item-knn", "ials", "ease", "mf", "aligned", "hybrid"],
        "measure": {"curve_arm": "hybrid"},
    },
    samples={
        "player": {
            "domain_config": {"layout": "simulated"},
            "splits": [{"name": "timeline", "protocol": "timeline"}, {"name": "cold", "protocol": "cold-items"}],
            "arms": ["popularity", "text", "item-knn", "ease", "aligned", "hybrid"],
        },
    },
)


@hookimpl
def recsat_domain() -> Domain:
    """The content domain."""
    return CONTENT
