"""Which arm leads."""

from __future__ import annotations

import pytest

from recsat.result.leading import leader


@pytest.mark.parametrize(
    ("ndcg", "name"),
    [
        ({"popularity": 0.2, "text": 0.5, "ease": 0.4}, "text"),
        ({"popularity": 0.0, "text": 0.0, "ease": 0.0}, "text"),
        ({"text": 0.3, "popularity": 0.3}, "text"),
        ({"popularity": 0.3, "text": 0.2}, "popularity"),
        ({"popularity": 0.3}, "popularity"),
        ({}, None),
    ],
)
def test_the_best_on_validation_leads_and_of_equals_the_baseline_gives_way(
    ndcg: dict[str, float], name: str | None
) -> None:
    assert leader(ndcg, "popularity") == name
