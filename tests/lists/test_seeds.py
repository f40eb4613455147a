"""The seed of a request draws ties, and nothing else does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from scipy.sparse import csr_array

from recsat.arms.text import TextSimilarity
from recsat.contract.arm import Recommender
from recsat.contract.interactions import UserBatch
from recsat.lists.filters import FilterPlan
from recsat.lists.make import Served, lists_of
from recsat.lists.request import Request
from recsat.lists.shortlist import shortlists
from recsat.testing.worlds import training_data

N_USERS, N_ITEMS = 40, 50


def tied(histories: np.ndarray) -> Served:
    """Users to whom all items but the one of their history are alike, as text and by popularity."""
    vectors = np.ones((N_ITEMS, 2), dtype=np.float32) / np.sqrt(2, dtype=np.float32)
    train = training_data(np.ones((1, N_ITEMS), dtype=np.float32), vectors)
    users = UserBatch([f"u{i}" for i in range(N_USERS)], csr_array(histories))
    nothing = csr_array((N_USERS, N_ITEMS), dtype=bool)
    plan = FilterPlan(np.ones(N_ITEMS, dtype=bool), nothing, None, [], False, {}, N_USERS * N_ITEMS)
    return Served(train, users, plan, known=pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String}))


@pytest.fixture
def readers() -> Served:
    return tied(np.eye(N_USERS, N_ITEMS, dtype=np.float32))


@pytest.fixture
def newcomers() -> Served:
    return tied(np.zeros((N_USERS, N_ITEMS), dtype=np.float32))


def arm_of(served: Served) -> Recommender:
    return TextSimilarity(vector="text").fit(served.train)


def items(served: Served, seed: int) -> list[str]:
    return lists_of(served, "text", arm_of(served), Request(k=5, seed=seed)).lists["item_id"].to_list()


@pytest.mark.parametrize("who", ["readers", "newcomers"])  # newcomers are served by a fallback
def test_ties_are_drawn_by_the_seed_of_the_request(who: str, request: pytest.FixtureRequest) -> None:
    served = request.getfixturevalue(who)
    first = items(served, seed=1)
    assert items(served, seed=1) == first
    assert np.mean(np.array(items(served, seed=2)) == np.array(first)) < 0.3, "a tenth of 50 tied items agree by chance"


def test_candidates_of_rerankers_are_drawn_by_it_too(readers: Served) -> None:
    def candidates(seed: int) -> torch.Tensor:
        request = Request(k=5, n_candidates=8, seed=seed)
        return torch.cat(
            [block.candidates for _, block in shortlists(arm_of(readers), readers.users, readers.plan, request)]
        )

    assert torch.equal(candidates(1), candidates(1))
    assert (candidates(1) == candidates(2)).float().mean() < 0.3


def test_a_seed_changes_no_list_without_ties(readers: Served) -> None:
    rng = np.random.default_rng(0)
    histories = rng.random((N_USERS, N_ITEMS)) < 0.2
    train = training_data(histories, rng.standard_normal((N_ITEMS, 4), dtype=np.float32))
    served = replace(readers, train=train, users=train.users)
    assert items(served, seed=1) == items(served, seed=2)


@pytest.mark.parametrize("who", ["readers", "newcomers"])
def test_a_list_does_not_depend_on_who_else_is_asked_for(who: str, request: pytest.FixtureRequest) -> None:
    served = request.getfixturevalue(who)
    some = np.array([7, 3])
    plan = replace(served.plan, excluded=served.plan.excluded[some])
    few = replace(served, users=served.users.take(some), plan=plan)
    of_all = lists_of(served, "text", arm_of(served), Request(k=5, seed=1, user_block=3)).lists
    of_few = lists_of(few, "text", arm_of(served), Request(k=5, seed=1)).lists
    assert of_few.equals(pl.concat([of_all.filter(user_id=f"u{i}") for i in some]))


class Everything:
    """A retriever that finds all items, in an order of its own for each user."""

    def candidates(
        self, queries: Mapping[str, np.ndarray], limit: int, plan: FilterPlan, rows: slice
    ) -> list[np.ndarray]:
        order = np.random.default_rng(rows.start).permuted(
            np.tile(np.arange(N_ITEMS), (rows.stop - rows.start, 1)), axis=1
        )
        return [order.astype(np.int64)]


def test_ties_among_candidates_are_drawn_as_among_all_items(readers: Served) -> None:
    request = Request(k=5, seed=1, user_block=7)
    retrieved = lists_of(readers, "text", arm_of(readers), request, retriever=Everything())
    assert retrieved.source == "qdrant:text"
    assert retrieved.lists.equals(lists_of(readers, "text", arm_of(readers), request).lists)
