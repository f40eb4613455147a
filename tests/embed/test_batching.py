from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recsat.embed.batching import run_in_batches
from recsat.errors import EncoderError

lengths_of_texts = st.lists(st.integers(1, 300), max_size=200).map(lambda x: np.array(x, dtype=np.intp))


@given(lengths_of_texts, st.integers(1, 2000))
def test_every_row_is_done_once_within_the_budget_longest_first(lengths: np.ndarray, budget: int) -> None:
    batches: list[np.ndarray] = []
    assert run_in_batches(lengths, budget, batches.append) == budget
    done = np.concatenate([np.empty(0, dtype=np.intp), *batches])
    assert sorted(done) == list(range(len(lengths)))
    assert all(len(rows) == 1 or len(rows) * lengths[rows].max() <= budget for rows in batches)
    assert (np.diff(lengths[done]) <= 0).all()


@given(lengths_of_texts.filter(len), st.integers(300, 600))
def test_a_device_that_runs_out_of_memory_gets_smaller_batches_and_loses_none(lengths: np.ndarray, room: int) -> None:
    done: list[int] = []

    def forward(rows: np.ndarray) -> None:
        if len(rows) * lengths[rows].max() > room:
            raise torch.OutOfMemoryError
        done.extend(rows.tolist())

    budget = run_in_batches(lengths, 50_000, forward)
    assert sorted(done) == list(range(len(lengths)))
    assert budget == 50_000 or budget <= 2 * room


def test_running_out_of_memory_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def forward(rows: np.ndarray) -> None:
        if len(rows) > 2:
            raise torch.OutOfMemoryError

    with caplog.at_level(logging.WARNING):
        run_in_batches(np.full(8, 10, dtype=np.intp), 80, forward)
    assert [record.args for record in caplog.records] == [(8, 10, 40), (4, 10, 20)]


def test_a_text_too_long_for_the_device_is_an_error_that_says_what_to_do() -> None:
    def forward(rows: np.ndarray) -> None:
        raise torch.OutOfMemoryError

    with pytest.raises(EncoderError, match=r"one text of 90 tokens.*encoder\.max_tokens"):
        run_in_batches(np.array([5, 90], dtype=np.intp), 512, forward)


def test_other_errors_of_the_forward_pass_are_not_swallowed() -> None:
    def forward(rows: np.ndarray) -> None:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        run_in_batches(np.array([5], dtype=np.intp), 512, forward)
