"""What ``recsat estimate`` says of the four demos, held against what they take: seconds, memory, disk.

Each demo is a process of its own with one thread, without a cache: the estimate first, then the run. Seconds are processor time of the run's process, which
other work on the machine does not lengthen; the estimate is scaled by the probes of :mod:`recsat.stages.estimate.speed` all the same.
Run: ``OMP_NUM_THREADS=1 python tests/benchmarks/estimates.py``. The exit status is 1 where a sum of seconds, a peak or the disk is off by more than 30 %.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from recsat.config.sources import load_config
from recsat.plugins import load_plugins
from recsat.run import LogProgress, execute
from recsat.run.meter import MIB
from recsat.stages import PIPELINE
from recsat.stages.estimate.before import estimate_before

DOMAINS = ("content", "ecommerce", "social", "game")
BAR = 1.3
KINDS = {"seconds": "s", "peak_mib": "MiB of memory", "disk_mib": "MiB of disk"}


class CpuSeconds(LogProgress):
    """Processor time at the start of each stage."""

    def __init__(self) -> None:
        self.starts: dict[str, float] = {}

    def stage(self, name: str, total: int | None = None) -> None:
        self.starts[name] = time.process_time()


def size_of(folder: Path) -> float:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()) / MIB


def measured(domain: str, home: Path) -> dict[str, dict[str, float]]:
    """By kind: what the estimate says of the stages after ``prepare``, and what they take."""
    plugins = load_plugins()
    sets = [f"domain={domain}", f"home={home}", "threads=1"]
    config = load_config(None, {}, sets, base=plugins.domain(domain).demo).config
    reckoned = estimate_before(config, plugins)
    cpu = CpuSeconds()
    folder = execute(config, plugins, cpu, stages=PIPELINE)
    seconds = time.process_time() - cpu.starts["embed"]
    stages = json.loads((folder / "stages.json").read_text())
    return {
        "seconds": {"reckoned": reckoned.seconds - reckoned.stages[0].seconds, "measured": seconds},
        "peak_mib": {"reckoned": reckoned.peak_mib, "measured": max(stage["peak_mib"] for stage in stages)},
        "disk_mib": {"reckoned": reckoned.disk_mib, "measured": size_of(home)},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domains", nargs="+", default=DOMAINS)
    parser.add_argument("--one", help="measure this one in this process, and print JSON alone")
    options = parser.parse_args()
    if options.one:
        with TemporaryDirectory() as home:
            print(json.dumps(measured(options.one, Path(home))))
        return 0
    failures = []
    for domain in options.domains:
        command = [sys.executable, __file__, "--one", domain]
        parts = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        for kind, unit in KINDS.items():
            reckoned, actual = parts[kind]["reckoned"], parts[kind]["measured"]
            print(
                f"{domain:10} {reckoned:7.0f} {unit} reckoned, {actual:7.0f} taken, {reckoned / actual:.2f}", flush=True
            )
            if not 1 / BAR <= reckoned / actual <= BAR:
                failures.append(f"{domain}: {unit} {reckoned / actual:.2f} of what was taken")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
