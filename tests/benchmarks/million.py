"""A run of many users, from Parquet files to the report: processor time for each event, and peak memory, by stage.

Made-up data (``--only-write FOLDER`` leaves them there): 20 events a user on average (lognormal), items by a Zipf law, 2,000 distinct titles, events over a
year in a plain Parquet folder of several parts, items in one file. Arms: recent popularity, aligned and ials-text with fixed parameters, on a timeline of which
the last 5 % are held out; lists are made from exact scores. The catalogue is the same at every size: items that few or none liked stay in it, so that
the ratio is one of events alone. Each size is a process of its own with one thread. Run:
``OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 python tests/benchmarks/million.py --events 1000000 4000000``. The exit status is 1 where the peak is above 8 GiB, or the
time for each event at the largest size is more than 1.3 times that at the smallest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from recsat.config.settings import RunConfig
from recsat.plugins import load_plugins
from recsat.result.model import StageCost
from recsat.run import LogProgress, execute
from recsat.stages import PIPELINE

EVENTS_A_USER, N_TITLES, PART = 20, 2_000, 4_000_000
MOST_MIB, MOST_RATIO = 8_192, 1.3
GENRES = ("drama", "comedy", "thriller", "documentary", "animation", "romance")


def write_world(folder: Path, n_events: int, n_items: int, seed: int = 0) -> None:
    """The data of the module's docstring: items.parquet and events.parquet/part-*.parquet."""
    rng = np.random.default_rng(seed)
    words = np.array(
        [f"{a}{b}" for a in ("bar", "lum", "ka", "tor", "fen", "sil") for b in ("do", "ma", "rin", "ve", "lo", "sta")]
    )
    titles = pl.Series([" ".join(row) for row in words[rng.integers(0, len(words), (N_TITLES, 3))]])
    of_item = rng.integers(0, N_TITLES, n_items)
    items = pl.DataFrame(
        {
            "item_id": pl.int_range(n_items, eager=True).cast(pl.String).str.zfill(7).str.replace("^", "i"),
            "kind": ["movie"] * n_items,
            "title": titles.gather(of_item),
            "genres": np.array(GENRES)[of_item % len(GENRES)].tolist(),
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    items.with_columns(pl.concat_list("genres")).write_parquet(folder / "items.parquet")
    (folder / "events.parquet").mkdir()
    n_users = max(1, n_events // EVENTS_A_USER)
    weights = 1 / np.arange(1, n_items + 1) ** 0.8
    cumulative = np.cumsum(weights / weights.sum())
    activity = np.cumsum(rng.lognormal(0, 0.8, n_users))
    for start in range(0, n_events, PART):
        n = min(PART, n_events - start)
        user = np.searchsorted(activity / activity[-1], rng.random(n)).clip(max=n_users - 1)
        item = np.searchsorted(cumulative, rng.random(n)).clip(max=n_items - 1)
        seconds = 1.7e9 + 3.15e7 * rng.random(n)
        pl.DataFrame(
            {
                "user_id": pl.Series(user).cast(pl.String).str.zfill(8).str.replace("^", "u"),
                "item_id": items["item_id"].gather(item),
                "event": pl.Series(["like"]).new_from_index(0, n),
                "value": pl.Series([1.0]).new_from_index(0, n),
                "timestamp": pl.from_epoch(
                    pl.Series((seconds * 1e6).astype(np.int64)), time_unit="us"
                ).dt.replace_time_zone("UTC"),
            }
        ).write_parquet(folder / "events.parquet" / f"part-{start // PART}.parquet")


def settings(folder: Path, home: Path) -> RunConfig:
    return RunConfig.model_validate(
        {
            "domain": "content",
            "domain_config": {"folder": str(folder), "layout": "tables", "liked_events": ["like"]},
            "data": {"min_item_events": 0},
            "splits": [{"name": "timeline", "protocol": "timeline", "test_share": 0.05, "validation_share": 0.05}],
            "arms": ["popularity-recent", "aligned", "ials-text"],
            "parameters": {
                "aligned": {"l2": 1.0, "popularity_power": 0.25},
                "ials-text": {"regularisation": 30.0, "alpha": 3.0, "map_l2": 30.0},
            },
            "rank": {"source": "catalogue"},
            "measure": {"controls": [], "curves": False, "n_bootstrap": 200},
            "threads": 1,
            "home": str(home),
        }
    )


class CpuSeconds(LogProgress):
    """Prints what each stage cost, as JSON in a line, when it ends."""

    def stage(self, name: str, total: int | None = None) -> None:
        self.start = time.process_time()

    def finish(self, cost: StageCost) -> None:
        seconds = time.process_time() - self.start
        print(json.dumps({"name": cost.name, "seconds": seconds, "peak_mib": cost.peak_mib}), flush=True)


def measure(n_events: int, n_items: int) -> None:
    """A run in this process, which prints its stages' costs."""
    with TemporaryDirectory() as place:
        folder, home = Path(place, "data"), Path(place, "home")
        write_world(folder, n_events, n_items)
        execute(settings(folder, home), load_plugins(["content"]), CpuSeconds(), stages=PIPELINE)


def costs(n_events: int, n_items: int) -> Iterator[dict[str, Any]]:
    """Those of the stages of a run in a process of its own, each when it ends."""
    command = [sys.executable, __file__, "--one", str(n_events), "--items", str(n_items)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield from map(json.loads, child.stdout)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)


def row(n_events: int, name: str, seconds: float, peak_mib: float) -> str:
    return f"| {n_events:,} | {name} | {seconds:.1f} | {1e6 * seconds / n_events:.1f} | {peak_mib:,.0f} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 4_000_000])
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument(
        "--one", type=int, help="measure this number of events in this process, and print JSON alone, a line a stage"
    )
    parser.add_argument("--only-write", type=Path, help="write the data of the first size here, and stop")
    options = parser.parse_args()
    if options.only_write:
        write_world(options.only_write, options.events[0], options.items)
        return 0
    if options.one:
        measure(options.one, options.items)
        return 0
    print("| events | stage | CPU seconds | µs an event | peak, MiB |\n|---|---|---|---|---|", flush=True)
    an_event, peak = [], 0.0
    for n_events in options.events:
        seconds = of_run = 0.0
        for cost in costs(n_events, options.items):
            print(row(n_events, **cost), flush=True)
            seconds, of_run = seconds + cost["seconds"], max(of_run, cost["peak_mib"])
        print(row(n_events, "all", seconds, of_run), flush=True)
        an_event.append(seconds / n_events)
        peak = max(peak, of_run)
    ratio = an_event[-1] / an_event[0]
    print(
        f"\ntime for each event at {options.events[-1]:,} events: {ratio:.2f} times that at {options.events[0]:,}; peak {peak:,.0f} MiB"
    )
    return 0 if ratio <= MOST_RATIO and peak <= MOST_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
