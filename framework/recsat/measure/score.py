"""All values of one arm's lists: arrays by (slice, measure), aligned with everybody judged, NaN where not defined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.contract.domain import SatisfactionMetric
from recsat.errors import UnknownItem
from recsat.measure import concentration, diversity, list_measures
from recsat.measure.accuracy import ACCURACY, Values, find_hits
from recsat.measure.evidence import Evidence
from recsat.measure.exposure import ListedItems, listed_items, places_among
from recsat.measure.measures import key_of
from recsat.measure.satisfaction import exposed_users, judge, measure_satisfaction
from recsat.measure.slices import exposure_slices, item_slices, kind_slices, user_slices

ALL = "all"
Scores = dict[tuple[str, str], Values]


@dataclass(frozen=True)
class EvaluationCache:
    """The evidence of a split, prepared once for all arms."""

    evidence: Evidence
    k: int
    with_exposed: bool = False
    """Whether a metric has values of users to whom something was shown, served or not."""

    @cached_property
    def users(self) -> pl.Series:
        """Everybody who was served."""
        return self.evidence.users.rename("user_id").cast(pl.String)

    @cached_property
    def everybody(self) -> pl.Series:
        """``users`` first, then those to whom something was shown; rows of all values are theirs."""
        others = exposed_users(self.evidence, self.users) if self.with_exposed else self.users.clear()
        return pl.concat([self.users, others])

    @cached_property
    def catalogue(self) -> pl.Series:
        """Ids of the items that are ranked."""
        candidates = self.evidence.candidates
        return self.items if candidates is None else candidates.rename("item_id")

    @cached_property
    def relevant(self) -> dict[str, pl.DataFrame]:
        """Relevant pairs of the served users: all, and within each slice of items that has some but not all."""
        pairs = self.evidence.relevant.select("user_id", "item_id").unique()
        pairs = pairs.filter(pl.col("user_id").is_in(self.users.implode()))
        by_slice = {ALL: pairs}
        of_items = item_slices(self.evidence.n_likes["item_id"], self.catalogue)
        for name, items in (of_items | kind_slices(self.evidence.items, self.catalogue)).items():
            within = pairs.filter(pl.col("item_id").is_in(items.implode()))
            if 0 < within.height < pairs.height:
                by_slice[name] = within
        return by_slice

    @cached_property
    def user_rows(self) -> dict[str, NDArray[np.bool_]]:
        """Which users are in each slice of users."""
        slices = user_slices(self.evidence.n_likes["user_id"], self.users)
        return {name: self.users.is_in(ids.implode()).to_numpy() for name, ids in slices.items()}

    @cached_property
    def exposures(self) -> dict[str, pl.DataFrame]:
        """What was shown, by surface and by place on the page; empty where no metric is of those to whom something was shown."""
        exposures = self.evidence.exposures
        return exposure_slices(exposures) if self.with_exposed and exposures is not None else {}

    @cached_property
    def topics(self) -> csr_array | None:
        topics = self.evidence.topics
        return None if topics is None else diversity.topic_matrix(self.evidence.items, topics, self.catalogue)

    @cached_property
    def items(self) -> pl.Series:
        """Ids of the whole catalogue: what is in a history may be no candidate."""
        return self.evidence.items["item_id"]

    @cached_property
    def history(self) -> ListedItems:
        return self.evidence.liked_items

    @cached_property
    def held_out(self) -> ListedItems:
        return listed_items(self.relevant[ALL], self.items, self.users)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Users who liked each item of the whole catalogue before the cut."""
        items = self.items.to_frame().join(
            self.evidence.n_likes["item_id"], on="item_id", how="left", maintain_order="left"
        )
        return items["n"].fill_null(0).to_numpy().astype(np.int64)

    @cached_property
    def topics_of_all(self) -> csr_array | None:
        topics = self.evidence.topics
        return None if topics is None else diversity.topic_matrix(self.evidence.items, topics, self.items)

    @cached_property
    def history_topics(self) -> csr_array:
        """Shares of the topics in each user's history."""
        assert self.topics_of_all is not None
        return list_measures.topic_shares(self.history, self.topics_of_all)

    @cached_property
    def primitive(self) -> NDArray[np.int64]:
        """How popular an item must be for a list of popular items to show it to the user."""
        return list_measures.least_popular(self.history, self.counts, self.k)

    def listed(self, lists: pl.DataFrame) -> ListedItems:
        """The first k places over ``catalogue``; raises UnknownItem as :func:`~recsat.measure.exposure.listed_items` does."""
        return listed_items(lists, self.catalogue, self.users, k=self.k)

    def over_items(self, listed: ListedItems) -> ListedItems:
        """The same lists over ``items``; raises UnknownItem where one of them is not there."""
        if self.catalogue is self.items:
            return listed
        by_place = listed.matrix
        columns = self._places[by_place.indices]
        if (columns < 0).any():
            unknown = self.catalogue[int(by_place.indices[np.argmin(columns)])]
            raise UnknownItem(f"lists: candidate {unknown!r} is not in the table of items. Add it there.")
        matrix = csr_array((by_place.data.copy(), columns, by_place.indptr), shape=(len(self.users), len(self.items)))
        matrix.sort_indices()
        return ListedItems(listed.users, self.items, matrix)

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """Of ``catalogue`` among ``items``."""
        return places_among(self.catalogue, self.items)

    @cached_property
    def information(self) -> Values:
        """Bits of each item of the catalogue."""
        n_likes = self.evidence.n_likes
        return diversity.self_information(n_likes["item_id"], n_likes["user_id"].height, self.catalogue)


def score_users(
    lists: pl.DataFrame, listed: ListedItems, cache: EvaluationCache, metrics: Mapping[str, SatisfactionMetric]
) -> Scores:
    """Of ``lists``, with what :meth:`EvaluationCache.listed` makes of them, the measures that have a value for each user, on all users and on every slice of items; of a slice of users they are those of everybody in it.

    Item slices have accuracy alone: the lists stay as they are, and the relevant items are those of the slice. Metrics
    ``of_exposed`` have slices of what was shown instead.
    """
    scores: Scores = {}
    for part, relevant in cache.relevant.items():
        scores |= {(part, name): values for name, values in _accuracy(lists, relevant, cache).items()}
    scores |= {(ALL, name): values for name, values in _diversity(listed, cache).items()}
    scores |= {(ALL, name): values for name, values in _related(lists, listed, cache).items()}
    if not metrics:
        return {key: _padded(values, cache) for key, values in scores.items()}
    judged = judge(lists, cache.evidence)
    for name, metric in metrics.items():
        if not metric.of_exposed:
            scores[ALL, name] = _aligned(measure_satisfaction(name, metric, judged), cache.users)
    scores = {key: _padded(values, cache) for key, values in scores.items()}
    for name, metric in metrics.items():
        if metric.of_exposed:
            scores[ALL, name] = _aligned(measure_satisfaction(name, metric, judged), cache.everybody)
            for part, exposures in cache.exposures.items():
                within = replace(judged, exposures=exposures)
                if metric.obstacle is None or metric.obstacle(within) is None:
                    scores[part, name] = _aligned(measure_satisfaction(name, metric, within), cache.everybody)
    return scores


def score_catalogue(listed: ListedItems, cache: EvaluationCache) -> dict[str, Values]:
    """Measures of all lists together, as the jackknife's value of each user; see :mod:`recsat.measure.concentration`."""
    measures = {
        "coverage": concentration.coverage_of,
        "entropy": concentration.entropy_of,
        "simpson": concentration.simpson_of,
        "gini": concentration.gini_of,
    }
    return {key_of(name, cache.k): _padded(measure(listed).user_values, cache) for name, measure in measures.items()}


def _accuracy(lists: pl.DataFrame, relevant: pl.DataFrame, cache: EvaluationCache) -> dict[str, Values]:
    is_judged = cache.users.is_in(relevant["user_id"].unique().implode())
    hits = find_hits(lists, relevant, cache.users.filter(is_judged), k=cache.k)
    rows = is_judged.to_numpy()
    scores = {}
    for name, measure in ACCURACY.items():
        values = np.full(len(cache.users), np.nan)
        values[rows] = measure(hits)
        scores[key_of(name, cache.k)] = values
    return scores


def _related(lists: pl.DataFrame, listed: ListedItems, cache: EvaluationCache) -> dict[str, Values]:
    """Measures of a list beside its user's history and what it could have held."""
    listed = cache.over_items(listed)
    places = list_measures.discounted_places(lists, listed, k=cache.k)
    weights = list_measures.inverse_propensities(cache.counts)
    scores = {
        "serendipity": list_measures.serendipity_of(
            listed, cache.held_out, cache.history, cache.counts, cache.primitive, k=cache.k
        ),
        "popularity-lift": list_measures.popularity_lift_of(listed, cache.history, cache.counts),
        "debiased-ndcg": list_measures.debiased_ndcg_of(places, cache.held_out, weights, k=cache.k),
    }
    if (topics := cache.topics_of_all) is not None:
        of_history, of_lists = cache.history_topics, list_measures.topic_shares(listed, topics)
        scores["topic-kl"] = list_measures.topic_divergence_of(of_history, of_lists)
        scores["topic-hellinger"] = list_measures.topic_hellinger_of(of_history, of_lists)
    return {key_of(name, cache.k): values for name, values in scores.items()}


def _diversity(listed: ListedItems, cache: EvaluationCache) -> dict[str, Values]:
    scores = {"novelty": diversity.novelty_of(listed, cache.information)}
    if cache.evidence.vectors is not None:
        scores["ild"] = diversity.vector_diversity_of(listed, cache.evidence.vectors)
    if cache.topics is not None:
        scores["topic-ild"] = diversity.topic_diversity_of(listed, cache.topics)
        scores["topic-entropy"] = diversity.topic_entropy_of(listed, cache.topics)
        scores["topic-simpson"] = diversity.topic_simpson_of(listed, cache.topics)
    return {key_of(name, cache.k): values for name, values in scores.items()}


def _padded(values: Values, cache: EvaluationCache) -> Values:
    """Values of the served users, and NaN for those who were not."""
    if len(values) == len(cache.everybody):
        return values
    return np.concatenate([values, np.full(len(cache.everybody) - len(values), np.nan)])


def _aligned(table: pl.DataFrame, users: pl.Series) -> Values:
    joined = users.to_frame().join(table, on="user_id", how="left", maintain_order="left")
    return joined["value"].fill_null(float("nan")).to_numpy()
