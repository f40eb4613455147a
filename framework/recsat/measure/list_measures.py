"""How a user's list relates to their history and to popularity: one value per user, null (NaN) where it has none.

What was liked before the cut is ``known_likes``; held-out likes are ``relevant``. Lists and history are over *all* items, not over the
candidates alone: on a split of unseen items the history lies outside of them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.measure.discounts import discounts
from recsat.measure.diversity import topic_matrix
from recsat.measure.exposure import ListedItems, Values, listed_items, places_among

SMOOTHING: Final = 0.01
"""α of Steck: this much of the history is mixed into the list, so that a topic that the list lacks does not cost infinity."""


def serendipity(
    lists: pl.DataFrame, relevant: pl.DataFrame, known_likes: pl.DataFrame, items: pl.Series, *, k: int
) -> pl.DataFrame:
    r"""Share of the k places that hold a liked item which popularity would not have shown.

    .. math:: \mathrm{SRDP}@k(u) = \frac1k \sum_{i \le k} \mathrm{rel}(i) \cdot [\,i \notin \mathrm{PM}_u\,]

    :math:`\mathrm{PM}_u`, the primitive model, holds the k items that most users liked before the cut and u did not, with those that
    tie with the last of them, and what u liked before. An item that nobody liked before the cut is never in it. Between 0 and
    :func:`~recsat.measure.accuracy.precision`. Ge, Delgado-Battenfeld and Jannach, RecSys 2010, after Murakami et al. 2007.

    ``items`` are the ids of all items. Null for users without a relevant item.

    >>> known = pl.DataFrame({"user_id": ["u", "v", "w", "w"], "item_id": ["a", "b", "b", "c"]})
    >>> lists = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["b", "c"], "rank": [1, 2]})
    >>> relevant = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["b", "c"]})
    >>> serendipity(lists, relevant, known, pl.Series(["a", "b", "c"]), k=1)["value"].to_list()  # b is the most popular
    [0.0]
    >>> lists = lists.with_columns(rank=pl.Series([2, 1]))
    >>> serendipity(lists, relevant, known, pl.Series(["a", "b", "c"]), k=1)["value"].to_list()
    [1.0]
    """
    listed = listed_items(lists, items, k=k)
    history, held_out = (listed_items(pairs, items, listed.users) for pairs in (known_likes, relevant))
    counts = item_counts(known_likes, items)
    return listed.table(serendipity_of(listed, held_out, history, counts, least_popular(history, counts, k), k=k))


def topic_divergence(lists: pl.DataFrame, known_likes: pl.DataFrame, items: pl.DataFrame, topics: str) -> pl.DataFrame:
    r"""Miscalibration: how far the topics of the list are from those of the user's history, in nats; 0 is calibrated.

    .. math:: \mathrm{KL}(p \,\|\, \tilde q) = \sum_t p_t \ln \frac{p_t}{\tilde q_t}, \qquad \tilde q = (1 - \alpha)\, q + \alpha\, p

    p is the share of each topic in the history and q in the list, each item spreading one share over its topics, :math:`\alpha = 0.01`;
    at most :math:`\ln 100`. Null without a topic in the history or in the list. Steck, RecSys 2018, equations 1 to 5.

    >>> lists = pl.DataFrame({"user_id": ["u"] * 2, "item_id": ["a", "b"], "rank": [1, 2]})
    >>> known = pl.DataFrame({"user_id": ["u"], "item_id": ["b"]})
    >>> items = pl.DataFrame({"item_id": ["a", "b"], "genres": [["Crime"], ["Drama"]]})
    >>> round(topic_divergence(lists, known, items, "genres")["value"][0], 4)  # ln(1 / (.99 · 1/2 + .01))
    0.6832
    """
    listed, history, matrix = _with_topics(lists, known_likes, items, topics)
    return listed.table(topic_divergence_of(topic_shares(history, matrix), topic_shares(listed, matrix)))


def topic_hellinger(lists: pl.DataFrame, known_likes: pl.DataFrame, items: pl.DataFrame, topics: str) -> pl.DataFrame:
    r"""Hellinger's distance between the topics of the list and of the user's history, in [0, 1]; 0 is calibrated.

    .. math:: H(p, q) = \sqrt{1 - \sum_t \sqrt{p_t q_t}}

    p and q as in :func:`topic_divergence`; needs no smoothing and 1 means that they share no topic. Null as there. Hellinger 1909.

    >>> lists = pl.DataFrame({"user_id": ["u"] * 2, "item_id": ["a", "b"], "rank": [1, 2]})
    >>> known = pl.DataFrame({"user_id": ["u"], "item_id": ["b"]})
    >>> items = pl.DataFrame({"item_id": ["a", "b"], "genres": [["Crime"], ["Drama"]]})
    >>> round(topic_hellinger(lists, known, items, "genres")["value"][0], 4)  # √(1 − √½)
    0.5412
    """
    listed, history, matrix = _with_topics(lists, known_likes, items, topics)
    return listed.table(topic_hellinger_of(topic_shares(history, matrix), topic_shares(listed, matrix)))


def popularity_lift(lists: pl.DataFrame, known_likes: pl.DataFrame, items: pl.Series) -> pl.DataFrame:
    r"""How much more popular listed items are than those of the user's history, in doublings.

    .. math:: \frac1{|L_u|} \sum_{i \in L_u} \log_2 (n_i^{-u} + 1) - \frac1{|H_u|} \sum_{i \in H_u} \log_2 (n_i^{-u} + 1)

    :math:`n_i^{-u}` *other* users liked item i before the cut; with u among them, every item of the history would be more popular
    than an unseen one for that alone. 0 keeps the user's own taste for the popular, 1 is twice as popular, below 0 is towards
    the niche. Null without a history or a list. After Abdollahpouri et al., RecSys 2020, who compare means of plain counts, which
    a single bestseller decides.

    >>> known = pl.DataFrame({"user_id": ["u", "v", "w", "x"], "item_id": ["a", "b", "b", "b"]})
    >>> lists = pl.DataFrame({"user_id": ["u"], "item_id": ["b"], "rank": [1]})
    >>> popularity_lift(lists, known, pl.Series(["a", "b"]))["value"].to_list()  # log2(3 + 1) − log2(0 + 1)
    [2.0]
    """
    listed = listed_items(lists, items)
    history = listed_items(known_likes, items, listed.users)
    return listed.table(popularity_lift_of(listed, history, item_counts(known_likes, items)))


def debiased_ndcg(
    lists: pl.DataFrame,
    relevant: pl.DataFrame,
    known_likes: pl.DataFrame,
    items: pl.Series,
    *,
    k: int,
    power: float = 0.5,
) -> pl.DataFrame:
    r"""nDCG in which a hit counts by the inverse of its propensity to have been observed, self-normalised.

    .. math:: \frac{\sum_{i \le k} w_i\, \mathrm{rel}(i) / \log_2(i+1)}{\max_\pi \sum_{i \le k} w_{\pi(i)} / \log_2(i+1)},
              \qquad w_i = 1 / \hat p_i, \quad \hat p_i \propto (n_i + 1)^{\gamma}

    Held-out likes are a biased sample: what is popular is met more often. :math:`n_i` users liked item i before the cut; with
    ``power`` :math:`\gamma` = 0.5 that is the propensity of Saito et al., WSDM 2020, with one added for items that nobody liked. The
    denominator is the best order of the user's relevant items, so the scale of the propensities falls out (Swaminathan and
    Joachims, NeurIPS 2015) and equal weights give :func:`~recsat.measure.accuracy.ndcg`. Yang et al., RecSys 2018, weight users'
    hits the same way and divide by :math:`\sum_R w_i`, which no list reaches. Weights act within a user: where each has one held-out
    item, this is the raw nDCG, and a part of the bias always stays. It is right as far as the propensities are; they are assumed,
    not measured.

    ``items`` are the ids of all items. Null for users without a relevant item.

    >>> known = pl.DataFrame({"user_id": list("vwx"), "item_id": ["a", "a", "a"]})
    >>> lists = pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "rank": [1]})
    >>> relevant = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"]})
    >>> round(debiased_ndcg(lists, relevant, known, pl.Series(["a", "b"]), k=2)["value"][0], 4)  # ½ / (1 + ½ / log2 3)
    0.3801
    """
    listed = listed_items(lists, items, k=k)
    held_out = listed_items(relevant, items, listed.users)
    weights = inverse_propensities(item_counts(known_likes, items), power)
    return listed.table(debiased_ndcg_of(discounted_places(lists, listed, k=k), held_out, weights, k=k))


def serendipity_of(
    listed: ListedItems,
    held_out: ListedItems,
    history: ListedItems,
    counts: NDArray[np.int64],
    primitive: NDArray[np.int64],
    *,
    k: int,
) -> Values:
    """:func:`serendipity` by user row; the first three over the same users and items, ``counts`` as :func:`item_counts` and ``primitive`` as
    :func:`least_popular` gives them.
    """
    hits = listed.matrix.multiply(held_out.matrix)
    new = (hits - hits.multiply(history.matrix)).tocoo()
    users, items = new.coords
    of_item = counts[items]
    unexpected = new.data * ((of_item == 0) | (of_item < primitive[users]))
    values = np.bincount(users, weights=unexpected, minlength=len(listed.users)) / k
    return np.asarray(np.where(held_out.lengths > 0, values, np.nan), dtype=np.float64)


def topic_divergence_of(p: csr_array, q: csr_array) -> Values:
    """:func:`topic_divergence` by user row; :func:`topic_shares` of the histories and of the lists."""
    both = p.multiply(q).tocsr()
    both.data = np.ones_like(both.data)
    of_history, of_list = (_sorted(shares.multiply(both)) for shares in (p, q))
    # A topic that the list lacks costs p ln(1/α) whatever p is, so only the topics that both have are looked at.
    most = np.log(1 / SMOOTHING)
    terms = of_history.copy()
    terms.data = of_history.data * (
        np.log(of_history.data / ((1 - SMOOTHING) * of_list.data + SMOOTHING * of_history.data)) - most
    )
    return np.where(_have_topics(p, q), np.maximum(most + terms.sum(axis=1), 0.0), np.nan)


def topic_hellinger_of(p: csr_array, q: csr_array) -> Values:
    """:func:`topic_hellinger` by user row; :func:`topic_shares` of the histories and of the lists."""
    overlap = np.asarray(p.multiply(q).sqrt().sum(axis=1), dtype=np.float64)
    return np.where(_have_topics(p, q), np.sqrt(np.maximum(1.0 - overlap, 0.0)), np.nan)


def popularity_lift_of(listed: ListedItems, history: ListedItems, counts: NDArray[np.int64]) -> Values:
    """:func:`popularity_lift` by user row; ``counts`` as :func:`item_counts` gives them."""
    everybody, others = np.log2(counts + 1.0), np.log2(np.maximum(counts, 1.0))
    of_list = listed.matrix @ everybody - listed.matrix.multiply(history.matrix) @ (everybody - others)
    return _over(of_list, listed.lengths) - _over(history.matrix @ others, history.lengths)


def debiased_ndcg_of(places: csr_array, held_out: ListedItems, weights: Values, *, k: int) -> Values:
    """:func:`debiased_ndcg` by user row; ``places`` as :func:`discounted_places` gives them, ``weights`` (n_items,)."""
    gains = np.asarray(places.multiply(held_out.matrix) @ weights, dtype=np.float64)
    relevant = held_out.matrix.tocoo()
    users, items = relevant.coords
    of_item = weights[items]
    best_first = np.lexsort((-of_item, users))
    rank = np.arange(len(users)) - held_out.matrix.indptr[users]
    worth = np.where(rank < k, discounts(k)[np.minimum(rank, k - 1)], 0.0)
    ideal = np.bincount(users, weights=of_item[best_first] * worth, minlength=len(held_out.users))
    return _over(gains, ideal)


def item_counts(known_likes: pl.DataFrame, items: pl.Series) -> NDArray[np.int64]:
    """(n_items,) users who liked each of ``items``."""
    return listed_items(known_likes, items).counts


def inverse_propensities(counts: NDArray[np.int64], power: float = 0.5) -> Values:
    r"""(n_items,) weights :math:`(n_i + 1)^{-\gamma}` of :func:`debiased_ndcg`.

    >>> inverse_propensities(np.array([0, 3]))
    array([1. , 0.5])
    """
    return np.asarray((counts + 1.0) ** -power, dtype=np.float64)


def discounted_places(lists: pl.DataFrame, listed: ListedItems, *, k: int) -> csr_array:
    """(n_users, n_items) 1 / log2(rank + 1) where ``lists`` (user_id, item_id, rank) have an item among the first k."""
    top = lists.filter(pl.col("rank") <= k)
    row, column = places_among(top["user_id"], listed.users), places_among(top["item_id"], listed.items)
    inside = (row >= 0) & (column >= 0)
    worth = discounts(k)[top["rank"].to_numpy()[inside] - 1]
    return csr_array((worth, (row[inside], column[inside])), shape=listed.matrix.shape)


def _with_topics(
    lists: pl.DataFrame, known_likes: pl.DataFrame, items: pl.DataFrame, topics: str
) -> tuple[ListedItems, ListedItems, csr_array]:
    listed = listed_items(lists, items["item_id"])
    history = listed_items(known_likes, items["item_id"], listed.users)
    return listed, history, topic_matrix(items, topics, items["item_id"])


def topic_shares(listed: ListedItems, topics: csr_array) -> csr_array:
    """(n_users, n_topics) shares that sum to 1; an empty row where no item has a topic. ``topics`` as :func:`~recsat.measure.diversity.topic_matrix`
    gives it.
    """
    mass = (listed.matrix @ topics).tocsr()
    total = np.asarray(mass.sum(axis=1), dtype=np.float64)
    return _sorted(mass.multiply(np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)[:, None]))


def _have_topics(*shares: csr_array) -> NDArray[np.bool_]:
    return np.asarray(np.all([np.diff(each.indptr) > 0 for each in shares], axis=0), dtype=np.bool_)


def _sorted(matrix: csr_array) -> csr_array:
    cells: csr_array = matrix.tocsr()
    cells.sort_indices()
    return cells


def least_popular(history: ListedItems, counts: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """(n_users,) count of the k-th most popular item that the user did not like; 0 where there are fewer."""
    by_popularity = np.argsort(-counts, kind="stable")
    place = np.empty_like(by_popularity)
    place[by_popularity] = np.arange(len(counts))
    users = history.matrix.tocoo().coords[0]
    places = place[history.matrix.indices]
    places = places[np.lexsort((places, users))]
    earlier = np.arange(len(users)) - history.matrix.indptr[users]
    # The item at place p, with j liked ones before it, comes before the k-th that is not liked if p - j of those are fewer than k.
    skipped = np.bincount(users[places - earlier < k], minlength=len(history.users))
    ordered = np.append(counts[by_popularity], 0)
    return np.asarray(ordered[np.minimum(k - 1 + skipped, len(counts))], dtype=np.int64)


def _over(sums: Values, totals: NDArray[np.int64] | Values) -> Values:
    """NaN where the total is 0."""
    means = np.divide(sums, totals, out=np.full(len(totals), np.nan), where=totals > 0)
    return np.asarray(means, dtype=np.float64)
