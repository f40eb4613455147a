"""CPU seconds of runs by the library and as flows, each in a process of its own, and of ``recsat --help``: python tests/benchmarks/orchestration.py

Two runs: a small one, of which Prefect's import is a large part, and the whole demo of the content domain. Each embeds and publishes its index first,
outside of what is counted, so that the work is the same each time. The processes that a run starts are counted. Prefect's server runs apart and is
not; what it costs the process of the run is. Prints the median of ``--rounds`` and the ratio, of the whole process and of the call alone.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from typing import Any

COMMON = """
import json, resource, sys
def cpu():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
from recsat.plugins import load_plugins
from recsat.run import execute
from recsat.stages import INDEX, PIPELINE
from recsat_flows.forms import expert_form, run_config
plugins = load_plugins()
domain, form = sys.argv[1], json.loads(sys.argv[2])
config = run_config(expert_form(plugins, domain).model_validate(form), plugins, domain)
"""
FIRST = "before = cpu(); execute(config, plugins, stages=PIPELINE[: PIPELINE.index(INDEX) + 1])\n"
LIBRARY = "before = cpu(); execute(config, plugins, stages=PIPELINE)\n"
FLOW = "from recsat_flows.pipeline import pipeline\nbefore = cpu(); pipeline(config)\n"
LAST = "print(json.dumps({'call': cpu() - before, 'process': cpu()}))\n"
SMALL = {
    "domain_config": {"sample_users": 300},
    "arms": ["popularity", "text", "ease"],
    "splits": [{"name": "warm", "protocol": "random"}],
}
RUNS: dict[str, tuple[str, dict[str, Any]]] = {"small run": ("social", SMALL), "demo of content": ("content", {})}


def measured(code: str, domain: str, form: dict[str, Any]) -> dict[str, float]:
    """CPU seconds of the call and of the whole process."""
    command = [sys.executable, "-c", COMMON + code + LAST, domain, json.dumps(form)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def both(domain: str, form: dict[str, Any], *, flow_first: bool) -> tuple[dict[str, float], dict[str, float]]:
    """By the library and as a flow, one after the other: who shares the machine changes what a CPU second does, so the order does too."""
    if flow_first:
        flow = measured(FLOW, domain, form)
        return measured(LIBRARY, domain, form), flow
    return measured(LIBRARY, domain, form), measured(FLOW, domain, form)


def help_seconds() -> float:
    """CPU seconds of ``recsat --help``."""

    def of_children() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = of_children()
    command = [sys.executable, "-c", "from recsat.cli.app import main; main()", "--help"]
    subprocess.run(command, capture_output=True, check=True)
    return of_children() - before


def main(n: int, names: list[str]) -> None:
    from prefect.testing.utilities import prefect_test_harness

    print(f"recsat --help: {statistics.median(help_seconds() for _ in range(max(n, 5))):.2f} CPU s")
    with prefect_test_harness(server_startup_timeout=240), tempfile.TemporaryDirectory() as home:
        from prefect.settings import PREFECT_API_URL

        os.environ["PREFECT_API_URL"] = PREFECT_API_URL.value() or ""
        for name in names:
            domain, settings = RUNS[name]
            form = {**settings, "home": home}
            measured(FIRST, domain, form)
            rounds = [both(domain, form, flow_first=turn % 2 == 1) for turn in range(n)]
            print(f"{name}: {json.dumps(rounds)}", flush=True)
            for what in ("call", "process"):
                library = statistics.median(one[what] for one, _ in rounds)
                flow = statistics.median(one[what] for _, one in rounds)
                print(
                    f"{name}, {what}: library {library:.1f} CPU s, flow {flow:.1f} CPU s, {flow / library:.3f} times",
                    flush=True,
                )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", choices=RUNS, action="append", help="one of the two alone")
    arguments = parser.parse_args()
    main(arguments.rounds, arguments.run or list(RUNS))
