"""What the containers are told, against what the services ask."""

import importlib
import json
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from deployed import Deployment

from chassis.broker.topology import Topology
from chassis.settings import ServiceSettings
from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.secrets_file import ensure_secrets
from ssenet.processes.preparation import described
from ssenet.processes.services import service_processes
from ssenet.terminal.errors import CommandError

SERVICES = ("registry", "coordination", "notifications", "gateway")


def settings_class(service: str) -> type[ServiceSettings]:
    found: type[ServiceSettings] = importlib.import_module(f"{service}.settings").Settings
    return found


def own(service: str, told: dict[str, str]) -> dict[str, str]:
    """The variables of the service's own prefix, by the field they fill."""
    prefix = f"{service.upper()}_"
    return {
        name.removeprefix(prefix).lower(): value for name, value in told.items() if name.startswith(prefix)
    }


@pytest.fixture
def kept(deployment: Deployment) -> dict[str, dict[str, str]]:
    return json.loads((deployment.secrets / "secrets.json").read_text())


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_with_what_its_container_is_told(
    deployment: Deployment, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in deployment.environment(service).items():
        monkeypatch.setenv(name, value)

    settings = settings_class(service)()  # type: ignore[call-arg]  # the environment fills it

    assert settings.host == "0.0.0.0"  # noqa: S104 - inside its container
    assert settings.port == 8080
    assert settings.migrate_on_start
    assert settings.nats_url == "nats://nats:4222"
    assert f"postgresql+asyncpg://{service}:" in settings.database_url.get_secret_value()


@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_of_a_service_is_one_it_reads(deployment: Deployment, service: str) -> None:
    fields = settings_class(service).model_fields

    assert set(own(service, deployment.environment(service))) <= set(fields)


@pytest.mark.parametrize("service", SERVICES)
def test_server_and_embedded_run_tell_a_service_the_same_of_what_it_must_know(
    deployment: Deployment, service: str, tmp_path: Path
) -> None:
    required = {name for name, field in settings_class(service).model_fields.items() if field.is_required()}
    folder = DataFolder(tmp_path)
    ensure_secrets(folder.secrets)
    told = {"url": "nats://127.0.0.1:1", "monitor_url": "http://127.0.0.1:1"}
    server = cast("Any", SimpleNamespace(port=1, **told))
    processes = service_processes(folder, 0, database=server, broker=server, nursery=cast("Any", None))
    [embedded] = [one._environment for one in processes if one.name == service]

    assert required <= set(own(service, dict(embedded)))
    assert required <= set(own(service, deployment.environment(service)))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_splits_its_durables_as_the_broker_does(
    deployment: Deployment, service: str, tmp_path: Path, topology: Topology
) -> None:
    [described] = [one for one in topology.services if one.service == service]
    ensure_secrets(DataFolder(tmp_path).secrets)
    server = cast("Any", SimpleNamespace(port=1, url="nats://127.0.0.1:1", monitor_url="http://127.0.0.1:1"))
    processes = service_processes(
        DataFolder(tmp_path), 0, database=server, broker=server, nursery=cast("Any", None)
    )
    [embedded] = [one._environment for one in processes if one.name == service]

    assert own(service, dict(embedded))["partitions"] == str(described.partitions)
    assert own(service, deployment.environment(service)).get("partitions", "1") == str(described.partitions)


def test_a_setting_splits_the_durables_of_a_service_on_both_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COORDINATION_PARTITIONS", "4")
    ensure_secrets(DataFolder(tmp_path).secrets)
    server = cast("Any", SimpleNamespace(port=1, url="nats://127.0.0.1:1", monitor_url="http://127.0.0.1:1"))
    processes = service_processes(
        DataFolder(tmp_path), 0, database=server, broker=server, nursery=cast("Any", None)
    )

    told = {one.name: own(one.name, dict(one._environment))["partitions"] for one in processes}
    made = {one.service: str(one.partitions) for one in described().services}
    assert told == made | {"registry": "1"} | {"coordination": "4"}


def test_a_number_that_no_durable_can_be_split_into_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COORDINATION_PARTITIONS", "3")

    with pytest.raises(CommandError, match=r"COORDINATION_PARTITIONS is '3'; it can be 1, 2, 4, 8, 16"):
        described()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_told_its_own_secrets_and_nobody_elses(
    deployment: Deployment, kept: dict[str, dict[str, str]], service: str
) -> None:
    told = "\n".join(deployment.environment(service).values())
    mine = {kept["database_passwords"][service], kept["nats_seeds"][service]}
    if service == "gateway":
        mine.add(kept["tokens"]["gateway"])
    others = {secret for kind in kept.values() for secret in kind.values()} - mine

    assert all(secret in told for secret in mine)
    assert not [secret for secret in others if secret in told]


def test_only_the_jobs_know_the_superuser_and_the_provisioner(
    deployment: Deployment, kept: dict[str, dict[str, str]]
) -> None:
    superuser, provisioner = kept["database_passwords"]["postgres"], kept["nats_seeds"]["provisioner"]

    knowing = {
        name: {"superuser": superuser in told, "provisioner": provisioner in told}
        for name in deployment.running
        if (told := set(deployment.environment(name).values()))
    }

    assert {name for name, what in knowing.items() if what["superuser"]} == {"postgres", "databases"}
    assert {name for name, what in knowing.items() if what["provisioner"]} == {"provision"}


def test_each_service_lets_in_the_scraper_by_the_token_it_carries(deployment: Deployment) -> None:
    token = (deployment.secrets / "metrics-token").read_text()

    for service in SERVICES:
        callers: dict[str, Any] = json.loads(own(service, deployment.environment(service))["callers"])
        assert callers["metrics"] == sha256(token.encode()).hexdigest()


def test_the_gateway_is_known_to_the_services_it_calls(deployment: Deployment) -> None:
    told = own("gateway", deployment.environment("gateway"))

    for service in ("registry", "coordination", "notifications"):
        assert told[f"{service}_url"] == f"http://{service}:8080"
        callers: dict[str, Any] = json.loads(own(service, deployment.environment(service))["callers"])
        assert callers["gateway"] == sha256(told["service_token"].encode()).hexdigest()
