"""Seconds of the parts of a run on the reference machine of :mod:`recsat.stages.estimate.speed`, with one thread.

Fitted to measured parts of the demos and to fits on made-up data of 300 to 8,000 items; `python tests/benchmarks/estimates.py` holds whole runs against
them. An arm of a plugin has none: its lists are counted, its fits are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from recsat.stages.estimate.sizes import FoldSize
from recsat.stages.estimate.speed import Speed

MOST_CELLS: Final = 2**23
"""Scores of one part that a trial of the hybrid looks at: see :mod:`recsat.arms.hybrid.trial`."""
FEWEST_TRIED: Final = 1_500
MOST_TRIALS: Final = 4
MOST_COLUMNS: Final = 20_000


@dataclass(frozen=True)
class WorkCost:
    """Seconds of one piece of work, as a sum over what it grows with."""

    fixed: float = 0.0
    like: float = 0.0
    """For each known like."""
    pair: float = 0.0
    """For each pair of likes of one user."""
    user: float = 0.0
    item: float = 0.0
    item_pair: float = 0.0
    item_cube: float = 0.0
    """For the cube of the number of items: what an inverse takes."""
    cell: float = 0.0
    """For each pair of a user and an item, of those that the hybrid samples."""

    def seconds(
        self, fold: FoldSize, n_items: int, speed: Speed, dense_limit: int | None = None, dense_times: int = 1
    ) -> float:
        """On ``fold``; above ``dense_limit`` items nothing is formed that grows with pairs of items, else ``dense_times`` over."""
        is_dense = dense_limit is None or n_items <= dense_limit
        products = self.cell * cells(fold.users, n_items)
        if is_dense:
            products += dense_times * (self.item_cube * n_items**3 + self.item_pair * n_items**2)
        tables = (
            self.fixed + self.like * fold.likes + self.user * fold.users + self.item * n_items + self.pair * fold.pairs
        )
        return speed.products * products + speed.tables * tables


def cells(n_users: int, n_items: int) -> int:
    """User-item scores that the hybrid looks at for each of its parts."""
    n_columns = min(n_items, MOST_COLUMNS)
    return min(n_users, max(FEWEST_TRIED, MOST_CELLS // max(1, n_columns))) * n_columns


def n_trials(n_users: int) -> int:
    """How many hold-outs the hybrid makes: until together they have :data:`FEWEST_TRIED` users."""
    return min(MOST_TRIALS, max(1, -(-FEWEST_TRIED // max(1, n_users))))


def fewest_trials(protocol: str, n_items: int) -> int:
    """How many hold-outs it makes whatever their users."""
    hides = protocol == "cold-items" or (protocol == "mixed" and n_items <= MOST_DRAWN_AGAIN)
    return FEWEST_DRAWS if hides else 1


NOTHING: Final = WorkCost()
FITS: Final[Mapping[str, WorkCost]] = {
    "popularity": NOTHING,
    "popularity-recent": WorkCost(fixed=0.05, like=9e-7),
    "text-raw": NOTHING,
    "text-user": NOTHING,
    "text": NOTHING,
    "item-knn": WorkCost(fixed=0.004, item_pair=2e-8, pair=6e-9),
    "ease": WorkCost(fixed=0.002, item_pair=5e-9, item_cube=1.6e-11, pair=6e-9),
    "ials": WorkCost(like=1.8e-6, user=3.2e-5, item=3.2e-5),
    "mf": WorkCost(fixed=0.03, like=6e-7, user=1e-5, item=1e-5),
    "aligned": WorkCost(fixed=0.03, like=9e-7, user=1e-5, item=1e-5),
    "ease-text": WorkCost(fixed=0.008, item_pair=7e-8, item_cube=4.5e-11, pair=6e-9),
    "ials-text": WorkCost(fixed=0.22, like=1.8e-5),
    "linear-order": WorkCost(fixed=0.003, item_pair=5e-8, item_cube=2e-11, pair=3.5e-8),
    "linear-order-text": WorkCost(fixed=0.01, item_pair=7e-8, item_cube=2.5e-11, pair=4e-8),
    "multimodal": WorkCost(fixed=0.1, like=2e-6, item=2e-6),
    "hybrid": WorkCost(fixed=0.3, like=1.5e-5, item_pair=9e-8, item_cube=7e-11, cell=1.2e-7),
}
"""One fit, by arm; a control costs what its arm does."""
CHOICES: Final[Mapping[str, WorkCost]] = {
    "hybrid": WorkCost(fixed=3.8, like=3.4e-5, item_pair=4e-7, item_cube=3e-11, cell=9e-7)
}
"""What an arm seeks once on each split by fits of its own: on a random one, with two kinds of texts."""
CHOICE_SHARES: Final[Mapping[str, float]] = {"timeline": 1.6, "last-n": 1.6, "cold-items": 0.8, "mixed": 1.4}
"""By protocol, of what is sought on a random split, and of a fit of what was found: on unseen items fewer parts count."""
DRAWN_AGAIN: Final = 0.5
"""Of what is sought, for each hold-out that is made because the split hides items, where fewer have users enough."""
FEWEST_DRAWS: Final = 3
MOST_DRAWN_AGAIN: Final = 5_000
"""Items of a mixed split up to which it is."""
ONE_TEXT: Final = 0.72
"""Of what is sought, where one kind of texts is read."""

LIST_FIXED: Final = 0.002
LIST_USER: Final = 2.5e-5
LIST_CELL: Final = 1.2e-8
"""Of one user over one item of the catalogue, by vectors of the encoder's."""
LIST_CELLS: Final[Mapping[str, float]] = {
    "popularity": 4e-9,
    "popularity-recent": 4e-9,
    "ials": 6e-9,
    "mf": 5e-9,
    "ials-text": 7e-9,
}
"""The same of arms with shorter vectors or none."""
EXPLAINED_USER: Final = 5e-5
EXPLAINED_BY: Final[Mapping[str, float]] = {"hybrid": 3e-4, "ials": 3e-4}
"""Where reasons take more than that for each user."""
SEARCHES: Final[Mapping[str, int]] = {
    "text-raw": 1,
    "text-user": 1,
    "text": 1,
    "aligned": 1,
    "ials-text": 2,
    "multimodal": 2,
    "hybrid": 4,
}
"""Vectors by which an arm asks the index for each user's candidates."""
SEARCH: Final = 1.9e-4
SEARCH_ITEM: Final = 3e-7
MOST_SCANNED: Final = 5_000
"""Above some thousands of items a graph is searched in place of them all."""

TOKEN: Final = 2.8e-4
"""Through the packaged model; another one's is in proportion to its multiplications."""
PACKAGED_PRODUCTS: Final = 12 * 6 * 384**2
"""Multiplications of a token in the packaged model's layers."""
LOADING: Final = 3.0
"""Weights and libraries of the encoder, once."""
EVENT_OF_FOLD: Final = 2e-6
FOLD: Final = 0.03
USER_TEXT: Final = 4e-4
"""Putting a user into words."""
CURVES: Final = 0.6
CURVE_USER: Final = 7e-3
"""Of a user of the sample: every reranker at every trade-off."""
CURVE_TOPIC: Final = 1e-4
"""Of such a user, for each topic that an item has: two of the rerankers weigh topics."""
MOST_CURVE_USERS: Final = 1_000
INDEX: Final = 0.1
INDEX_ITEM: Final = 1.5e-4
WORDS_ITEM: Final = 1.1e-4
"""TF-IDF of a text, and its short form."""
MEASURED_ARM: Final = 0.06
"""The measures of an arm's lists on one draw, whoever is in them."""
MEASURED_USER: Final = 1e-4
MEASURED_TOPIC: Final = 5e-7
"""Of a place of a list, for each topic that an item has."""
RESAMPLED_USER: Final = 3e-5
"""Intervals and tests of an arm on a split, for each user, at 1,000 resamples."""
LOG_EXPOSURE: Final = 1e-4
REPORT: Final = 0.5
REPORT_ARM: Final = 0.012

PROCESS_MIB: Final = 520.0
"""Libraries of a run, before data are read."""
READING_MIB: Final = 270.0
"""The encoder's weights and its batches, where a text is new."""
FITTING_MIB: Final = 650.0
"""Libraries of linear algebra, index and statistics, and what small fits leave."""
EVENT_BYTES: Final = 180
"""1,212 MiB in ``embed`` of a million events, 4,804 of twenty."""
N_VECTORS: Final = 4
"""Numbers of a vector's length for each item: raw and centred, of the model and of the words."""
PLACE_BYTES: Final = 50
VALUE_BYTES: Final = 550
"""Of an arm's user in ``evaluate``."""
CELL_BYTES: Final = 107
"""Of a score that the hybrid looks at, over all of its parts: 424 MiB at 4 million, 962 MiB at 8.4 million."""
FURTHER_CELL_BYTES: Final = 60
"""Of the same score on each further hold-out: 1.8 GiB of three on a split that hides items, at 8.4 million."""
PAIR_SHARE: Final = 0.6
"""Of the bytes of all pairs of items, what the hybrid has beside these scores: 1,749 MiB at 6,000 items and 9 million scores."""
TEXT_BYTES: Final = 1.3
"""A vector in the cache, in units of its own bytes."""
DISTINCT_SHARE: Final = 1.0
N_INDEXED: Final = 2
"""Numbers of a vector's length that the index has of each item: raw and centred."""
OWN_VECTORS: Final[Mapping[str, tuple[int, int]]] = {"hybrid": (1, 130), "aligned-both": (2, 0)}
"""What an arm's own collection has beside: numbers of a vector's length, and single ones."""
SEGMENT_SHARE: Final = 1.1
"""Of the bytes of a collection's vectors, with what is known of the items beside."""
LOG_SHARE: Final = 1.3
MOST_LOG_MIB: Final = 32.0
"""The log of what was written is cut where it is full."""
PLACE_DISK: Final = 8
VALUE_DISK: Final = 300
RESULT_BYTES: Final = 60_000
"""Of an arm on a split, in the result; the page has as much again."""
