"""Every kind of query gives the same hits and scores on every engine as in qdrant-client's own local mode."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import polars as pl
import pytest
from qdrant_client import models as m

from recsat.config.settings import StoreSettings
from recsat.errors import StoreError
from recsat.store import VectorStore, open_store, point_ids

N = 300
NAME = "recsat-test-queries"
NUMBERS = point_ids("test", pl.DataFrame({"item_id": [str(i) for i in range(N)], "kind": "movie"}))
IDS: list[int | str] = [str(uuid5(NAMESPACE_URL, str(n))) if row % 2 else n for row, n in enumerate(NUMBERS)]
CHANCE = np.random.default_rng(11)
VECTORS = {name: CHANCE.normal(size=(N, 8)).astype(np.float32) for name in ("text", "taste")}
QUERY = CHANCE.normal(size=8).tolist()
OTHER = CHANCE.normal(size=8).tolist()
PAYLOAD = pl.DataFrame({"n": range(N), "group": [f"g{i % 4}" for i in range(N)]})
SOME = m.Filter(must=[m.FieldCondition(key="group", match=m.MatchAny(any=["g1", "g2"]))])
LIKED, DISLIKED = [IDS[3], IDS[4]], [IDS[9]]


def recommend(strategy: m.RecommendStrategy | None) -> m.RecommendQuery:
    return m.RecommendQuery(recommend=m.RecommendInput(positive=LIKED, negative=DISLIKED, strategy=strategy))


def both(query: Any, **more: Any) -> m.QueryRequest:
    parts = [
        m.Prefetch(query=QUERY, using="text", limit=40),
        m.Prefetch(query=OTHER, using="taste", limit=40, filter=SOME),
    ]
    return m.QueryRequest(prefetch=parts, query=query, limit=15, **more)


REQUESTS = {
    "nearest": m.QueryRequest(query=QUERY, using="text", limit=15),
    "nearest, filtered": m.QueryRequest(query=QUERY, using="text", limit=15, filter=SOME),
    "nearest to a point": m.QueryRequest(query=IDS[7], using="taste", limit=15),
    "nearest to a point, filtered": m.QueryRequest(query=IDS[7], using="taste", limit=15, filter=SOME),
    "nearest query object": m.QueryRequest(query=m.NearestQuery(nearest=QUERY), using="text", limit=15),
    "second page": m.QueryRequest(query=QUERY, using="text", limit=10, offset=5),
    "score threshold": m.QueryRequest(query=QUERY, using="text", limit=50, score_threshold=4.0),
    "maximal marginal relevance": m.QueryRequest(
        query=m.NearestQuery(nearest=QUERY, mmr=m.Mmr(diversity=0.5, candidates_limit=50)), using="text", limit=15
    ),
    "reciprocal rank fusion": both(m.FusionQuery(fusion=m.Fusion.RRF)),
    "weighted reciprocal rank fusion": both(m.RrfQuery(rrf=m.Rrf(k=60, weights=[2.0, 1.0]))),
    "distribution-based fusion": both(m.FusionQuery(fusion=m.Fusion.DBSF)),
    "prefetch, then exact": m.QueryRequest(
        prefetch=m.Prefetch(query=QUERY, using="text", limit=60), query=OTHER, using="taste", limit=15
    ),
    "recommend by average": m.QueryRequest(query=recommend(None), using="text", limit=15),
    "recommend by best score": m.QueryRequest(query=recommend(m.RecommendStrategy.BEST_SCORE), using="text", limit=15),
    "recommend by sum of scores": m.QueryRequest(
        query=recommend(m.RecommendStrategy.SUM_SCORES), using="text", limit=15
    ),
    "discover": m.QueryRequest(
        query=m.DiscoverQuery(
            discover=m.DiscoverInput(target=QUERY, context=[m.ContextPair(positive=IDS[3], negative=IDS[4])])
        ),
        using="text",
        limit=15,
    ),
    "order by a field": m.QueryRequest(
        query=m.OrderByQuery(order_by=m.OrderBy(key="n", direction=m.Direction.DESC)), limit=15
    ),
}


def fill(store: VectorStore) -> VectorStore:
    store.drop_collection(NAME)
    store.ensure_collection(NAME, {"text": 8, "taste": 8}, payload_indexes={"n": "integer", "group": "keyword"})
    store.upsert_table(NAME, IDS, VECTORS, PAYLOAD)
    return store


@pytest.fixture(scope="module")
def filled(shared_store: VectorStore) -> VectorStore:
    return fill(shared_store)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> VectorStore:
    return fill(open_store(StoreSettings(backend="memory"), tmp_path_factory.mktemp("none")))


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_query_gives_the_same_hits_everywhere(filled: VectorStore, reference: VectorStore, kind: str) -> None:
    request = REQUESTS[kind]
    (found,), (expected,) = filled.query_batch(NAME, [request]), reference.query_batch(NAME, [request])
    assert len(expected) > 0
    np.testing.assert_allclose([p.score for p in found], [p.score for p in expected], rtol=1e-4, atol=1e-5)
    worst = min(p.score for p in expected)  # points that tie for the last place may stand in for each other
    assert {p.id for p in found if p.score > worst + 1e-5} == {p.id for p in expected if p.score > worst + 1e-5}
    named = {*LIKED, *DISLIKED} if kind.startswith("recommend") else {IDS[7]} if "a point" in kind else set()
    assert not named & {p.id for p in found}


def test_a_random_sample_is_of_stored_points(filled: VectorStore) -> None:
    (found,) = filled.query_batch(NAME, [m.QueryRequest(query=m.SampleQuery(sample=m.Sample.RANDOM), limit=20)])
    assert len({p.id for p in found}) == 20
    assert {p.id for p in found} <= set(IDS)


def test_payload_and_vectors_come_in_part(filled: VectorStore) -> None:
    request = m.QueryRequest(query=QUERY, using="text", limit=1, with_vector=["taste"], with_payload=["group"])
    ((hit,),) = filled.query_batch(NAME, [request])
    assert hit.payload is not None
    assert set(hit.payload) == {"group"}
    assert isinstance(hit.vector, dict)
    assert set(hit.vector) == {"taste"}


def test_a_point_that_is_not_stored_is_named(filled: VectorStore) -> None:
    stranger = "00000000-0000-0000-0000-000000000001"
    with pytest.raises(StoreError, match=stranger):
        filled.query_batch(NAME, [m.QueryRequest(query=stranger, using="text", limit=1)])
