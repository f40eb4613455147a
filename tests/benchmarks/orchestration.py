"""CPU seconds of one small run by the library and as a flow, each in a process of its own: python tests/benchmarks/orchestration.py [N]

Both embed first, outside of what is counted, so that the work is the same each time. Prefect's server runs apart and is not counted; what it costs the
process of the run is. Prints the median of N rounds, 3 unless given, and the ratio, of the whole process and of the call alone.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile

COMMON = """
import json, resource, sys, time
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.run import execute
from recsat.stages import PIPELINE
from recsat_flows.forms import expert_form, run_config
plugins = load_plugins()
form = {"home": sys.argv[1], "domain_config": {"sample_users": 300}, "arms": ["popularity", "text", "ease"],
        "splits": [{"name": "warm", "protocol": "random"}]}
config = run_config(expert_form(plugins, "social").model_validate(form), plugins, "social")
"""
LIBRARY = "before = cpu(); execute(config, plugins, stages=PIPELINE)\n"
FLOW = "from recsat_flows.pipeline import pipeline\nbefore = cpu(); pipeline(config)\n"
LAST = "print(json.dumps({'call': cpu() - before, 'process': cpu()}))\n"


def measured(code: str, home: str) -> dict[str, float]:
    """CPU seconds of the call and of the whole process."""
    done = subprocess.run(
        [sys.executable, "-c", COMMON + code + LAST, home], capture_output=True, text=True, check=True, env=os.environ
    )
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def main(n: int) -> None:
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=240), tempfile.TemporaryDirectory() as home:
        from prefect.settings import PREFECT_API_URL

        os.environ["PREFECT_API_URL"] = PREFECT_API_URL.value() or ""
        measured(LIBRARY, home)
        rounds = [(measured(LIBRARY, home), measured(FLOW, home)) for _ in range(n)]
    for what in ("call", "process"):
        library = statistics.median(one[what] for one, _ in rounds)
        flow = statistics.median(one[what] for _, one in rounds)
        print(f"{what}: library {library:.1f} CPU s, flow {flow:.1f} CPU s, {flow / library:.2f} times")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
