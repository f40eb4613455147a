"""What the stage index stores beside the vectors is what the filters' rules look at."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from recsat import CandidateFilter, field
from recsat.stages.index import payload_fields


def test_columns_of_rules_are_stored_with_types_that_follow_from_the_items() -> None:
    filters = {
        "d.fresh": CandidateFilter(
            name="fresh", description="", rule=(field("price") <= 10) & ~field("tags").is_missing() & (field("out") > 0)
        ),
        "d.old": CandidateFilter(name="old", description="", keep=lambda i, c: i["x"], fields={"when": "datetime"}),
    }
    items = pl.DataFrame(
        {
            "item_id": ["a"],
            "kind": ["film"],
            "price": [1.5],
            "tags": [["x"]],
            "when": [datetime(2024, 1, 1, tzinfo=UTC)],
        }
    )
    assert payload_fields(filters, items) == {
        "kind": "keyword",
        "price": "float",
        "tags": "keyword",
        "when": "datetime",
    }
