"""Embedding on many machines: each task embeds a part of a run's texts into the cache that all share, and the stage embed then finds everything there.

They are tasks of the flow run that has the run, so that a server that is away is asked nothing. Tasks exchange the run's folder and counts. What runs them is Prefect's task runner: threads of this process, or a Dask or Ray cluster
(``pip install 'recsat[dask]'``, ``'recsat[ray]'``). Folder and cache must be on a disk that every machine of the cluster sees.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import polars as pl
from prefect import get_run_logger, task
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from recsat.embed.cache import embed_texts
from recsat.errors import ConfigError
from recsat.plugins import load_plugins
from recsat.run import RunFolder
from recsat_flows.limited import run_within
from recsat_flows.settings import Runner
from recsat_flows.steps import retried

MAKING = threading.Lock()
"""Encoders are made by one thread at a time, see :func:`recsat.embed.loading.load`."""


@task(
    name="embed-shard",
    task_run_name="embed-shard {shard} of {n_shards}",
    **retried(),
)
def embed_shard(folder: str, shard: int, n_shards: int, limit_s: float | None = None) -> dict[str, int]:
    """Embeds every ``n_shards``-th distinct text of the run, from ``shard`` on, into the run's cache; ``new`` and ``cached`` texts."""
    return run_within(limit_s, f"embed-shard {shard} of {n_shards}", _embed, folder, shard, n_shards)


def _embed(folder: str, shard: int, n_shards: int) -> dict[str, int]:
    run = RunFolder(Path(folder))
    config = run.config()
    with MAKING:
        encoder = load_plugins().encoder(config.encoder.name).make(config.encoder)
        encoder.fingerprint  # noqa: B018 (its first reading may import transformers)
    texts: pl.Series = run.read_table("data/texts.parquet")["text"]
    embedded = embed_texts(texts.unique().sort()[shard::n_shards], encoder, config.cache_dir)
    return {"new": embedded.n_new, "cached": embedded.n_cached}


def embed_in_shards(
    folder: Path, n_shards: int, runner: Runner = "threads", address: str | None = None, limit_s: float | None = None
) -> dict[str, int]:
    """Texts of a run whose stage prepare is done, into its cache; how many were ``new``, how many ``cached``. To be called in a flow run.

    ``address``: of a cluster that is there; None: one on this machine, for as long as this takes. ``limit_s``: see :func:`~recsat_flows.limited.run_within`.
    Raises ConfigError where ``n_shards`` is below 1, the runner's package is not installed, or threads are given an address.
    """
    if n_shards < 1:
        raise ConfigError(f"n_shards is {n_shards}: there must be at least one.")
    with task_runner(runner, n_shards, address, starts_processes=limit_s is not None) as shards:
        futures = [
            shards.submit(
                embed_shard, {"folder": str(folder), "shard": shard, "n_shards": n_shards, "limit_s": limit_s}
            )
            for shard in range(n_shards)
        ]
        counts = [future.result() for future in futures]
    total = {key: sum(count[key] for count in counts) for key in ("new", "cached")}
    get_run_logger().info("%d texts embedded, %d from the cache, in %d shards", total["new"], total["cached"], n_shards)
    return total


def task_runner(
    runner: Runner, n_workers: int, address: str | None, *, starts_processes: bool = False
) -> TaskRunner[Any]:
    """Prefect's task runner of that name; see :func:`embed_in_shards`. ``starts_processes``: its tasks do, which Dask's workers may not unless they are told so."""
    try:
        if runner == "dask":
            import dask
            from prefect_dask.task_runners import DaskTaskRunner

            dask.config.set({"distributed.worker.daemon": not starts_processes})
            local = {"n_workers": n_workers, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
            return DaskTaskRunner(address=address) if address else DaskTaskRunner(cluster_kwargs=local)
        if runner == "ray":
            from prefect_ray.task_runners import RayTaskRunner

            ray: TaskRunner[Any] = RayTaskRunner(
                address=address, init_kwargs={} if address else {"num_cpus": n_workers}
            )
            return ray
    except ImportError as error:
        raise ConfigError(f"the task runner {runner} is not installed: pip install 'recsat[{runner}]'.") from error
    if address:
        raise ConfigError(f"threads have no address ({address}). Name the runner: dask or ray.")
    return ThreadPoolTaskRunner(max_workers=n_workers)
