"""What operators are shown and warned of: every query of every panel and alert, held against the running network."""

import asyncio
import json
import math
import shutil
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from chassis.testing import eventually
from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.secrets_file import read_secrets
from ssenet.processes.ports import LOOPBACK
from ssenet.processes.servers import free_port
from ssenet.project import SERVICES
from tests.conftest import Running, Sink
from tests.flows.test_from_partner_to_inbox import a_request, journey, send
from tests.promql import TELEMETRY, Sample, alerts, everything_asked, grouped_by, panels, samples, unanswered

SPANS = "ssenet_spans_"
"""What the collector counts of the spans; no collector runs here, so its names are read from its configuration."""


def of_the_collector(network_spans: Sink) -> list[Sample]:
    """The series the collector would make of the spans that were sent, by its own configuration."""
    config = yaml.safe_load((TELEMETRY / "otel-collector.yaml").read_text(encoding="utf-8"))
    made = config["connectors"]["spanmetrics"]
    stem = made["namespace"].replace(".", "_")
    assert f"{stem}_" == SPANS
    assert made["histogram"]["unit"] == "s"
    found: list[Sample] = []
    for span in network_spans.spans:
        labels = {"service_name": span.service, "span_name": span.name, "span_kind": "SPAN_KIND_SERVER"}
        for status in ("STATUS_CODE_UNSET", "STATUS_CODE_ERROR"):
            told = labels | {"status_code": status}
            found.append(Sample(f"{stem}_calls_total", told))
            found.append(Sample(f"{stem}_duration_seconds_bucket", told | {"le": "+Inf"}))
    return found


def of_prometheus() -> list[Sample]:
    """`up` of every target that Prometheus is told of."""
    config = yaml.safe_load((TELEMETRY / "prometheus.yml").read_text(encoding="utf-8"))
    return [
        Sample("up", {"job": job["job_name"], "instance": target, **group.get("labels", {})})
        for job in config["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    ]


async def some_traffic(network: Running) -> None:
    async with network.as_partner() as partner:
        accepted = (await send(partner, a_request())).json()
        await journey(partner, accepted["event_id"], until="notified")


async def scraped(network: Running) -> list[Sample]:
    """What the whole network serves, with the labels that Prometheus would add."""
    token = read_secrets(DataFolder(network.folder).secrets).tokens["operator"]
    found: list[Sample] = []
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
        for service in SERVICES:
            answer = await client.get(f"http://{LOOPBACK}:{network.asked.port_of(service)}/metrics")
            assert answer.status_code == 200
            found += samples(answer.text, {"job": "services", "service": service})
    return found


@pytest.fixture(scope="module")
async def served(network: Running, sink: Sink) -> list[Sample]:
    """Every series there is after real traffic."""
    await some_traffic(network)
    await eventually(lambda: any(span.name == "POST /events" for span in sink.spans))
    return [*await scraped(network), *of_the_collector(sink), *of_prometheus()]


async def test_every_panel_and_alert_asks_for_what_the_network_serves(served: list[Sample]) -> None:
    asked = {expression: unanswered(expression, served) for expression in everything_asked()}

    assert {expression: missing for expression, missing in asked.items() if missing} == {}


async def test_panels_and_alerts_group_by_labels_that_there_are(served: list[Sample]) -> None:
    known = {label for sample in served for label in sample.labels}

    assert set[str]().union(*map(grouped_by, everything_asked())) <= known


async def test_no_series_names_an_event_a_person_or_an_address(served: list[Sample]) -> None:
    """Each label has few values, and none that grows with what people do. Spans have names of their own."""
    values: dict[tuple[str, str], set[str]] = {}
    for sample in (one for one in served if not one.name.startswith(SPANS)):
        for label, value in sample.labels.items():
            values.setdefault((sample.name, label), set()).add(value)

    assert {key: len(found) for key, found in values.items() if len(found) > 32} == {}


async def test_the_brokers_own_figures_are_those_of_its_official_exporter(served: list[Sample]) -> None:
    """What NATS' public dashboards ask for, with the labels they choose by."""
    of_server = {"connections", "subscriptions", "slow_consumers", "cpu", "mem", "start", "version"}
    of_server |= {"in_msgs", "in_bytes", "out_msgs", "out_bytes"}
    of_server |= {f"jetstream_{what}" for what in ("stats_storage", "stats_memory", "config_max_storage")}
    names = {f"gnatsd_varz_{what}" for what in of_server} | {"gnatsd_healthz_status"}
    by_name = {sample.name: set(sample.labels) for sample in served}

    assert all("server_id" in by_name[name] for name in names)
    stream = {"server_id", "server_name", "cluster", "domain", "account", "stream_name", "is_stream_leader"}
    assert stream <= by_name["jetstream_stream_total_messages"]
    consumer = stream | {"consumer_name", "is_consumer_leader", "consumer_leader", "consumer_desc"}
    for what in ("num_pending", "num_ack_pending", "delivered_consumer_seq", "ack_floor_stream_seq"):
        assert consumer <= by_name[f"jetstream_consumer_{what}"]


async def test_the_broker_tells_its_figures_on_loopback_alone(network: Running) -> None:
    nats = network.asked.state.process("nats")
    assert nats is not None
    listening = {one.laddr.ip for one in psutil.Process(nats.pid).net_connections() if one.status == "LISTEN"}
    assert listening == {LOOPBACK}


class Prometheus:
    """A real Prometheus that scrapes the running network with the deployment's configuration and rules."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(self, path: str, **parameters: str) -> Any:
        answer = await self._client.get(f"/api/v1/{path}", params=parameters)
        told: dict[str, Any] = answer.json()
        assert told["status"] == "success", (parameters, told)
        return told["data"]

    async def query(self, expression: str) -> list[float]:
        """The values of an instant query, one per series, those that are numbers."""
        found = await self.ask("query", query=expression)
        values = [float(one["value"][1]) for one in found["result"]]
        return [value for value in values if not math.isnan(value)]

    async def is_up(self) -> bool:
        try:
            ready = await self._client.get("/-/ready")
        except httpx.TransportError:
            return False
        return ready.is_success and len(await self.query('up{job="services"} == 1')) == len(SERVICES)


def configuration(network: Running, folder: Path) -> Mapping[str, Any]:
    """The deployment's own, with this network's addresses and token, scraped twice a second."""
    config = yaml.safe_load((TELEMETRY / "prometheus.yml").read_text(encoding="utf-8"))
    token = folder / "metrics-token"
    token.write_text(read_secrets(DataFolder(network.folder).secrets).tokens["operator"])
    [services] = [job for job in config["scrape_configs"] if job["job_name"] == "services"]
    services["authorization"]["credentials_file"] = str(token)
    for group in services["static_configs"]:
        group["targets"] = [f"{LOOPBACK}:{network.asked.port_of(group['labels']['service'])}"]
    shutil.copy(TELEMETRY / "alerts.yml", folder)
    return {
        "global": dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), "500ms"),
        "rule_files": [str(folder / "alerts.yml")],
        "scrape_configs": [services],
    }


@asynccontextmanager
async def a_prometheus(network: Running, folder: Path) -> AsyncGenerator[Prometheus]:
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("prometheus is not installed (Debian and Ubuntu: apt install prometheus)")
    (folder / "prometheus.yml").write_text(json.dumps(configuration(network, folder)))
    address = f"{LOOPBACK}:{free_port()}"
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            binary,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
            stdout=log,
            stderr=log,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}", trust_env=False) as client:
            prometheus = Prometheus(client)
            await eventually(prometheus.is_up)
            yield prometheus
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)


async def test_prometheus_answers_every_query_with_figures_of_the_network(
    network: Running, tmp_path: Path
) -> None:
    ours = [
        (panel, expression)
        for panel in panels()
        for expression in panel.expressions
        # No collector runs here.
        if SPANS not in expression
    ]
    async with a_prometheus(network, tmp_path) as prometheus:
        waiting = dict.fromkeys(ours)

        async def every_panel_shows_something() -> bool:
            await some_traffic(network)
            for panel, expression in list(waiting):
                if await prometheus.query(expression):
                    del waiting[panel, expression]
            return not waiting

        await eventually(every_panel_shows_something, timeout=20)
        rules = {
            rule["name"]: rule
            for group in (await prometheus.ask("rules"))["groups"]
            for rule in group["rules"]
        }
        assert set(rules) == {rule["alert"] for rule in alerts()}
        assert {rule["health"] for rule in rules.values()} == {"ok"}
        loud = {name for name, rule in rules.items() if rule["state"] == "firing"}
        assert loud <= {"DeadLetters"}, "an alert goes off though nothing is wrong"
