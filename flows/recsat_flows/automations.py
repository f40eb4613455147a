"""What Prefect's server does by itself, see automations.yaml: ``python -m recsat_flows.automations`` makes it on the server of PREFECT_API_URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from recsat.errors import ConfigError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

FILE = Path(__file__).with_name("automations.yaml")


class NoSuchBlock(LookupError):
    """No block of that name is on the server."""


def entries() -> list[dict[str, Any]]:
    """The file's automations, names unresolved."""
    from ruamel.yaml import YAML

    listed: list[dict[str, Any]] = YAML(typ="safe").load(FILE)
    return listed


def automation(client: SyncPrefectClient, entry: dict[str, Any]) -> AutomationCore:
    """One entry of the file with the server's ids.

    Raises :class:`NoSuchBlock` for a block that is not there, ConfigError for a deployment that is not, and pydantic's ValidationError where
    Prefect does not know a word of the entry.
    """
    from prefect.events.schemas.automations import AutomationCore

    actions = [_with_ids(client, action) for action in entry["actions"]]
    return AutomationCore.model_validate({**entry, "actions": actions})


def apply(client: SyncPrefectClient) -> list[str]:
    """Makes every automation of the file, or makes it anew where one of its name is there; what was left out, one sentence each."""
    left_out = []
    for entry in entries():
        try:
            core = automation(client, entry)
        except NoSuchBlock as missing:
            left_out.append(
                f"{entry['name']} is left out: no notification block {missing}. Make one on the UI's page Blocks, then run python -m recsat_flows.automations."
            )
            continue
        present = client.read_automations_by_name(core.name)
        if present:
            client.update_automation(present[0].id, core)
        else:
            client.create_automation(core)
    return left_out


def _with_ids(client: SyncPrefectClient, action: dict[str, Any]) -> dict[str, Any]:
    action = dict(action)
    if "deployment" in action:
        action["deployment_id"] = str(_deployment_id(client, action.pop("deployment")))
    if "block" in action:
        action["block_document_id"] = str(_block_id(client, action.pop("block")))
    return action


def _deployment_id(client: SyncPrefectClient, name: str) -> UUID:
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(name).id
    except ObjectNotFound as error:
        raise ConfigError(f"automations: no deployment {name!r} is on the server. Deploy first, then again.") from error


def _block_id(client: SyncPrefectClient, name: str) -> UUID:
    for document in client.read_block_documents(include_secrets=False):
        if document.name == name:
            return document.id
    raise NoSuchBlock(name)


def main() -> None:
    """Applies the file to the server of PREFECT_API_URL."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        left_out = apply(client)
    for sentence in left_out:
        print(sentence)  # noqa: T201


if __name__ == "__main__":
    main()
