"""CPU seconds of runs by the library and as flows, each in a process of its own, and of ``recsat --help``: python tests/benchmarks/orchestration.py [N]

Two runs: a small one, of which Prefect's import is a large part, and the whole demo of the content domain. Each embeds first, outside of what is
counted, so that the work is the same each time. Prefect's server runs apart and is not counted; what it costs the process of the run is. Prints the
median of N rounds, 3 unless given, and the ratio, of the whole process and of the call alone.
"""

from __future__ import annotations

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
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
from recsat.plugins import load_plugins
from recsat.run import execute
from recsat.stages import PIPELINE
from recsat_flows.forms import expert_form, run_config
plugins = load_plugins()
domain, form = sys.argv[1], json.loads(sys.argv[2])
config = run_config(expert_form(plugins, domain).model_validate(form), plugins, domain)
"""
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


def help_seconds() -> float:
    """CPU seconds of ``recsat --help``."""

    def of_children() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = of_children()
    command = [sys.executable, "-c", "from recsat.cli.app import main; main()", "--help"]
    subprocess.run(command, capture_output=True, check=True)
    return of_children() - before


def main(n: int) -> None:
    from prefect.testing.utilities import prefect_test_harness

    print(f"recsat --help: {statistics.median(help_seconds() for _ in range(max(n, 5))):.2f} CPU s")
    with prefect_test_harness(server_startup_timeout=240), tempfile.TemporaryDirectory() as home:
        from prefect.settings import PREFECT_API_URL

        os.environ["PREFECT_API_URL"] = PREFECT_API_URL.value() or ""
        for name, (domain, settings) in RUNS.items():
            form = {**settings, "home": home}
            measured(LIBRARY, domain, form)
            rounds = [(measured(LIBRARY, domain, form), measured(FLOW, domain, form)) for _ in range(n)]
            for what in ("call", "process"):
                library = statistics.median(one[what] for one, _ in rounds)
                flow = statistics.median(one[what] for _, one in rounds)
                print(
                    f"{name}, {what}: library {library:.1f} CPU s, flow {flow:.1f} CPU s, {flow / library:.3f} times",
                    flush=True,
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
