"""Queries of ``qdrant_client.models`` as queries of the embedded engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
import qdrant_edge as edge
from qdrant_client import models

from recsat.errors import StoreError
from recsat.store.edge_filters import edge_filter
from recsat.store.port import PointId

Lookup = Callable[[PointId, str], list[float]]
"""The stored vector of a point, by id and vector name."""


def edge_request(request: models.QueryRequest, lookup: Lookup) -> Any:
    """The request, with points named by id resolved through ``lookup`` and left out of its hits, as a server does."""
    translation = _Translation(lookup, request.using or "")
    query = translation.query(request.query)
    return edge.QueryRequest(
        limit=10 if request.limit is None else request.limit,
        offset=request.offset,
        query=query,
        prefetches=_prefetches(request.prefetch, lookup),
        with_vector=request.with_vector or False,
        with_payload=_selection(request.with_payload),
        filter=edge_filter(_without(request.filter, translation.named)),
        score_threshold=request.score_threshold,
        params=edge_params(request.params),
    )


def edge_params(params: models.SearchParams | None) -> Any:
    if params is None:
        return None
    quantization, acorn = None, None
    if (wanted := params.quantization) is not None:
        quantization = edge.QuantizationSearchParams(
            ignore=bool(wanted.ignore), rescore=wanted.rescore, oversampling=wanted.oversampling
        )
    if params.acorn is not None:
        acorn = edge.AcornSearchParams(enable=bool(params.acorn.enable), max_selectivity=params.acorn.max_selectivity)
    return edge.SearchParams(
        hnsw_ef=params.hnsw_ef,
        exact=bool(params.exact),
        indexed_only=bool(params.indexed_only),
        quantization=quantization,
        acorn=acorn,
    )


def _prefetches(prefetch: Any, lookup: Lookup) -> list[Any] | None:
    if not prefetch:
        return None
    translated = []
    for part in prefetch if isinstance(prefetch, Sequence) else [prefetch]:
        translation = _Translation(lookup, part.using or "")
        query = translation.query(part.query)
        translated.append(
            edge.Prefetch(
                limit=10 if part.limit is None else part.limit,
                query=query,
                prefetches=_prefetches(part.prefetch, lookup),
                params=edge_params(part.params),
                filter=edge_filter(_without(part.filter, translation.named)),
                score_threshold=part.score_threshold,
            )
        )
    return translated


def _selection(wanted: Any) -> Any:
    match wanted:
        case models.PayloadSelectorInclude():
            return edge.PayloadSelector.Include(wanted.include)
        case models.PayloadSelectorExclude():
            return edge.PayloadSelector.Exclude(wanted.exclude)
    return wanted or False


def _without(where: models.Filter | None, ids: list[PointId]) -> models.Filter | None:
    if not ids:
        return where
    barred: list[Any] = [models.HasIdCondition(has_id=ids)]
    if where is None:
        return models.Filter(must_not=barred)
    return models.Filter(must=[where], must_not=barred)


@dataclass
class _Translation:
    lookup: Lookup
    using: str
    named: list[PointId] = field(default_factory=list)

    def vector(self, example: Any) -> list[float]:
        if isinstance(example, (int, str, UUID)):
            self.named.append(example)
            return self.lookup(example, self.using)
        if isinstance(example, (list, np.ndarray)):
            return [float(x) for x in example]
        raise _unknown(example)

    def query(self, query: Any) -> Any:
        match query:
            case None:
                return None
            case models.NearestQuery(mmr=None):
                return edge.Query.Nearest(self.vector(query.nearest), using=self.using)
            case models.NearestQuery(mmr=models.Mmr() as mmr):
                diversity = 0.5 if mmr.diversity is None else mmr.diversity
                return edge.Mmr(
                    self.vector(query.nearest), 1.0 - diversity, mmr.candidates_limit or 100, using=self.using
                )
            case models.FusionQuery(fusion=models.Fusion.RRF):
                return edge.Fusion.Rrf(k=2)  # the server's default
            case models.FusionQuery():
                return edge.Fusion.Dbsf()
            case models.RrfQuery():
                return edge.Fusion.Rrf(k=query.rrf.k or 2, weights=query.rrf.weights)
            case models.OrderByQuery():
                return edge_order(query.order_by)
            case models.SampleQuery():
                return edge.Sample.Random
            case models.RecommendQuery():
                return self.recommend(query.recommend)
            case models.DiscoverQuery():
                found = edge.DiscoverQuery(self.vector(query.discover.target), self.pairs(query.discover.context))
                return edge.Query.Discover(found, using=self.using)
            case models.ContextQuery():
                return edge.Query.Context(edge.ContextQuery(self.pairs(query.context)), using=self.using)
            case int() | str() | UUID() | list() | np.ndarray():
                return edge.Query.Nearest(self.vector(query), using=self.using)
        raise _unknown(query)

    def pairs(self, context: Any) -> list[Any]:
        pairs = context if isinstance(context, list) else [context]
        return [edge.ContextPair(self.vector(p.positive), self.vector(p.negative)) for p in pairs if p is not None]

    def recommend(self, examples: models.RecommendInput) -> Any:
        liked: list[Any] = [self.vector(v) for v in examples.positive or []]
        disliked: list[Any] = [self.vector(v) for v in examples.negative or []]
        match examples.strategy:
            case models.RecommendStrategy.BEST_SCORE:
                return edge.Query.RecommendBestScore(edge.RecommendQuery(liked, disliked), using=self.using)
            case models.RecommendStrategy.SUM_SCORES:
                return edge.Query.RecommendSumScores(edge.RecommendQuery(liked, disliked), using=self.using)
        if not liked:
            raise StoreError(
                "query: recommend by average needs a positive example. Give one, or use strategy best_score."
            )
        # The engine has no average_vector; this is the server's formula: mean⁺ + mean⁺ − mean⁻.
        mean = np.mean(liked, axis=0)
        target = mean if not disliked else mean + mean - np.mean(disliked, axis=0)
        return edge.Query.Nearest(target.tolist(), using=self.using)


def edge_order(order: Any) -> Any:
    if isinstance(order, str):
        return edge.OrderBy(order)
    direction = edge.Direction.Desc if order.direction == models.Direction.DESC else edge.Direction.Asc
    return edge.OrderBy(order.key, direction, order.start_from)


def _unknown(part: object) -> StoreError:
    return StoreError(
        f"query: the embedded store has no {type(part).__name__}. Use another query, or store.backend = server."
    )
