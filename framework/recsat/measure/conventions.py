r"""Accuracy of lists made elsewhere, by the rules of other libraries.

All of them measure nDCG, MAP and the rest, and not all of them mean the same: what the ideal is, what is divided by, which users the
mean is taken over. The rules are those that the libraries compute with binary relevance and default arguments;
``docs/reference/conventions.md`` has them side by side, with what else differs. Hits are those of :mod:`recsat.measure.accuracy`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from recsat.errors import ConfigError, DataError, did_you_mean
from recsat.measure.accuracy import ACCURACY, Hits, Values, find_hits
from recsat.measure.discounts import discounts


def ndcg_over_k_of(hits: Hits) -> Values:
    r""":math:`\sum_{i \le k} \frac{\mathrm{rel}(i)}{\log_2(i+1)} \big/ \sum_{i \le k} \frac1{\log_2(i+1)}`: the ideal fills all k places."""
    worth = discounts(hits.k)
    return np.asarray(hits.gains @ worth / worth.sum(), dtype=np.float64)


def average_precision_over_relevant_of(hits: Hits) -> Values:
    r""":math:`\frac1{|R|} \sum_{i \le k} \mathrm{rel}(i) \cdot \mathrm{P}@i`; trec_eval's, which stays below 1 where :math:`|R| > k`."""
    return np.asarray((hits.gains * _precisions(hits)).sum(axis=1) / hits.n_relevant, dtype=np.float64)


def mean_precision_of(hits: Hits) -> Values:
    r""":math:`\frac1k \sum_{i \le k} \mathrm{P}@i`, over every place and not over the hits alone."""
    return np.asarray(_precisions(hits).mean(axis=1), dtype=np.float64)


@dataclass(frozen=True)
class Convention:
    """What one library makes of lists and held-out items."""

    library: str
    """Name and version of the library whose rules these are."""
    rules: Mapping[str, Callable[[Hits], Values]] = field(default_factory=dict)
    """Measures that differ from :data:`~recsat.measure.accuracy.ACCURACY`, by its keys."""
    misses_without_list: bool = True
    """Whether a user without a list counts as one whose list hits nothing; otherwise they are left out of the means."""

    @property
    def measures(self) -> dict[str, Callable[[Hits], Values]]:
        """Every measure by its key, in the order of :data:`~recsat.measure.accuracy.ACCURACY`."""
        return {**ACCURACY, **self.rules}


CONVENTIONS: Mapping[str, Convention] = {
    "recsat": Convention("recsat"),
    "ranx": Convention("ranx 0.3", {"map": average_precision_over_relevant_of}),
    "recbole": Convention("RecBole 1.2"),
    "rectools": Convention("RecTools 0.19", {"ndcg": ndcg_over_k_of, "map": average_precision_over_relevant_of}),
    "elliot": Convention("Elliot 0.3", {"map": mean_precision_of}, misses_without_list=False),
}
"""By the name that ``recsat score --as`` takes."""


def convention_of(name: str) -> Convention:
    """Raises ConfigError, with the nearest name, where there is no such convention."""
    if name not in CONVENTIONS:
        raise ConfigError(
            f"No convention is called {name!r}.{did_you_mean(name, CONVENTIONS)} There are {', '.join(CONVENTIONS)}."
        )
    return CONVENTIONS[name]


def score_lists(lists: pl.DataFrame, truth: pl.DataFrame, convention: Convention, *, k: int) -> pl.DataFrame:
    """(user_id, ndcg, precision, recall, map, mrr, hit): one row for each user over whom the convention takes its means.

    ``lists`` is (user_id, item_id, rank), ``truth`` (user_id, item_id). Lists of users who are not in ``truth`` are left aside.
    Raises DataError where no user of ``truth`` has a list, and what :func:`~recsat.measure.accuracy.find_hits` raises.

    >>> lists = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"], "rank": [1, 2]})
    >>> truth = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "a"]})
    >>> score_lists(lists, truth, CONVENTIONS["elliot"], k=2).select("user_id", "map").rows()  # (1/1 + 1/2) / 2, v left out
    [('u', 0.75)]
    """
    users = truth["user_id"].unique(maintain_order=True)
    has_list = users.is_in(lists["user_id"].unique().implode())
    if not has_list.any():
        raise DataError(
            f"lists: none of the {len(users)} users of the truth has a list, so nothing can be scored. "
            "Check that both files write user ids the same way."
        )
    hits = find_hits(lists, truth, users if convention.misses_without_list else users.filter(has_list), k=k)
    return pl.DataFrame({"user_id": hits.users, **{key: rule(hits) for key, rule in convention.measures.items()}})


def _precisions(hits: Hits) -> Values:
    """P@i of places 1 to k, (n_users, k)."""
    return np.asarray(np.cumsum(hits.gains, axis=1) / np.arange(1, hits.k + 1), dtype=np.float64)
