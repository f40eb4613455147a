"""Arms moved to an accelerator, as far as a CPU can show it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from recsat.arms import on_device
from recsat.arms.aligned import AlignedText
from recsat.arms.ease import Ease
from recsat.arms.ease_text import EaseText
from recsat.arms.hybrid import hybrid, text_map
from recsat.arms.hybrid.choices import Choices
from recsat.arms.hybrid.hybrid import Hybrid
from recsat.arms.hybrid.merge import Merge
from recsat.arms.hybrid.parts import Aligned, Factors, Foretold, Liked, Likeness, Order, Together
from recsat.arms.hybrid.stack import Stack
from recsat.arms.ials import ImplicitALS
from recsat.arms.ials_text import IalsText
from recsat.arms.item_knn import ItemNeighbours
from recsat.arms.linear.inner_products import ScoredByVectors
from recsat.arms.linear_order import LinearOrder
from recsat.arms.market_popularity import MarketPopularity
from recsat.arms.on_device import ScoredByTable, where_it_fits
from recsat.arms.popularity import Popularity
from recsat.arms.profile_text import ProfileText
from recsat.arms.recent_popularity import RecentPopularity
from recsat.arms.text import TextSimilarity
from recsat.contract.arm import Recommender
from recsat.contract.interactions import TrainingData
from recsat.testing.worlds import without_events_on

MOVED: list[ScoredByTable] = [
    TextSimilarity(vector="text"),
    AlignedText(),
    IalsText(factors=4),
    ImplicitALS(factors=4),
    Ease(),
    Popularity(),
    RecentPopularity(),
    MarketPopularity(),
    ProfileText(),
]


@pytest.mark.parametrize("arm", MOVED, ids=lambda arm: type(arm).__name__)
def test_the_table_alone_is_moved_and_the_arm_stays(arm: ScoredByTable, blocks: TrainingData) -> None:
    fitted = arm.fit(blocks)
    before = fitted.score(blocks.users)
    moved = fitted.to(torch.device("meta"))
    assert moved.table.device.type == "meta"
    assert fitted.table.device.type == "cpu"
    assert fitted.to(torch.device("cpu")) is fitted
    assert torch.equal(fitted.score(blocks.users), before)
    assert moved.score(blocks.users).device.type == "meta"
    items = before.topk(3, dim=1).indices.numpy()
    reasons, of_moved = fitted.explain(blocks.users, items), moved.explain(blocks.users, items)
    np.testing.assert_array_equal(of_moved.item, reasons.item)


@pytest.mark.parametrize("arm", MOVED[:4], ids=lambda arm: type(arm).__name__)
def test_queries_made_on_a_device_are_the_arms_queries(arm: ScoredByVectors, blocks: TrainingData) -> None:
    fitted = arm.fit(blocks)
    queries = fitted.queries_by(fitted.table, blocks.users)
    np.testing.assert_allclose(queries.numpy(), fitted.query_vectors(blocks.users), atol=1e-5, rtol=1e-5)


EVERY_PART = Choices(
    recipes={
        "together": Together(l2=1.0, length_power=0.5),
        "order": Order(l2=1.0),
        "factors": Factors("text"),
        "likeness": Likeness("text"),
        "liked": Liked(),
    },
    unseen_recipes={"aligned": Aligned(penalty=0.1, vector="text"), "foretold": Foretold("text")},
    warm=Stack(
        {"together": 1.0, "order": 0.5, "factors": 0.3, "likeness": 0.2, "liked": 0.1}, powers={"popularity": 0.2}
    ),
    unseen=Stack({"aligned": 1.0, "foretold": 0.5}),
    merge=Merge(offset=0.5, slope=0.75),
)


@pytest.mark.parametrize("hidden", [0, 3])
def test_every_part_of_the_hybrid_is_moved(hidden: int, blocks: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a device without memory the scores come back there, so nothing of them was made on the CPU; moved to the CPU itself they are the arm's."""
    train = without_events_on(blocks, slice(hidden))
    fitted = Hybrid(choices=EVERY_PART.to_json()).fit(train)
    assert {name for name, _ in fitted.total.named()} == {
        "liked together", "in this order", "taste", "text", "popularity"
    }  # fmt: skip
    nowhere = torch.device("meta")
    parts = [*fitted.total.sum_on(nowhere).parts, *fitted.unseen_total.sum_on(nowhere).parts]
    assert {part.score(train.users).device for part in parts} == {nowhere}
    assert fitted.to(nowhere).score(train.users).device == nowhere
    assert fitted.to(torch.device("cpu")) is fitted
    expected = fitted.score(train.users)
    for module in (hybrid, on_device, text_map):
        monkeypatch.setattr(module, "scores_on_cpu", lambda device: False)
    moved = fitted.to(torch.device("cpu"))
    assert moved._moved is not None
    torch.testing.assert_close(moved.score(train.users), expected, rtol=1e-5, atol=1e-5)
    assert moved.state().numbers == fitted.state().numbers


def test_sparse_weights_stay_where_they_are(blocks: TrainingData) -> None:
    fitted = ItemNeighbours().fit(blocks)
    assert fitted.to(torch.device("meta")) is fitted


def test_what_a_device_has_no_memory_for_is_done_on_the_cpu_and_said(caplog: pytest.LogCaptureFixture) -> None:
    def work(device: str) -> str:
        if device == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return device

    assert where_it_fits("cuda", work) == "cpu"
    assert "solved on the CPU: cuda has not the memory" in caplog.text

    def never(device: str) -> str:
        raise torch.OutOfMemoryError(device)

    with pytest.raises(torch.OutOfMemoryError, match="cpu"):
        where_it_fits("cpu", never)


@pytest.mark.parametrize(
    "arm", [Ease(), EaseText(), LinearOrder(), IalsText(factors=4)], ids=lambda arm: type(arm).__name__
)
def test_closed_forms_are_solved_where_the_training_data_say(arm: Recommender, blocks: TrainingData) -> None:
    """A device that does not exist is asked for by name: nothing else would be seen on a CPU."""
    with pytest.raises((RuntimeError, AssertionError, NotImplementedError)):
        arm.fit(replace(blocks, device="cuda:99"))
