"""What `compose.yaml` promises to those who run it, found without an engine."""

import re
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
from deployed import ROOT, Deployment

from chassis.broker.topology import Topology
from ssenet.development.checks.compose_file import compose_faults
from ssenet.processes.servers import nats_binary

PUBLISHED = {"gateway", "grafana", "jaeger"}
PINNED = re.compile(r"^[a-z0-9./-]+:v?\d+\.\d+[a-z0-9.-]*$")


def test_compose_finds_nothing_wrong_with_its_file() -> None:
    assert list(compose_faults(ROOT / "compose.yaml")) == []


def test_the_server_runs_every_service_that_the_topology_knows(
    deployment: Deployment, topology: Topology
) -> None:
    assert {service.service for service in topology.services} <= set(deployment.running)


def test_the_world_reaches_the_gateway_and_nothing_behind_it(deployment: Deployment) -> None:
    published = {name: one["ports"] for name, one in deployment.services.items() if "ports" in one}

    assert set(published) == PUBLISHED
    for name, ports in published.items():
        for port in ports:
            assert "127.0.0.1:" in port, f"{name} publishes {port} to every network of the host"


def test_what_is_not_published_has_no_way_out_of_the_server(deployment: Deployment) -> None:
    networks = deployment.document["networks"]
    inside = {name for name, network in networks.items() if network.get("internal")}

    for name, one in deployment.services.items():
        mode = one.get("network_mode", "")
        # Who shares another's address goes where that one goes.
        used = set(deployment.services.get(mode.removeprefix("service:"), one).get("networks", []))
        assert used <= set(networks)
        assert used or mode == "none"
        assert used <= inside or name in PUBLISHED, f"{name} reaches the outside"


def test_every_image_is_pinned_to_a_version(deployment: Deployment) -> None:
    for name, one in deployment.services.items():
        if "build" not in one:
            assert PINNED.match(one["image"]), f"{name}: {one['image']}"


def test_the_server_runs_the_same_database_and_broker_as_the_tests(deployment: Deployment) -> None:
    version = subprocess.run([nats_binary(), "--version"], capture_output=True, text=True, check=True).stdout
    [minor] = re.findall(r"v(\d+\.\d+)\.\d+", version)

    assert deployment.services["nats"]["image"].startswith(f"nats:{minor}")
    assert deployment.services["postgres"]["image"].startswith("postgres:18.")
    assert deployment.services["databases"]["image"] == deployment.services["postgres"]["image"]


def test_every_container_is_hardened(deployment: Deployment) -> None:
    for name, one in deployment.services.items():
        assert one["read_only"] is True, name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert "cap_add" not in one, name
        assert "privileged" not in one, name
        assert "/tmp" in one["tmpfs"], name


def test_no_container_can_fill_the_memory_or_the_disk_with_its_logs(deployment: Deployment) -> None:
    for name, one in deployment.running.items():
        limits = one["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} <= set(limits), name
        assert {"max-size", "max-file"} <= set(one["logging"]["options"]), name


def test_what_stops_is_started_again_and_jobs_run_once(deployment: Deployment) -> None:
    jobs = {"databases", "provision"}
    for name, one in deployment.running.items():
        assert one["restart"] == ("no" if name in jobs else "unless-stopped"), name


def test_what_is_waited_for_can_come_about(deployment: Deployment) -> None:
    for name, one in deployment.services.items():
        for other, wanted in one.get("depends_on", {}).items():
            awaited: Mapping[str, Any] = deployment.services[other]
            match wanted["condition"]:
                case "service_completed_successfully":
                    assert awaited["restart"] == "no", f"{name} waits for {other}, which never ends"
                case "service_healthy":
                    # A built image brings its check with it.
                    assert "build" in awaited or "test" in awaited["healthcheck"], f"{name} waits for {other}"
                case condition:
                    assert condition == "service_started"


def test_every_health_check_runs_without_a_shell(deployment: Deployment) -> None:
    for name, one in deployment.services.items():
        check = one.get("healthcheck", {"disable": True})
        assert check.get("disable") or check["test"][0] == "CMD", name


@pytest.mark.parametrize("kind", ["volumes", "configs", "secrets"])
def test_nothing_is_declared_that_nothing_uses(deployment: Deployment, kind: str) -> None:
    used: set[str] = set()
    for one in deployment.services.values():
        for mount in one.get(kind, []):
            used.add(mount["source"] if isinstance(mount, dict) else str(mount).split(":")[0])

    assert set(deployment.document[kind]) == {name for name in used if "$" not in name}


def test_services_are_started_once_their_database_and_their_streams_are_there(
    deployment: Deployment, topology: Topology
) -> None:
    for service in topology.services:
        waits = deployment.services[service.service]["depends_on"]
        assert waits["databases"]["condition"] == "service_completed_successfully"
        assert waits["provision"]["condition"] == "service_completed_successfully"
