"""Collector, Prometheus, exporter, alerts and dashboards: do they speak of each other, and understand their files?"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from deployed import ROOT, Deployment
from tests.promql import TELEMETRY, alerts, dashboards, panels, selectors

from chassis.broker.topology import Topology
from ssenet.processes.servers import nats_head

# What the pinned images bring; a name outside of it is a typo or a reason to look.
COMPONENTS = {
    "otel-collector.yaml": {"otlp", "memory_limiter", "batch", "spanmetrics", "otlp_grpc", "prometheus"},
    "jaeger.yaml": {"otlp", "batch", "jaeger_storage_exporter", "jaeger_storage", "jaeger_query"},
}
KINDS = ("receivers", "processors", "exporters", "connectors")

Config = Mapping[str, Any]


def read(path: Path) -> Config:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def panel_expressions() -> list[str]:
    return [expression for panel in panels() for expression in panel.expressions]


def test_the_dashboards_show_what_an_operator_asks_first() -> None:
    shown = {asked.name for expression in panel_expressions() for asked in selectors(expression)}

    assert {
        "ssenet_ready",
        "ssenet_dependency_up",
        "ssenet_relay_leader",
        "ssenet_outbox_unpublished_events",
        "ssenet_outbox_oldest_age_seconds",
        "ssenet_publish_latency_seconds_bucket",
        "ssenet_relay_batch_events_bucket",
        "ssenet_consumer_pending_events",
        "ssenet_consumer_ack_pending_events",
        "ssenet_consumer_oldest_age_seconds",
        "ssenet_consumer_active",
        "ssenet_apply_latency_seconds_bucket",
        "ssenet_apply_batch_events_bucket",
        "ssenet_handler_duration_seconds_bucket",
        "ssenet_events_retried_total",
        "ssenet_events_dead_lettered_total",
        "ssenet_dead_letters",
        "ssenet_waiting_events",
        "ssenet_waiting_oldest_age_seconds",
        "process_resident_memory_bytes",
        "ssenet_event_loop_gap_seconds",
        "ssenet_spans_lost_total",
        "ssenet_http_refused_total",
        "jetstream_stream_total_bytes",
        "jetstream_consumer_num_pending",
        "ssenet_spans_duration_seconds_bucket",
    } <= shown


def test_every_dashboard_reaches_grafana(deployment: Deployment) -> None:
    mounted = {
        Path(deployment.document["configs"][one["source"]]["file"]).name: Path(one["target"])
        for one in deployment.services["grafana"]["configs"]
    }
    [provider] = read(TELEMETRY / "grafana/provisioning/dashboards/network.yaml")["providers"]

    for name in dashboards():
        assert str(mounted[name].parent) == provider["options"]["path"]
    assert len({dashboard["uid"] for dashboard in dashboards().values()}) == len(dashboards())


@pytest.mark.parametrize("name", sorted(dashboards()))
def test_every_panel_has_a_place_of_its_own_and_a_known_source(name: str) -> None:
    sources = {
        source["uid"]
        for source in read(TELEMETRY / "grafana/provisioning/datasources/network.yaml")["datasources"]
    }
    taken: set[tuple[int, int]] = set()
    for panel in dashboards()[name]["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] in sources
            assert panel["description"], panel["title"]


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_a_pipeline_uses_what_is_defined_and_all_of_it(name: str) -> None:
    config = read(TELEMETRY / name)
    defined = {component for kind in KINDS for component in config.get(kind, {})}
    used: set[str] = set()
    for pipeline in config["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            known = set(config.get(kind, {})) | set(config.get("connectors", {}))
            assert set(pipeline[kind]) <= known
            used |= set(pipeline[kind])
    extensions = set(config.get("extensions", {}))

    assert used == defined
    assert set(config["service"].get("extensions", [])) == extensions
    assert {component.split("/")[0] for component in defined | extensions} <= COMPONENTS[name]


def test_a_connector_ends_one_pipeline_and_begins_another() -> None:
    config = read(TELEMETRY / "otel-collector.yaml")
    pipelines = config["service"]["pipelines"].values()
    for connector in config["connectors"]:
        assert any(connector in pipeline["exporters"] for pipeline in pipelines)
        assert any(connector in pipeline["receivers"] for pipeline in pipelines)


def test_spans_find_their_way_from_the_services_to_jaeger(deployment: Deployment, topology: Topology) -> None:
    collector, jaeger = read(TELEMETRY / "otel-collector.yaml"), read(TELEMETRY / "jaeger.yaml")
    listens = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    for service in topology.services:
        told = deployment.environment(service.service)
        assert told["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"http://otel-collector:{listens}"
        assert shares_a_network(deployment, service.service, "otel-collector")
    hears = jaeger["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"].rpartition(":")[2]
    assert collector["exporters"]["otlp_grpc/jaeger"]["endpoint"] == f"jaeger:{hears}"
    assert shares_a_network(deployment, "otel-collector", "jaeger")


def shares_a_network(deployment: Deployment, one: str, other: str) -> bool:
    services = deployment.services
    return bool(set(services[one]["networks"]) & set(services[other]["networks"]))


def targets() -> Iterator[tuple[Config, str, Mapping[str, str]]]:
    for job in read(TELEMETRY / "prometheus.yml")["scrape_configs"]:
        for group in job["static_configs"]:
            for target in group["targets"]:
                yield job, target, group.get("labels", {})


def test_prometheus_asks_every_service_with_the_token_it_is_given(
    deployment: Deployment, topology: Topology
) -> None:
    asked = {target: (job, labels) for job, target, labels in targets() if job["job_name"] == "services"}

    assert set(asked) == {f"{service.service}:8080" for service in topology.services}
    [secret] = deployment.services["prometheus"]["secrets"]
    for target, (job, labels) in asked.items():
        assert job["authorization"]["credentials_file"] == f"/run/secrets/{secret}"
        assert labels["service"] == target.split(":")[0]


def test_prometheus_reaches_whatever_it_asks(deployment: Deployment) -> None:
    collector, jaeger = read(TELEMETRY / "otel-collector.yaml"), read(TELEMETRY / "jaeger.yaml")
    open_ports = {
        "otel-collector": {str(own_port(collector)), collector["exporters"]["prometheus"]["endpoint"][-4:]},
        "jaeger": {str(own_port(jaeger))},
        "nats": {"7777"},
        "localhost": {"9090"},
    }
    for _, target, _ in targets():
        host, _, port = target.partition(":")
        assert port in open_ports.get(host, {"8080"}), target
        assert host == "localhost" or shares_a_network(deployment, "prometheus", host)


def test_the_exporter_reads_the_broker_where_nobody_else_can(deployment: Deployment) -> None:
    nats = (ROOT / "deploy/nats/nats-server.conf").read_text()
    exporter = deployment.services["nats-exporter"]
    [monitor] = re.findall(r'^http: "([^"]+)"', nats, re.MULTILINE)

    assert monitor.startswith("127.0.0.1:")
    assert exporter["network_mode"] == "service:nats"
    assert f"http://{monitor}" in exporter["command"]
    assert "-port=7777" in exporter["command"]
    # Its server is named as the embedded network names it: one name for one series.
    assert "-use_internal_server_name" in exporter["command"]
    assert re.findall(r"^server_name: (.+)$", nats, re.MULTILINE) == re.findall(
        r"^server_name: (.+)$", nats_head(Path("store"), 1), re.MULTILINE
    )


def test_every_alert_says_what_to_do_and_where_to_read_on() -> None:
    read_on = ROOT / "docs" / "how-to" / "when-it-alerts.md"
    sections = re.findall(r"^## (\w+)$", read_on.read_text(encoding="utf-8"), re.MULTILINE)

    assert sections == [rule["alert"] for rule in alerts()]
    for rule in alerts():
        told = rule["annotations"]
        assert told["runbook"] == f"docs/how-to/{read_on.name}, section {rule['alert']}"
        assert told["summary"], rule["alert"]
        assert told["description"], rule["alert"]


def own_port(config: Config) -> int:
    [reader] = config["service"]["telemetry"]["metrics"]["readers"]
    port: int = reader["pull"]["exporter"]["prometheus"]["port"]
    return port


def test_what_is_kept_is_kept_on_a_volume(deployment: Deployment) -> None:
    directories = read(TELEMETRY / "jaeger.yaml")["extensions"]["jaeger_storage"]["backends"]["kept"][
        "badger"
    ]
    mounted = {
        name: [mount.split(":")[1] for mount in deployment.services[name]["volumes"]]
        for name in ("jaeger", "prometheus", "grafana", "postgres", "nats")
    }

    assert all(path.startswith(f"{mounted['jaeger'][0]}/") for path in directories["directories"].values())
    assert f"--storage.tsdb.path={mounted['prometheus'][0]}" in deployment.services["prometheus"]["command"]
    assert f'store_dir: "{mounted["nats"][0]}/' in (ROOT / "deploy/nats/nats-server.conf").read_text()


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian and Ubuntu: apt install prometheus)")
    return found


def run(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_understands_its_configuration(promtool: str, tmp_path: Path) -> None:
    text = (TELEMETRY / "prometheus.yml").read_text()
    for there in ("/etc/prometheus/alerts.yml", "/run/secrets/metrics-token"):
        assert there in text
        text = text.replace(there, str(tmp_path / Path(there).name))
    (tmp_path / "prometheus.yml").write_text(text)
    (tmp_path / "metrics-token").write_text("token")
    shutil.copy(TELEMETRY / "alerts.yml", tmp_path)

    run(promtool, "check", "config", "prometheus.yml", cwd=tmp_path)


def test_each_alert_goes_off_when_it_should_and_only_then(promtool: str, tmp_path: Path) -> None:
    shutil.copy(TELEMETRY / "alerts.yml", tmp_path)
    shutil.copy(Path(__file__).with_name("alerts.test.yml"), tmp_path)

    run(promtool, "test", "rules", "alerts.test.yml", cwd=tmp_path)


def test_prometheus_understands_every_panel(promtool: str, tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(panel_expressions())
    ]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    run(promtool, "check", "rules", "panels.yml", cwd=tmp_path)
