"""Collector, Prometheus, alerts and dashboard: do they speak of each other, and of what the services really expose."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from deployed import ROOT, Deployment
from prometheus_client.parser import text_string_to_metric_families

import registry.app
import registry.settings
from chassis.provisioner import Topology
from chassis.testing import Running

TELEMETRY = ROOT / "deploy" / "telemetry"
# What the pinned images bring; a name outside of it is a typo or a reason to look.
COMPONENTS = {
    "otel-collector.yaml": {"otlp", "memory_limiter", "batch", "spanmetrics", "otlp_grpc", "prometheus"},
    "jaeger.yaml": {"otlp", "batch", "jaeger_storage_exporter", "jaeger_storage", "jaeger_query"},
}
KINDS = ("receivers", "processors", "exporters", "connectors")
WORDS = {"and", "or", "unless", "bool", "offset"}

Config = Mapping[str, Any]


def read(path: Path) -> Config:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def dashboard() -> Config:
    return json.loads((TELEMETRY / "grafana" / "dashboards" / "events.json").read_text(encoding="utf-8"))


def panel_expressions() -> list[str]:
    return [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]


def alert_expressions() -> list[str]:
    return [rule["expr"] for group in read(TELEMETRY / "alerts.yml")["groups"] for rule in group["rules"]]


def metric_names(expression: str) -> set[str]:
    """The metrics a PromQL expression asks for: its words, less functions, keywords, labels and ranges."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]', " ", re.sub(r"\{[^}]*\}", " ", expression))
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", " ", bare)
    words = re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)
    functions_before_by = {"sum", "max", "min", "avg", "count"}
    return {word for word in words if word not in WORDS | functions_before_by}


def labels_asked_for(expression: str) -> set[str]:
    grouped = re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression)
    matched = re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)\s*\"", expression)
    return {name.strip() for group in grouped for name in group.split(",")} | set(matched)


@pytest.fixture(scope="module")
def span_metrics() -> set[str]:
    """What the collector makes of the services' spans: named by its own configuration."""
    made = read(TELEMETRY / "otel-collector.yaml")["connectors"]["spanmetrics"]
    assert made["histogram"]["unit"] == "s"
    stem = made["namespace"].replace(".", "_")
    return {
        f"{stem}_calls_total",
        *(f"{stem}_duration_seconds_{part}" for part in ("bucket", "sum", "count")),
    }


async def scraped(running: Running) -> dict[str, set[str]]:
    """The samples a real service hands to the scraper, with their labels."""
    async with running(
        registry.app.build, registry.settings.Settings, "registry", callers={"metrics": "token"}
    ) as client:
        answer = await client.get("/metrics", headers={"Authorization": "Bearer token"})
    assert answer.status_code == 200
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(answer.text):
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        for ending in endings:
            found[f"{family.name}{ending}"] = {"le"} if ending == "_bucket" else set()
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


async def test_operators_are_shown_and_warned_of_nothing_that_does_not_exist(
    running: Running, span_metrics: set[str]
) -> None:
    exposed = set(await scraped(running)) | span_metrics | {"up"}

    for expression in [*panel_expressions(), *alert_expressions()]:
        names = metric_names(expression)
        assert names, expression
        assert names <= exposed, f"{names - exposed} in: {expression}"


def test_expressions_group_by_labels_that_there_are() -> None:
    of_spans = {"service_name", "span_name", "span_kind", "status_code"}
    known = {"service", "job", "durable", "le"} | of_spans

    for expression in [*panel_expressions(), *alert_expressions()]:
        assert labels_asked_for(expression) <= known, expression


async def test_a_ready_service_says_so_to_the_scraper(running: Running) -> None:
    async with running(
        registry.app.build, registry.settings.Settings, "registry", callers={"metrics": "token"}
    ) as client:
        answer = await client.get("/metrics", headers={"Authorization": "Bearer token"})

    assert "ssenet_ready 1.0" in answer.text.splitlines()


def test_the_dashboard_shows_what_an_operator_asks_first() -> None:
    shown = set[str]().union(*(metric_names(expression) for expression in panel_expressions()))

    assert {
        "ssenet_ready",
        "ssenet_events_applied_total",
        "ssenet_events_failed_total",
        "ssenet_dead_letters",
        "ssenet_outbox_unpublished_events",
        "ssenet_outbox_oldest_age_seconds",
        "ssenet_consumer_pending_events",
        "ssenet_relay_leader",
        "ssenet_spans_duration_seconds_bucket",
    } <= shown


def test_every_panel_has_a_place_of_its_own_and_a_known_source() -> None:
    sources = {
        source["uid"]
        for source in read(TELEMETRY / "grafana/provisioning/datasources/network.yaml")["datasources"]
    }
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
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
        "localhost": {"9090"},
    }
    for _, target, _ in targets():
        host, _, port = target.partition(":")
        assert port in open_ports.get(host, {"8080"}), target
        assert host == "localhost" or shares_a_network(deployment, "prometheus", host)


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
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(panel_expressions())
    ]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    run(promtool, "check", "rules", "panels.yml", cwd=tmp_path)
