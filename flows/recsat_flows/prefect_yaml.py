"""deployments/prefect.yaml, made from the table of deployments: ``python -m recsat_flows.prefect_yaml > deployments/prefect.yaml``."""

from __future__ import annotations

import sys
from io import StringIO
from typing import Any

from recsat_flows.deployments import POOL, ZONE, Deployment, deployments

HEADER = """\
# Made by `python -m recsat_flows.prefect_yaml` from recsat_flows.deployments and the installed plugins; a test compares. After a plugin was installed,
# make it anew. `recsat up` deploys the same on one machine and needs no file.
#
#   export RECSAT_HOME=/srv/recsat     # of the worker; runs start in it, and `deploy` writes it into the deployments
#   prefect work-pool create recsat --type process
#   prefect work-queue create gpu --pool recsat --limit 1
#   prefect --no-prompt deploy --all --prefect-file deployments/prefect.yaml
#   prefect worker start --pool recsat --type process
#
# Every schedule is off until it is turned on, in the UI or by `active: true` here.
"""


def contents() -> dict[str, Any]:
    """The file as data; equal parts are one object, which YAML writes as an anchor."""
    pools = {kind: {"name": POOL, "work_queue_name": kind} for kind in ("default", "gpu")}
    one_at_a_time = {"limit": 1, "collision_strategy": "ENQUEUE"}
    return {
        "name": "recsat",
        "pull": [{"prefect.deployments.steps.set_working_directory": {"directory": "{{ $RECSAT_HOME }}"}}],
        "definitions": {"pools": pools, "limit": one_at_a_time},
        "deployments": [
            {
                "name": deployment.name,
                "entrypoint": deployment.entrypoint,
                "tags": deployment.tags,
                "work_pool": pools[deployment.kind.queue],
                "concurrency_limit": one_at_a_time,
                "enforce_parameter_schema": True,
                **_scheduled(deployment),
                **({"parameters": dict(deployment.kind.parameters)} if deployment.kind.parameters else {}),
            }
            for deployment in deployments()
        ],
    }


def text() -> str:
    """The file as it stands in deployments/."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump(contents(), stream)
    return HEADER + stream.getvalue()


def _scheduled(deployment: Deployment) -> dict[str, Any]:
    kind = deployment.kind
    if kind.every is not None:
        return {"schedules": [{"interval": int(kind.every.total_seconds()), "active": kind.active}]}
    if kind.cron is not None:
        return {"schedules": [{"cron": kind.cron, "timezone": ZONE, "active": kind.active}]}
    return {}


if __name__ == "__main__":
    sys.stdout.write(text())
