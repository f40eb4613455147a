"""Cores are those that the scheduler leaves to the process."""

from __future__ import annotations

import psutil
import pytest

from recsat.cores import n_cores


def test_a_process_that_is_kept_to_one_core_has_one() -> None:
    process = psutil.Process()
    if not hasattr(process, "cpu_affinity"):
        pytest.skip("this system keeps no process to some cores")
    before = process.cpu_affinity()
    assert n_cores() == len(before)
    process.cpu_affinity(before[:1])
    try:
        assert n_cores() == 1
    finally:
        process.cpu_affinity(before)
