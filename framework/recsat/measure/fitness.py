"""Whether a split can answer at all: what its tables say before an arm is fitted."""

from __future__ import annotations

from typing import Final, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.contract.domain import Dimension
from recsat.data.codes import coded
from recsat.data.split import Split
from recsat.measure.differences import smallest_shown
from recsat.result.model import DataFitness, FitnessFact

FEWEST_JUDGED: Final = 30
"""Users with a history and a held-out like below which the split cannot answer: a mean over fewer hangs on single users."""
N_PRIMARIES: Final = len(get_args(Dimension))
SHUFFLES: Final = 199
MOST_EVENTS: Final = 20_000
"""Events that the test of order looks at, of whole users drawn at random, so that it takes a second or two."""


def data_fitness(
    split: Split,
    positive: pl.Expr,
    *,
    spread: float,
    items: pl.DataFrame | None = None,
    released: str | None = None,
    confidence: float = 0.95,
    worth_having: float | None = None,
    spreads: tuple[float, float] | None = None,
    seed: int = 0,
    n_draws: int = 1,
) -> DataFitness:
    r"""What the tables of ``split`` can answer; training and validation together are the history.

    ``positive`` says which events are likes. ``spread`` is the standard deviation between users of a difference of two arms, in the
    measure's unit; :math:`(z_{1-\alpha/2} + z_{0.8}) \cdot` ``spread`` :math:`/ \sqrt n` is the smallest detectable difference.
    ``released`` names the column of ``items`` (item_id, …) that says, as a time, since when an item exists.

    ``spreads`` are the smallest and the largest that pairs of arms were seen to have; with them it says what would be detectable among the primary measures
    of the four dimensions (Bonferroni), so that the report can hold ``worth_having`` against it. That warns and refuses nothing: how users differ is known when arms have
    been judged.

    Of a split that is drawn ``n_draws`` times it is that of one draw's users: how draws differ is not known before arms are fitted.

    It cannot answer where fewer than :data:`FEWEST_JUDGED` judged users have a history or more than half have none (but for cold
    users, who are meant to have none). The rest is said and left to the reader. Order is tested by :func:`order_p_value`.
    """
    known = pl.concat([split.train, split.validation])
    likers = known.lazy().filter(positive).select(pl.col("user_id").unique()).collect()["user_id"]
    history, outcomes = known.select("user_id", "item_id", "timestamp"), split.test.filter(positive)
    judged = outcomes["user_id"].unique()
    n_judged = len(judged)
    n_without = int((~judged.is_in(likers.implode())).sum())
    detectable = smallest_shown(spread / n_judged**0.5, confidence=confidence) if n_judged else None
    meant_to_be_new = split.protocol == "cold-users"
    n_with = n_judged if meant_to_be_new else n_judged - n_without
    least, most = (
        (smallest_shown(one / n_judged**0.5, confidence=confidence, family=N_PRIMARIES) for one in spreads)
        if spreads is not None and n_judged
        else (None, None)
    )
    return DataFitness(
        split=split.name,
        users_judged=FitnessFact(value=n_judged),
        users_without_history=_share(n_without, n_judged),
        tied_times=_tied_times(pl.concat([history, split.test.select(history.columns)])),
        order=FitnessFact(value=order_p_value(history, seed=seed)),
        unseen_items=_share(outcomes.join(history, on="item_id", how="anti").height, outcomes.height),
        ahead_of_time=_ahead_of_time(history, outcomes, items, released),
        detectable=FitnessFact(value=detectable),
        can_answer=n_with >= FEWEST_JUDGED and n_with >= n_judged / 2,
        meant_to_be_new=meant_to_be_new,
        n_draws=n_draws,
        worth_having=worth_having,
        least_detectable=least,
        most_detectable=most,
    )


def order_p_value(events: pl.DataFrame, *, seed: int, n_shuffles: int = SHUFFLES) -> float | None:
    r"""p-value of the order within users: do the same items follow each other in several users more often than by chance?

    The statistic is :math:`\sum_{ab} \binom{n_{ab}}{2}`, where item b directly follows item a :math:`n_{ab}` times. It is compared with the same
    after each user's events are shuffled, :math:`p = (1 + \#\{\text{shuffles} \ge \text{seen}\}) / (1 + \text{shuffles})`, which is exact whatever
    the popularity of items. Events of one moment are put in random order first, or the order of ids would pass for information.
    After Klenitskiy et al., RecSys 2024, who shuffle and compare recurring pairs.
    A small p-value says that there is order, not whose: the pages of a catalogue that people rate from top to bottom have one too.

    ``events`` has (user_id, item_id, timestamp). None without times or without a user of two events.
    """
    timed = events.drop_nulls("timestamp")
    timed = timed.filter(pl.len().over("user_id") > 1)
    if timed.is_empty():
        return None
    rng = np.random.default_rng(seed)
    timed = _some_users(timed, rng)
    users, items = (timed[name].rank("dense").to_numpy().astype(np.int64) for name in ("user_id", "item_id"))
    moments = timed["timestamp"].to_physical().to_numpy()
    seen = _recurring(users, items, np.lexsort((rng.random(len(users)), moments, users)))
    shuffled = [_recurring(users, items, np.lexsort((rng.random(len(users)), users))) for _ in range(n_shuffles)]
    return (1 + sum(value >= seen for value in shuffled)) / (1 + n_shuffles)


def _some_users(events: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    lengths = events.group_by("user_id").len().sort("user_id")
    lengths = lengths[rng.permutation(lengths.height)]
    within = lengths.filter(pl.col("len").cum_sum() <= MOST_EVENTS)
    # A single user of more events than that is looked at alone.
    return events.join(within if within.height else lengths.head(1), on="user_id", how="semi").sort(
        "user_id", "item_id", "timestamp"
    )


def _recurring(users: NDArray[np.int64], items: NDArray[np.int64], order: NDArray[np.intp]) -> int:
    user, item = users[order], items[order]
    follows = item[:-1] * (items.max() + 1) + item[1:]
    _, n = np.unique(follows[user[:-1] == user[1:]], return_counts=True)
    return int((n * (n - 1) // 2).sum())


def _share(n: int, of: int) -> FitnessFact:
    return FitnessFact(value=n / of if of else None)


def _tied_times(events: pl.DataFrame) -> FitnessFact:
    timed = coded(events.select("user_id", "timestamp").drop_nulls("timestamp"), ["user_id", "timestamp"])
    n = timed.lazy().group_by(timed.columns).len().filter(pl.col("len") > 1)
    return _share(int(n.select(pl.col("len").sum()).collect().item()), timed.height)


def _ahead_of_time(
    history: pl.DataFrame, outcomes: pl.DataFrame, items: pl.DataFrame | None, released: str | None
) -> FitnessFact:
    timed = outcomes.drop_nulls("timestamp")
    since = history.group_by("item_id").agg(_first=pl.col("timestamp").min())
    timed = timed.join(since, on="item_id", how="left")
    before = pl.col("timestamp") < pl.col("_first")
    if items is not None and released is not None:
        timed = timed.join(items.select("item_id", _released=pl.col(released)), on="item_id", how="left")
        before = (before & pl.col("_released").is_null()) | (pl.col("timestamp") < pl.col("_released"))
    return _share(timed.filter(before).height, timed.height)
