"""``python -m recsat_flows.deploy``: the work pool, the deployments of the installed plugins and the automations, on the server of PREFECT_API_URL."""

from __future__ import annotations

import os
from pathlib import Path

from recsat.errors import ConfigError
from recsat_flows import automations
from recsat_flows.deployments import deploy, deployments, make_pool


def deploy_all(home: Path) -> list[str]:
    """Makes them, or makes them anew; what was left out, one sentence each. Runs start in ``home`` and take their environment from the worker."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        make_pool(client)
        for deployment in deployments():
            deploy(client, deployment, home=home, environment={"RECSAT_HOME": str(home)})
        return automations.apply(client)


def main() -> None:
    """For a server of one's own, where ``recsat up`` does not start one."""
    home = os.environ.get("RECSAT_HOME")
    if not home:
        raise ConfigError("RECSAT_HOME is not set: name the folder in which the worker keeps runs, cache and store.")
    for sentence in deploy_all(Path(home)):
        print(sentence)  # noqa: T201


if __name__ == "__main__":
    main()
