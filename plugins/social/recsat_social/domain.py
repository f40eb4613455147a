"""The social domain, as recsat finds it."""

from __future__ import annotations

from recsat import Dataset, Domain, hookimpl, publisher_folder
from recsat_social import deezer, lastfm
from recsat_social.config import SocialConfig
from recsat_social.filters import FILTERS
from recsat_social.metrics import METRICS, REJECTIONS
from recsat_social.tables import ITEMS, USERS, read_tables
from recsat_social.texts import LIKED, describe_item, describe_user, liked_by


def load(config: SocialConfig) -> Dataset:
    """The simulated sample, a publisher's files, or the tables of ``config.folder``."""
    match config.layout:
        case "sample":
            # Imported here: whoever brings data of their own needs no simulator.
            from recsat_social.sample import simulate

            return simulate(config.sample_users, config.sample_posts, config.sample_seed).data
        case "lastfm":
            return lastfm.read_lastfm(publisher_folder(config.folder, lastfm.NAME, "lastfm"))
        case "deezer":
            folder = publisher_folder(config.folder, deezer.NAME, "deezer")
            return deezer.read_deezer(folder, config.country, config.max_people)
        case "tables":
            return read_tables(config)


SOCIAL = Domain(
    name="social",
    description="A social network: whom people follow and write to, and what they like, share and play.",
    config=SocialConfig,
    load=load,
    describe_item=describe_item,
    describe_user=describe_user,
    positive=LIKED,
    positive_of=liked_by,
    events=("follow", "like", "share", "play", "message", "view", "click", "comment", "hide", "report", "unfollow"),
    rejections=REJECTIONS,
    event_synonyms={
        "comment": ("评论",),
        "follow": ("followed", "friend", "add_friend", "关注"),
        "like": ("liked", "favourite", "favorite", "upvote", "heart", "点赞", "喜欢"),
        "share": ("repost", "retweet", "转发", "分享"),
        "play": ("listen", "播放"),
        "hide": ("not_interested", "mute", "不感兴趣"),
        "unfollow": ("unfriend",),
    },
    columns={"items": tuple(ITEMS), "users": tuple(USERS)},
    signs=("follow", "friend", "post", "share", "like", "repost", "tweet", "follower", "trust"),
    kinds=("friend", "content"),
    topics="topics",
    filters=FILTERS,
    metrics=METRICS,
    units={"play": "plays"},
    reasons={
        "because": "because of {title}",
        "similar": "much like {title}",
        "popular": "many here like this",
        "new": "new here",
        "topic": "shares {topic} with whom and what you like",
        "taste": "fits whom and what you like",
        "no-history": "many here like this; nothing is known of you yet",
        "filled": "many here like this; the list would have been too short",
    },
    demo={
        "splits": [
            {"name": "timeline", "protocol": "timeline"},
            {"name": "warm", "protocol": "random", "test_share": 0.2},
            {"name": "cold", "protocol": "cold-items", "test_share": 0.2},
        ],
        "arms": ["popularity", "text-user", "text-raw", "text", "aligned", "hybrid", "item-knn", "ease", "ials"],
        "rank": {"filters": ["social.not_yet_friends", "seen"], "kinds": ["friend", "content"]},
    },
)


@hookimpl
def recsat_domain() -> Domain:
    """The social domain."""
    return SOCIAL
