"""Ways to hold out events, and what each one keeps apart.

Every split is an exact partition of all events, liked or not, into train, validation and test; ``train`` with
``validation`` is what is known before the test. Nothing depends on the row order of the input: events are put in a fixed
order first, and everything random is drawn along it, so one seed gives one split.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from recsat.config.settings import SplitSettings
from recsat.data.codes import coded
from recsat.errors import DataError

TRAIN: Final = 0
VALIDATION: Final = 1
TEST: Final = 2
PAIR: Final = ["user_id", "item_id"]
TIES: Final = 1
"""Of the generator that draws the order of one moment's events, so that it takes no number from the one that draws the split."""
TIED_SHARE: Final = 0.01
"""Share of the events that may have the timestamp of a cut. A cut through more would miss its share by as much, and says that the
data's times are too coarse for it."""


class Share(NamedTuple):
    """What part to hold out, and the setting that says so."""

    setting: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Split:
    """Events in three parts, each with the columns and the row order of the input."""

    name: str
    protocol: str
    description: str
    draw: int = 1
    """Of a split that is drawn anew: which draw this is. Arms are tuned on the first."""
    test_share: float | None = None
    """Share that the test part was to have; None where the protocol has none, or the run is of a time that did not write it down."""
    train: pl.DataFrame
    validation: pl.DataFrame
    test: pl.DataFrame
    validation_items: pl.Series | None = None
    """Ids of the items that are ranked in validation; None means all."""
    test_items: pl.Series | None = None
    """Ids of the items that are ranked in the test; None means all."""
    tied_users: int = 0
    """Users of last-n of whom the draw says which liked events are the last: others have the same moment."""


def split_events(
    events: pl.DataFrame, positive: pl.Expr, settings: SplitSettings, seed: int, *, draw: int = 1
) -> Split:
    """Partitions ``events`` (user_id, item_id, event, value, timestamp) by ``settings.protocol``; each ``draw`` has a stream of its own.

    - ``timeline``: one cut in time, so that ``test_share`` of the liked events lie after it; another before it for
      validation. All events of one moment fall on one side, the later part, which may so be larger than its share; what comes
      earlier has no event of that moment. A moment that holds more than :data:`TIED_SHARE` of the events cannot be cut.
    - ``last-n``: each user's last ``n_last`` liked events, and all that follows the first of them; ``n_last`` more before
      them for validation. Which of a user's events of one moment is the later one is drawn: the order of ids is no order in time. ``position``, where
      events have it, says it instead, and stands for times that are missing. With ``window_share`` only of users of whom all of these lie in that last share of the liked events, in time: what
      others did within the window is known too.
    - ``random``: a share of each user's liked items, with all events on them, and every item that the user did not like.
      Without time there is no moment at which such an item was known: in training it would tell the `seen` filter what
      not to recommend, which on MovieLens lifts the nDCG@10 of every arm by a tenth to a fifth.
    - ``cold-items``: a share of the items leaves training entirely, and only these are ranked.
    - ``cold-users``: a share of the users leaves training entirely; they come without history.
    - ``mixed``: cold items, and a share of each user's other items; all items are ranked, in validation without those that only the test has.

    In last-n, random and mixed, a user with liked items outside the cold ones keeps at least one in training, and shares
    that are no whole number are rounded up or down at random, so that they hold over all users.

    Raises DataError where a part would have no liked event, where time is needed and missing, or where a cut in time falls
    inside a moment that too many events share.
    """
    if settings.protocol in ("timeline", "last-n"):
        _require_time(events, settings)
    # Ids as integers of the same order: nothing below looks at a text.
    keys = [
        "user_id",
        "item_id",
        "event",
        "value",
        "timestamp",
        *(name for name in ("position",) if name in events.columns),
    ]
    rows = coded(events, keys).with_row_index("_row").with_columns(_liked=liked_of(events, positive))
    if settings.protocol == "last-n":
        rows = rows.sort("user_id", "timestamp", "item_id", "event", "value", nulls_last=True)
        rows = in_order_of_time(rows, np.random.default_rng([seed, draw, TIES]), "user_id")
    rng = np.random.default_rng(seed if draw == 1 else [seed, draw])
    assigned = _two_rounds(rows, settings, rng)
    _require_liked(assigned, settings)
    tied_users = _n_tied_users(assigned) if settings.protocol == "last-n" else 0
    part_of = np.empty(events.height, dtype=np.int8)
    part_of[assigned["_row"].to_numpy()] = assigned["_part"].to_numpy()
    del rows, assigned  # as large as the parts that are made now
    train, validation, test = (events.filter(pl.Series(part_of == part)) for part in (TRAIN, VALIDATION, TEST))
    own_universe = settings.protocol == "cold-items"
    return Split(
        name=settings.name,
        protocol=settings.protocol,
        description=_describe(settings, test, tied_users),
        draw=draw,
        test_share=None if settings.protocol == "last-n" else settings.test_share,
        train=train,
        validation=validation,
        test=test,
        validation_items=validation["item_id"].unique().sort() if own_universe else None,
        test_items=test["item_id"].unique().sort() if own_universe else None,
        tied_users=tied_users,
    )


def liked_of(events: pl.DataFrame, positive: pl.Expr) -> pl.Series:
    """Which of ``events`` count as liked; ``positive`` may be one value for all of them."""
    return events.with_columns(_liked=positive.fill_null(value=False))["_liked"]


def in_order_of_time(events: pl.DataFrame, rng: np.random.Generator, *first: str) -> pl.DataFrame:
    """``events``, which are in a fixed order, by ``first``, time and ``position``; of those that have the same, in an order that is drawn."""
    position = [name for name in ("position",) if name in events.columns]
    with_ties = events.with_columns(_drawn=rng.random(events.height))
    return with_ties.sort(*first, "timestamp", *position, "_drawn", nulls_last=True).drop("_drawn")


def _require_time(events: pl.DataFrame, settings: SplitSettings) -> None:
    missing = events["timestamp"].null_count()
    has_positions = "position" in events.columns and events["position"].null_count() == 0
    if missing and has_positions and settings.protocol == "last-n" and settings.window_share == 1:
        return
    if missing and has_positions:
        what = "" if settings.protocol == "timeline" else f", window_share {settings.window_share:g}"
        raise DataError(
            f"events: {missing} of {events.height} rows have no timestamp but a position, which orders one user's events and not those of "
            f"two, and split {settings.name!r} cuts by time ({settings.protocol}{what}). Choose last-n without window_share, random, cold-items, cold-users or mixed."
        )
    if missing:
        raise DataError(
            f"events: {missing} of {events.height} rows have no timestamp, and split {settings.name!r} cuts by time "
            f"({settings.protocol}). Fill in the times, or choose the protocol random, cold-items, cold-users or mixed."
        )


def _require_liked(assigned: pl.DataFrame, settings: SplitSettings) -> None:
    liked = set(assigned.filter("_liked")["_part"].unique())
    for part, word in ((TRAIN, "train"), (VALIDATION, "validation"), (TEST, "test")):
        if part not in liked:
            raise DataError(
                f"split {settings.name!r} ({settings.protocol}): the {word} part has no liked event, of {assigned['_liked'].sum()} "
                "in all. Bring more data, change test_share or validation_share, or choose another protocol."
            )


def _n_tied_users(assigned: pl.DataFrame) -> int:
    """Users with a liked event in the test part that has the moment, and the position, of one before it."""
    moment = ["user_id", "timestamp", *(name for name in ("position",) if name in assigned.columns)]
    liked = assigned.lazy().filter("_liked")
    last, earlier = liked.filter(pl.col("_part") == TEST), liked.filter(pl.col("_part") != TEST)
    tied = last.select(moment).join(earlier.select(moment), on=moment, how="semi", nulls_equal=True)
    return int(tied.select(pl.col("user_id").n_unique()).collect().item())


def _two_rounds(ordered: pl.DataFrame, settings: SplitSettings, rng: np.random.Generator) -> pl.DataFrame:
    """Holds out the test part, then the validation part of what is left, by the same rule."""
    hold_out = _PROTOCOLS[settings.protocol]
    in_test = hold_out(ordered, Share("test_share", settings.test_share), settings, rng)
    left = ordered.filter(~in_test)
    in_validation = hold_out(left, Share("validation_share", settings.validation_share), settings, rng)
    return pl.concat(
        [
            ordered.filter(in_test).with_columns(_part=pl.lit(TEST)),
            left.filter(in_validation).with_columns(_part=pl.lit(VALIDATION)),
            left.filter(~in_validation).with_columns(_part=pl.lit(TRAIN)),
        ]
    )


def _timeline(events: pl.DataFrame, share: Share, settings: SplitSettings, rng: np.random.Generator) -> pl.Series:
    n = int(events["_liked"].sum())
    n_before = n - round(share.value * n)
    moments = events.group_by("timestamp").agg(pl.len(), pl.col("_liked").sum()).sort("timestamp")
    moments = moments.with_columns(_after=pl.col("_liked").cum_sum())
    # The moment of the first held-out liked event starts the part, and whatever follows it belongs to the part too.
    later = moments.filter(pl.col("_after") > n_before)
    if later.is_empty():
        return pl.repeat(False, events.height, eager=True)
    moment, n_tied, liked, after = later.row(0)
    if after - liked < n_before and n_tied > TIED_SHARE * events.height:
        beside = [round((n - cut) / n, len(str(n)) + 1) for cut in (after - liked, after)]
        raise DataError(_tied(settings, share, f"{moment:%Y-%m-%d %H:%M:%S}", (n_tied, events.height), beside))
    return events.select(pl.col("timestamp") >= moment).to_series()


def _tied(settings: SplitSettings, share: Share, moment: str, counts: tuple[int, int], beside: list[float]) -> str:
    """``beside``: the shares whose cuts fall before the moment and after it."""
    n_tied, n = counts
    shares = " or ".join(str(value) for value in beside if 0 < value < 1)
    remedy = f"Choose a {share.setting} that cuts beside it, {shares}, or" if shares else "Choose"
    return (
        f"split {settings.name!r} ({settings.protocol}): the cut for {share.setting} {share.value:g} falls inside one moment, {moment}, which "
        f"{n_tied:,} of {n:,} events ({n_tied / n:.1%}) share, so that ids and not time would say who is tested. "
        f"{remedy} the protocol random, cold-items, cold-users or mixed."
    )


def _last_n(events: pl.DataFrame, share: Share, settings: SplitSettings, rng: np.random.Generator) -> pl.Series:
    reached = pl.col("_liked").cum_sum().over("user_id").cast(pl.Int64)
    n = pl.col("_liked").sum().over("user_id").cast(pl.Int64)
    n_held = pl.min_horizontal(pl.lit(settings.n_last, pl.Int64), n - 1)
    held_out = events.select((n_held > 0) & (reached > n - n_held)).to_series()
    if settings.window_share == 1:
        return held_out
    times = events.filter("_liked")["timestamp"].sort()
    opening = times[-max(1, round(settings.window_share * len(times)))]
    first = pl.col("timestamp").filter(pl.col("_held")).min().over("user_id")
    return (
        held_out
        & events.select("user_id", "timestamp", _held=held_out)
        .select((first >= opening).fill_null(value=False))
        .to_series()
    )


def _random(events: pl.DataFrame, share: Share, settings: SplitSettings, rng: np.random.Generator) -> pl.Series:
    pairs = events.group_by(PAIR).agg(pl.col("_liked").any()).sort(PAIR)
    pairs = pairs.with_columns(_order=rng.permutation(pairs.height), _up=rng.random(pairs.height))
    group = ["user_id", "_liked"]
    n = pl.len().over(group)
    n_held_out = (share.value * n + pl.col("_up").first().over(group)).floor()
    in_sample = pl.col("_order").rank("ordinal").over(group) <= pl.min_horizontal(n_held_out, n - 1.0)
    held_out = pairs.with_columns(_held=~pl.col("_liked") | in_sample)
    return _aligned(events, held_out.select(*PAIR, "_held"), PAIR)


def _cold_items(events: pl.DataFrame, share: Share, settings: SplitSettings, rng: np.random.Generator) -> pl.Series:
    return _whole("item_id", events, share, rng)


def _cold_users(events: pl.DataFrame, share: Share, settings: SplitSettings, rng: np.random.Generator) -> pl.Series:
    return _whole("user_id", events, share, rng)


def _mixed(events: pl.DataFrame, share: Share, settings: SplitSettings, rng: np.random.Generator) -> pl.Series:
    cold = _whole("item_id", events, share, rng)
    warm = events.filter(~cold)
    held_out = warm.select("_row", _held=_random(warm, share, settings, rng))
    return cold | _aligned(events, held_out, ["_row"])


def _whole(key: str, events: pl.DataFrame, share: Share, rng: np.random.Generator) -> pl.Series:
    """A share of the users or items of ``key`` with all their events."""
    ids = events[key].unique().sort()
    held_out = pl.DataFrame({key: ids, "_held": rng.permutation(len(ids)) < round(share.value * len(ids))})
    return _aligned(events, held_out, [key])


def _aligned(events: pl.DataFrame, held_out: pl.DataFrame, key: list[str]) -> pl.Series:
    """``held_out`` (``key``, _held) on the rows of ``events``; False where it has none."""
    rows = events.select(key).join(held_out, on=key, how="left", maintain_order="left")
    return rows["_held"].fill_null(value=False)


_PROTOCOLS: Mapping[str, Callable[[pl.DataFrame, Share, SplitSettings, np.random.Generator], pl.Series]] = {
    "timeline": _timeline,
    "last-n": _last_n,
    "random": _random,
    "cold-items": _cold_items,
    "cold-users": _cold_users,
    "mixed": _mixed,
}


def _window(settings: SplitSettings, test: pl.DataFrame) -> str:
    if settings.window_share == 1:
        return ""
    start = test["timestamp"].min()
    assert isinstance(start, datetime)
    return (
        f", of users for whom these lie in the last {settings.window_share:.0%} of liked events, from {start:%Y-%m-%d} on; what others did in that time "
        "is known"
    )


def _describe(settings: SplitSettings, test: pl.DataFrame, tied_users: int = 0) -> str:
    held_out = _held_out(settings, test)
    if tied_users:
        of_users = f"of {tied_users} of {test['user_id'].n_unique()} users"
        return f"{held_out} Which those are is drawn {of_users}: they have others of the same moment."
    return held_out if settings.n_draws == 1 else f"{held_out} Drawn {settings.n_draws} times."


def _held_out(settings: SplitSettings, test: pl.DataFrame) -> str:
    share, tuning = f"{settings.test_share * 100:g} %", f"{settings.validation_share * 100:g} % of the rest for tuning"
    match settings.protocol:
        case "timeline":
            start = test["timestamp"].min()
            assert isinstance(start, datetime)
            return f"The last {share} of liked events in time, from {start:%Y-%m-%d} on, are held out; {tuning}."
        case "last-n":
            return f"Each user's last {settings.n_last} liked events are held out{_window(settings, test)}; {settings.n_last} before them for tuning."
        case "random":
            return f"A random {share} of each user's liked items is held out; {tuning}."
        case "cold-items":
            return f"A random {share} of the items is unseen in training and ranked among itself; {tuning}."
        case "cold-users":
            return f"A random {share} of the users is unseen in training and comes without history; {tuning}."
        case "mixed":
            return f"A random {share} of the items is unseen in training and {share} of each user's other liked items is held out; all items are ranked; {tuning}."
