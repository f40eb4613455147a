"""Settings of every test: no network, no telemetry, one thread a process. They must stand before torch or Prefect is imported."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["DO_NOT_TRACK"] = "1"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault(
    "TRITON_INTERPRET", "1"
)  # read when triton is imported; it is not needed where it is not installed

import polars as pl
import pytest

from recsat.cores import n_cores

if TYPE_CHECKING:
    from recsat import RunConfig


def pytest_xdist_auto_num_workers() -> int:
    """Of ``-n auto``: half as many again as there are cores, for tests of servers and flows wait a third of their time."""
    return n_cores() + n_cores() // 2


@pytest.fixture(scope="session")
def slice_of_movielens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 users and the films that at least eight of them rated, in GroupLens' layout."""
    from recsat_content.sample import SAMPLE

    folder = tmp_path_factory.mktemp("movielens")
    ratings = pl.read_csv(SAMPLE / "ratings.csv.gz")
    few = ratings.filter(pl.col("userId").is_in(ratings["userId"].unique().sort().head(40).implode()))
    few = few.filter(pl.len().over("movieId") >= 8)
    movies = pl.read_csv(SAMPLE / "movies.csv.gz").filter(pl.col("movieId").is_in(few["movieId"].unique().implode()))
    for name, table in (("ratings", few), ("movies", movies)):
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(table.write_csv().encode()))
    shutil.copy(SAMPLE / "tags.csv.gz", folder)
    return folder


def small_run(data: Path, place: Path) -> RunConfig:
    """A run on the slice that takes seconds, with everything that it writes under ``place``."""
    from recsat import RunConfig

    return RunConfig.model_validate(
        {
            "domain": "content",
            "domain_config": {"folder": str(data)},
            "splits": [{"name": "warm", "protocol": "random"}, {"name": "cold", "protocol": "cold-items"}],
            "arms": ["popularity", "text", "ease"],
            "data": {"min_user_events": 3, "min_item_events": 3},
            "parameters": {"ease": {"l2": 50.0}},
            "measure": {"n_bootstrap": 200},
            "home": str(place),
        }
    )


@pytest.fixture(scope="session")
def small_run_config(slice_of_movielens: Path, tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """:func:`small_run` in a folder of its own."""
    return small_run(slice_of_movielens, tmp_path_factory.mktemp("small-run"))


@pytest.fixture(scope="session")
def finished_run(small_run_config: RunConfig) -> Path:
    """The folder of a finished small run; read it, do not write to it."""
    from recsat.plugins import load_plugins
    from recsat.run import execute
    from recsat.stages import PIPELINE

    return execute(small_run_config, load_plugins(["content"]), stages=PIPELINE)
