"""Users' values and lists as they are met, drawn from laws whose truth is known: one definition of each world.

Of values of one arm: (n_users, n_worlds), and their true mean. Of two arms: a pair of such tables, and the true mean difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Values = NDArray[np.float64]
Bounds = tuple[float | None, float | None]
LOGNORMAL_1_2 = float(np.exp(1.2**2 / 2))


@dataclass(frozen=True)
class OneArm:
    """Values of one measure."""

    name: str
    draw: Callable[[np.random.Generator, int, int], Values]
    mean: float
    bounds: Bounds = (0.0, 1.0)


@dataclass(frozen=True)
class TwoArms:
    """Values of one measure for two arms on the same users; the arms' true means differ by ``difference``."""

    name: str
    draw: Callable[[np.random.Generator, int, int], tuple[Values, Values]]
    difference: float = 0.0


def ndcg_like(rng: np.random.Generator, n: int, m: int) -> Values:
    """A third are zero, the others between 0 and 1."""
    return rng.beta(1.2, 2.2, (n, m)) * (rng.random((n, m)) > 0.35)


def mostly_empty(rng: np.random.Generator, n: int, m: int) -> Values:
    """Nine lists of ten are empty or without a hit."""
    return rng.beta(1.2, 2.2, (n, m)) * (rng.random((n, m)) < 0.1)


def recall_like(rng: np.random.Generator, n: int, m: int) -> Values:
    """Few values, so many ties: a share of one to five relevant items."""
    relevant = rng.integers(1, 6, (n, m))
    return np.asarray(rng.binomial(relevant, 0.3) / relevant)


def stars(rng: np.random.Generator, n: int, m: int) -> Values:
    """Ratings from 1 to 5, high ones the most."""
    return rng.choice([1.0, 2.0, 3.0, 4.0, 5.0], size=(n, m), p=[0.05, 0.1, 0.2, 0.35, 0.3])


def some_without(rng: np.random.Generator, n: int, m: int) -> Values:
    """The diversity of a list, which a fifth of the users, with none or one item in it, do not have."""
    return np.where(rng.random((n, m)) < 0.2, np.nan, rng.beta(8, 3, (n, m)))


def watch_time(rng: np.random.Generator, n: int, m: int) -> Values:
    """Hours: nothing for half of the users, else lognormal."""
    return rng.lognormal(0, 1, (n, m)) * (rng.random((n, m)) < 0.5)


def spend_40(rng: np.random.Generator, n: int, m: int) -> Values:
    """Forty users of a hundred spend, for a lognormal amount with a long tail."""
    return rng.lognormal(0, 1.5, (n, m)) * (rng.random((n, m)) < 0.4)


def spend_4(rng: np.random.Generator, n: int, m: int) -> Values:
    """Four users of a hundred buy."""
    return (rng.random((n, m)) < 0.04) * rng.lognormal(0, 1.2, (n, m))


def hits(p: float) -> Callable[[np.random.Generator, int, int], Values]:
    """0 or 1 with probability ``p``."""
    return lambda rng, n, m: (rng.random((n, m)) < p).astype(np.float64)


BETA_MEAN = 1.2 / 3.4
ONE_ARM = [
    OneArm("like nDCG: a third zero", ndcg_like, 0.65 * BETA_MEAN),
    OneArm("empty lists: nine of ten zero", mostly_empty, 0.1 * BETA_MEAN),
    OneArm("ties: recall of one to five items", recall_like, 0.3),
    OneArm("hit, p = .3", hits(0.3), 0.3),
    OneArm("hit, p = .05", hits(0.05), 0.05),
    OneArm("hit, p = .005", hits(0.005), 0.005),
    OneArm("stars, 1 to 5", stars, 3.75, (1.0, 5.0)),
    OneArm("a fifth without a value", some_without, 8 / 11),
]
UNBOUNDED = [
    OneArm("watch time: half zero, lognormal σ 1", watch_time, 0.5 * float(np.exp(0.5)), (0.0, None)),
    OneArm("money: 40 % spend, σ 1.5", spend_40, 0.4 * float(np.exp(1.125)), (0.0, None)),
    OneArm("money: 4 % buy, σ 1.2", spend_4, 0.04 * LOGNORMAL_1_2, (0.0, None)),
]


def noisy(rng: np.random.Generator, n: int, m: int) -> tuple[Values, Values]:
    """Two noisy versions of one arm."""
    base = ndcg_like(rng, n, m)
    return base * rng.beta(8, 2, (n, m)), base * rng.beta(8, 2, (n, m))


def all_gain(rng: np.random.Generator, n: int, m: int) -> tuple[Values, Values]:
    """The same, and one arm is better by .02 for everybody."""
    a, b = noisy(rng, n, m)
    return a + 0.02, b


def few_gain(rng: np.random.Generator, n: int, m: int) -> tuple[Values, Values]:
    """Eight users of a hundred gain much, the rest lose a little; the mean is nothing."""
    gains = rng.random((n, m)) < 0.08
    d = np.where(gains, rng.exponential(0.4, (n, m)), -rng.uniform(0, 2 * 0.4 * 0.08 / 0.92, (n, m)))
    return d, np.zeros_like(d)


def fewer_gain_more(rng: np.random.Generator, n: int, m: int) -> tuple[Values, Values]:
    """Harder: five of a hundred gain, lognormally."""
    gains, mean = rng.random((n, m)) < 0.05, 0.3 * np.exp(0.5)
    d = np.where(gains, 0.3 * rng.lognormal(0, 1, (n, m)), -rng.uniform(0, 2 * mean * 0.05 / 0.95, (n, m)))
    return d, np.zeros_like(d)


def money(rng: np.random.Generator, n: int, m: int) -> tuple[Values, Values]:
    """What two groups of baskets spend."""
    return spend_4(rng, n, m), spend_4(rng, n, m)


def big_against_small(rng: np.random.Generator, n: int, m: int) -> tuple[Values, Values]:
    """One big buyer in a hundred against four small ones, of the same mean."""
    return (rng.random((n, m)) < 0.01) * 4 * rng.lognormal(0, 1.2, (n, m)), spend_4(rng, n, m)


def two_hits(rng: np.random.Generator, n: int, m: int) -> tuple[Values, Values]:
    """A hit in one list of ten against the same in another: ties."""
    return hits(0.1)(rng, n, m), hits(0.1)(rng, n, m)


NOISY = TwoArms("two noisy versions of one arm", noisy)
FEW_GAIN = TwoArms("8 % of users gain much, the rest lose a little", few_gain)
MONEY = TwoArms("money, both 4 % buyers", money)
UNEQUAL_MONEY = TwoArms("money, 1 % big against 4 % small buyers", big_against_small)
HITS = TwoArms("hit against hit, p = .1", two_hits)
HARDER = TwoArms("harder: 5 % gain, lognormally", fewer_gain_more)
EXCHANGEABLE = [NOISY, MONEY, HITS]
"""Which arm is which could as well be the other way round."""
UNEQUAL = [FEW_GAIN, UNEQUAL_MONEY, HARDER]
"""Equal means of unequal shapes."""
GAIN = TwoArms("a gain of .02 for everybody", all_gain, 0.02)


def popularity(n_items: int, steepness: float) -> Values:
    """Logits of items: Zipf's law."""
    return -steepness * np.log(np.arange(1, n_items + 1))


def drawn_lists(rng: np.random.Generator, logits: Values, n: int, k: int, empty: float) -> csr_array:
    """(n, n_items): lists of k different items drawn by ``logits`` (Gumbel's trick); a share ``empty`` of the users has none."""
    keys = logits + rng.gumbel(size=(n, len(logits)))
    listed = np.argpartition(-keys, k, axis=1)[:, :k]
    users = np.flatnonzero(rng.random(n) >= empty)
    rows, columns = np.repeat(users, k), listed[users].ravel()
    return csr_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(n, len(logits)))


def events_without_order(
    rng: np.random.Generator, n: int, n_items: int = 60, n_events: int = 10
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Items of each user's events, (n, n_events), popular ones more often; and their times, by the day, so with ties."""
    p = np.exp(popularity(n_items, 1.0))
    return rng.choice(n_items, size=(n, n_events), p=p / p.sum()), np.sort(rng.integers(0, 20, (n, n_events)), axis=1)
