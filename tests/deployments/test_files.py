"""The files of deployments/: generated ones are those of the installed plugins, and every word of the others is one that its reader knows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from prefect.settings import Settings
from pydantic import BaseModel
from ruamel.yaml import YAML

from recsat_flows import pages, prefect_yaml
from recsat_flows.automations import entries

FOLDER = Path(__file__).parents[2] / "deployments"
SECRET = re.compile(r"(?i)(password|api_key|auth(_string)?)\b")


def loaded(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def test_prefect_yaml_is_what_the_installed_plugins_make() -> None:
    message = "run: python -m recsat_flows.prefect_yaml > deployments/prefect.yaml"
    assert (FOLDER / "prefect.yaml").read_text(encoding="utf-8") == prefect_yaml.text(), message


def test_prefect_yaml_has_every_domain_the_night_and_the_queue_of_the_accelerator() -> None:
    listed = loaded(FOLDER / "prefect.yaml")["deployments"]
    by_entry = {entry["entrypoint"].rpartition(".")[2]: entry for entry in listed}
    for domain in ("content", "ecommerce", "game", "social"):
        assert {f"pipeline_{domain}", f"pipeline_expert_{domain}", f"evaluate_{domain}"} <= set(by_entry)
        assert by_entry[f"evaluate_{domain}"]["schedules"] == [
            {"cron": "0 2 * * *", "timezone": "UTC", "active": False}
        ]
    assert by_entry["finetune_content"]["work_pool"] == {"name": "recsat", "work_queue_name": "gpu"}
    assert {entry["concurrency_limit"]["limit"] for entry in listed} == {1}


def unknown_keys(model: type[BaseModel], settings: dict[str, Any], place: str = "") -> list[str]:
    """Keys that ``model`` has no field of; Prefect leaves them out without a word."""
    unknown = []
    for key, value in settings.items():
        if key not in model.model_fields:
            unknown.append(place + key)
            continue
        section = model.model_fields[key].annotation
        if isinstance(value, dict) and isinstance(section, type) and issubclass(section, BaseModel):
            unknown += unknown_keys(section, value, f"{place}{key}.")
    return unknown


def test_prefect_toml_has_only_settings_that_prefect_knows() -> None:
    settings = tomllib.loads((FOLDER / "prefect.toml").read_text(encoding="utf-8"))
    assert unknown_keys(Settings, settings) == []
    assert unknown_keys(Settings, {"server": {"api": {"hots": "x"}}}) == ["server.api.hots"]


def test_every_setting_of_prefect_toml_is_explained() -> None:
    text = (FOLDER / "prefect.toml").read_text(encoding="utf-8")
    for section in re.split(r"(?m)^\[", text)[1:]:
        assert "#" in section or section.startswith(("server.ui", "server.services.event_persister")), section


def compose_errors(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_compose_is_valid_and_a_misspelt_key_is_not(tmp_path: Path) -> None:
    pytest.importorskip(
        "check_jsonschema", reason="check-jsonschema, which has the Compose Specification, is not installed"
    )
    checked = compose_errors(FOLDER / "compose.yaml")
    assert checked.returncode == 0, checked.stdout
    misspelt = tmp_path / "compose.yaml"
    misspelt.write_text((FOLDER / "compose.yaml").read_text().replace("healthcheck:", "heathcheck:", 1))
    refused = compose_errors(misspelt)
    assert refused.returncode == 1
    assert "heathcheck" in refused.stdout


def test_compose_publishes_on_loopback_alone_and_takes_every_secret_from_the_environment() -> None:
    services = loaded(FOLDER / "compose.yaml")["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    secrets = [
        (key, value)
        for service in services.values()
        for key, value in service.get("environment", {}).items()
        if SECRET.search(key) or "_CONNECTION_URL" in key
    ]
    assert {key for key, _ in secrets} >= {
        "POSTGRES_PASSWORD",
        "QDRANT__SERVICE__API_KEY",
        "PREFECT_SERVER_API_AUTH_STRING",
    }
    assert all("${" in value and ":?" in value for _, value in secrets)


def environment_of(service: dict[str, Any]) -> dict[str, str]:
    return dict(service.get("environment", {}))


def test_the_link_of_a_report_leads_to_the_reports_that_compose_publishes() -> None:
    services = loaded(FOLDER / "compose.yaml")["services"]
    address = urlsplit(environment_of(services["worker"])["RECSAT_REPORTS_URL"])
    [port] = services["reports"]["ports"]
    assert port.rpartition(":")[0] == address.netloc
    assert pages_port(services["reports"]["command"]) == int(port.rpartition(":")[2])
    assert services["reports"]["volumes"] == services["worker"]["volumes"]
    assert environment_of(services["reports"])["RECSAT_HOME"] == environment_of(services["worker"])["RECSAT_HOME"]


def test_the_link_of_a_report_leads_to_the_reports_of_the_cluster() -> None:
    folder = FOLDER / "kubernetes"
    [config] = loaded(folder / "kustomization.yaml")["configMapGenerator"]
    literals = dict(literal.split("=", 1) for literal in config["literals"])
    [port] = loaded(folder / "reports.yaml")["spec"]["ports"]
    assert urlsplit(literals["RECSAT_REPORTS_URL"]).netloc == f"127.0.0.1:{port['port']}"  # of the port-forward
    pod = loaded(folder / "worker.yaml")["spec"]["template"]
    [reports] = [one for one in pod["spec"]["containers"] if one["name"] == "reports"]
    [exposed] = reports["ports"]
    assert (exposed["name"], exposed["containerPort"]) == (port["targetPort"], pages_port(reports["command"]))
    assert loaded(folder / "reports.yaml")["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert reports["env"] == [{"name": "RECSAT_HOME", "value": literals["RECSAT_HOME"]}]
    assert [mount["mountPath"] for mount in reports["volumeMounts"]] == [literals["RECSAT_HOME"]]


def pages_port(command: list[str]) -> int:
    """The port on which this command serves the reports; none is opened."""
    assert command[:3] == ["python", "-m", "recsat_flows.pages"]
    options = pages.options(command[3:])
    assert options.host == "0.0.0.0"  # of a container, whose port is published elsewhere
    return int(options.port)


def test_every_service_that_another_waits_for_says_whether_it_is_well() -> None:
    services = loaded(FOLDER / "compose.yaml")["services"]
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other], other


@pytest.mark.parametrize("name", ["namespace", "home", "worker", "reports"])
def test_manifests_fit_the_schemas_of_kubernetes(name: str) -> None:
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    manifest = loaded(FOLDER / "kubernetes" / f"{name}.yaml")
    validate.validate(manifest, "1.35", strict=True)
    with pytest.raises(validate.ValidationError):
        validate.validate({**manifest, "specs": {}}, "1.35", strict=True)


def test_the_kustomization_builds() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl on this machine")
    built = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / "kubernetes")], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    kinds = [document["kind"] for document in YAML(typ="safe").load_all(built.stdout)]
    assert sorted(kinds) == ["ConfigMap", "Deployment", "Namespace", "PersistentVolumeClaim", "Service"]
    assert "image: registry.example/recsat:0.1.0" in built.stdout


def test_every_resource_of_the_kustomization_is_there() -> None:
    kustomization = loaded(FOLDER / "kubernetes" / "kustomization.yaml")
    assert all((FOLDER / "kubernetes" / name).is_file() for name in kustomization["resources"])


def test_automations_of_deployments_are_those_that_are_applied() -> None:
    assert loaded(FOLDER / "automations.yaml") == entries()
