"""Diversity and novelty of single lists, one value per user: null where a list is too short to have one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.errors import DataError, UnknownItem
from recsat.measure.evidence import ItemVectors
from recsat.measure.exposure import ListedItems, Values, listed_items


def intra_list_diversity(lists: pl.DataFrame, item_vectors: ItemVectors) -> pl.DataFrame:
    r"""Mean pairwise distance inside each user's list.

    .. math:: \mathrm{ILD}(u) = \frac{2}{k(k-1)} \sum_{i<j} \bigl(1 - \cos(v_i, v_j)\bigr)

    Because vectors have unit length, the double sum is ``k² - ‖Σ v‖²``: O(k·d) for a user instead of O(k²·d).

    ``lists`` has (user_id, item_id, rank); lists of one item have no pairs and give null. Returns (user_id, value), value in [0, 2].
    Raises UnknownItem if a listed item has no vector. Ziegler et al., WWW 2005.

    >>> lists = pl.DataFrame({"user_id": ["u"] * 3, "item_id": ["a", "b", "c"], "rank": [1, 2, 3]})
    >>> vectors = ItemVectors(pl.Series(["a", "b", "c"]), np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32))
    >>> round(intra_list_diversity(lists, vectors)["value"][0], 4)  # distances 0, 1, 1
    0.6667
    """
    listed = listed_items(lists, lists["item_id"].unique(maintain_order=True))
    return listed.table(vector_diversity_of(listed, item_vectors))


def topic_diversity(lists: pl.DataFrame, items: pl.DataFrame, topics: str) -> pl.DataFrame:
    r"""Intra-list diversity over topics: the mean of :math:`1 - |A \cap B| / \sqrt{|A| |B|}` over pairs of items.

    That is :func:`intra_list_diversity` with each item's set of topics as its vector. Items without topics are left out;
    null where fewer than two are left. Value in [0, 1]. ``topics`` is a list-of-strings column of ``items``.

    >>> lists = pl.DataFrame({"user_id": ["u"] * 2, "item_id": ["a", "b"], "rank": [1, 2]})
    >>> items = pl.DataFrame({"item_id": ["a", "b"], "genres": [["Crime", "Drama"], ["Drama"]]})
    >>> round(topic_diversity(lists, items, "genres")["value"][0], 4)  # 1 - 1/√2
    0.2929
    """
    return _over_topics(topic_diversity_of, lists, items, topics)


def topic_entropy(lists: pl.DataFrame, items: pl.DataFrame, topics: str) -> pl.DataFrame:
    r"""Shannon entropy of a list's topics, in bits.

    .. math:: H(u) = -\sum_t p_t \log_2 p_t, \qquad p_t = \frac1n \sum_{i \in L_u} \frac{[t \in T_i]}{|T_i|}

    Every one of the n items that have topics spreads one share over them. 0 where all is one topic, :math:`\log_2` of the
    number of topics where all have the same share. Null where no item has a topic. Shannon 1948.

    >>> lists = pl.DataFrame({"user_id": ["u"] * 2, "item_id": ["a", "b"], "rank": [1, 2]})
    >>> items = pl.DataFrame({"item_id": ["a", "b"], "genres": [["Crime", "Drama"], ["Drama"]]})
    >>> round(topic_entropy(lists, items, "genres")["value"][0], 4)  # shares 1/4 and 3/4
    0.8113
    """
    return _over_topics(topic_entropy_of, lists, items, topics)


def topic_simpson(lists: pl.DataFrame, items: pl.DataFrame, topics: str) -> pl.DataFrame:
    r"""Gini–Simpson index of a list's topics: the chance that two draws from it show different topics.

    .. math:: 1 - \sum_t p_t^2

    with :math:`p_t` as in :func:`topic_entropy`. In [0, 1 − 1/number of topics]. Simpson, Nature 1949.

    >>> lists = pl.DataFrame({"user_id": ["u"] * 2, "item_id": ["a", "b"], "rank": [1, 2]})
    >>> items = pl.DataFrame({"item_id": ["a", "b"], "genres": [["Crime", "Drama"], ["Drama"]]})
    >>> topic_simpson(lists, items, "genres")["value"][0]  # 1 - 1/16 - 9/16
    0.375
    """
    return _over_topics(topic_simpson_of, lists, items, topics)


def novelty(lists: pl.DataFrame, known_likes: pl.DataFrame) -> pl.DataFrame:
    r"""Mean self-information of a list's items, in bits: how surprising it is that somebody knows them.

    .. math:: \mathrm{nov}(u) = \frac{1}{|L_u|} \sum_{i \in L_u} -\log_2 \frac{n_i + 1}{n + 1}

    :math:`n_i` of the n users in ``known_likes`` (user_id, item_id) liked item i. One is added so that an item that nobody
    knows yet has the largest value, :math:`\log_2(n + 1)`, and not infinity. Zhou et al., PNAS 2010.

    >>> lists = pl.DataFrame({"user_id": ["u"] * 2, "item_id": ["a", "b"], "rank": [1, 2]})
    >>> known = pl.DataFrame({"user_id": ["u", "v", "w"], "item_id": ["a", "a", "a"]})
    >>> novelty(lists, known)["value"].to_list()  # -log2(4/4) and -log2(1/4)
    [1.0]
    """
    listed = listed_items(lists, lists["item_id"].unique(maintain_order=True))
    pairs = known_likes.select("user_id", "item_id").unique()
    n_likes, n_users = pairs.group_by("item_id").len(name="n"), pairs["user_id"].n_unique()
    return listed.table(novelty_of(listed, self_information(n_likes, n_users, listed.items)))


def vector_diversity_of(listed: ListedItems, item_vectors: ItemVectors) -> Values:
    """:func:`intra_list_diversity` by user row; NaN where there are no pairs. Items of zero length are left out."""
    vectors = _aligned(item_vectors, listed)
    weights = (vectors**2).sum(axis=1)
    sums = np.zeros(len(listed.users))
    for rows, part in listed.blocks():
        sums[rows] = ((part @ vectors).astype(np.float64) ** 2).sum(axis=1)
    return _mean_distance(listed, sums, weights)


def topic_diversity_of(listed: ListedItems, topics: csr_array) -> Values:
    """:func:`topic_diversity` by user row; ``topics`` as :func:`topic_matrix` gives it."""
    lengths = np.sqrt(topics.power(2).sum(axis=1))
    unit = topics.multiply(np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)[:, None]).tocsr()
    sums = np.asarray((listed.matrix @ unit).power(2).sum(axis=1), dtype=np.float64)
    return np.minimum(_mean_distance(listed, sums, (lengths > 0).astype(np.float64)), 1.0)


def topic_entropy_of(listed: ListedItems, topics: csr_array) -> Values:
    """:func:`topic_entropy` by user row."""
    shares, has_topics = _shares(listed, topics)
    terms = shares.copy()
    terms.data = -shares.data * np.log2(shares.data)
    return np.asarray(np.where(has_topics, terms.sum(axis=1) + 0.0, np.nan), dtype=np.float64)


def topic_simpson_of(listed: ListedItems, topics: csr_array) -> Values:
    """:func:`topic_simpson` by user row."""
    shares, has_topics = _shares(listed, topics)
    return np.asarray(np.where(has_topics, 1 - shares.power(2).sum(axis=1), np.nan), dtype=np.float64)


def novelty_of(listed: ListedItems, information: Values) -> Values:
    """:func:`novelty` by user row; ``information`` as :func:`self_information` gives it."""
    n = listed.lengths
    return np.asarray(np.divide(listed.matrix @ information, n, out=np.full(len(n), np.nan), where=n > 0))


def self_information(n_likes: pl.DataFrame, n_users: int, items: pl.Series) -> Values:
    """Bits of each of ``items``, as :func:`novelty` defines them: ``n_likes`` (item_id, n) of ``n_users`` users."""
    n = items.rename("item_id").to_frame().join(n_likes, on="item_id", how="left", maintain_order="left")["n"]
    share = (n.fill_null(0).to_numpy().astype(np.float64) + 1) / (n_users + 1)
    return np.asarray(-np.log2(share) + 0.0, dtype=np.float64)


def topic_matrix(items: pl.DataFrame, topics: str, order: pl.Series) -> csr_array:
    """(len(order), n_topics) float64: row i spreads 1 evenly over the topics of item ``order[i]``; empty without topics."""
    if topics not in items.columns or items.schema[topics] != pl.List(pl.String):
        fault = f"it is {items.schema[topics]}" if topics in items.columns else "there is no such column"
        raise DataError(
            f"items: column {topics!r} should hold lists of strings, the topics of each item; {fault}. "
            "Mend the loader, or set the domain's topics to None."
        )
    rows = order.rename("item_id").to_frame().with_row_index("row")
    pairs = (
        items.lazy()
        .select("item_id", topic=pl.col(topics))
        .explode("topic")
        .drop_nulls("topic")
        .unique()
        .join(rows.lazy(), on="item_id")
        .with_columns(column=pl.col("topic").rank("dense") - 1, share=1 / pl.len().over("item_id"))
        .collect()
    )
    n_topics = pairs["topic"].n_unique()
    place = (pairs["row"].to_numpy(), pairs["column"].to_numpy())
    return csr_array((pairs["share"].to_numpy(), place), shape=(len(order), n_topics))


def _over_topics(
    measure: Callable[[ListedItems, csr_array], Values], lists: pl.DataFrame, items: pl.DataFrame, topics: str
) -> pl.DataFrame:
    listed = listed_items(lists, items["item_id"])
    return listed.table(measure(listed, topic_matrix(items, topics, listed.items)))


def _shares(listed: ListedItems, topics: csr_array) -> tuple[csr_array, NDArray[np.bool_]]:
    """p_t of every list, and whether it has any."""
    mass = (listed.matrix @ topics).tocsr()
    n = np.asarray(mass.sum(axis=1), dtype=np.float64)
    shares = mass.multiply(np.divide(1.0, n, out=np.zeros_like(n), where=n > 0)[:, None]).tocsr()
    return shares, n > 0


def _mean_distance(listed: ListedItems, squared_sums: Values, squared_lengths: Values) -> Values:
    """1 − (‖Σv‖² − Σ‖v‖²) / n(n−1) over the n items that have a vector."""
    sum_of_squares = np.asarray(listed.matrix @ squared_lengths, dtype=np.float64)
    n = np.asarray(listed.matrix @ (squared_lengths > 0).astype(np.float64))
    pairs = n * (n - 1)
    distance = 1 - np.divide(squared_sums - sum_of_squares, pairs, out=np.full(len(n), np.nan), where=pairs > 0)
    return np.asarray(np.clip(distance, 0.0, 2.0), dtype=np.float64)


def _aligned(item_vectors: ItemVectors, listed: ListedItems) -> NDArray[np.float32]:
    """Vectors in the order of ``shown.items``; zero for those that no list shows and that have none."""
    if item_vectors.ids.equals(listed.items):
        return item_vectors.values
    known = pl.DataFrame({"item_id": item_vectors.ids, "row": np.arange(len(item_vectors.ids), dtype=np.int64)})
    rows = listed.items.rename("item_id").to_frame().join(known, on="item_id", how="left", maintain_order="left")["row"]
    missing = rows.is_null().to_numpy() & (listed.counts > 0)
    if missing.any():
        raise UnknownItem(
            f"lists: item {listed.items[int(missing.argmax())]!r} has no vector. Embed the catalogue again, or mend the lists."
        )
    vectors: NDArray[np.float32] = item_vectors.values[rows.fill_null(0).to_numpy()]
    vectors[rows.is_null().to_numpy()] = 0.0
    return vectors
