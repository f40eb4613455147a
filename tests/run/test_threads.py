"""How many threads a stage computes with."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest
import torch
from threadpoolctl import threadpool_info

from recsat.run.threads import computing_with, default_threads


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (5, 2), (16, 8)])
def test_the_default_is_half_of_the_cores_that_the_process_may_use(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda self: list(range(cores)))
    assert default_threads() == threads


@pytest.mark.parametrize(("variable", "threads"), [("3", 3), ("", 4), ("0", 4), ("many", 4)])
def test_the_variable_decides_where_it_is_a_number(
    monkeypatch: pytest.MonkeyPatch, variable: str, threads: int
) -> None:
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda self: list(range(8)))
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert default_threads() == threads


def test_inside_everything_uses_that_many_and_outside_what_it_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    for n in (3, 2):
        with computing_with(n):
            assert torch.get_num_threads() == n
            assert os.environ["OMP_NUM_THREADS"] == str(n)
            assert {pool["num_threads"] for pool in threadpool_info()} == {n}
    assert torch.get_num_threads() == before
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_it_holds_for_what_is_first_loaded_inside() -> None:
    code = (
        "import sys\nfrom recsat.run.threads import computing_with\nassert 'torch' not in sys.modules\n"
        "with computing_with(1):\n    import torch\n    print(torch.get_num_threads())"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    printed = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
    ).stdout
    assert printed.strip() == "1"
