"""Why a sample user stands in the report."""

from __future__ import annotations

import pytest

from recsat.report.samples import reason_for_sample
from recsat.result.model import ListedItem, SampleUser


@pytest.mark.parametrize(
    ("hits", "slice_name", "words"),
    [
        (
            {"ease": 3, "text": 1},
            "cold users",
            "Drawn from the slice “cold users”. The arms differ: ease has the most hits, 3; text the fewest, 1.",
        ),
        ({"ease": 2, "text": 2}, "", "Every arm has as many hits: 2."),
        ({"ease": 0, "text": 0}, "tail items", "Drawn from the slice “tail items”. No arm has a hit here."),
        ({}, "", ""),
    ],
)
def test_the_reason_names_slice_and_hits(hits: dict[str, int], slice_name: str, words: str) -> None:
    lists = {
        arm: [ListedItem(item_id=str(i), title="t", rank=i + 1, hit=i < n) for i in range(4)] for arm, n in hits.items()
    }
    user = SampleUser(user_id="u", split="s", slice=slice_name, history=[], lists=lists)
    assert reason_for_sample(user) == words
