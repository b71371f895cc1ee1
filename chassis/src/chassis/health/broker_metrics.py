"""The broker's own figures, under the names and labels of NATS' Prometheus exporter, so that its dashboards fit.

For deployments that run no exporter beside the server: one service is told the address of the server's monitoring
endpoint and serves these with its own. Names as of exporter v0.20.2, with `-varz -healthz -jsz=all
-use_internal_server_name`; what the server does not tell is absent.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import httpx
from prometheus_client.core import GaugeMetricFamily, Metric

TIMEOUT = 2.0
_ENDPOINTS = ("/varz", "/jsz?consumers=true&config=true&raft=true", "/healthz")
Told = Mapping[str, Any]
Labels = dict[str, str]

_SERVER = {
    "max_memory": ("JetStream Max Memory", "config.max_memory"),
    "max_storage": ("JetStream Max Storage", "config.max_storage"),
    "total_streams": ("Total number of streams in JetStream", "streams"),
    "total_consumers": ("Total number of consumers in JetStream", "consumers"),
    "total_messages": ("Total number of stored messages in JetStream", "messages"),
    "total_message_bytes": ("Total number of bytes stored in JetStream", "bytes"),
}
_ACCOUNT = {
    "max_memory": ("JetStream Account Max Memory in bytes", "reserved_memory"),
    "max_storage": ("JetStream Account Max Storage in bytes", "reserved_storage"),
    "memory_used": ("Total number of bytes used by JetStream memory", "memory"),
    "storage_used": ("Total number of bytes used by JetStream storage", "storage"),
}
_STREAM = {
    "total_messages": ("Total number of messages from a stream", "state.messages"),
    "total_bytes": ("Total stored bytes from a stream", "state.bytes"),
    "first_seq": ("First sequence from a stream", "state.first_seq"),
    "last_seq": ("Last sequence from a stream", "state.last_seq"),
    "consumer_count": ("Total number of consumers from a stream", "state.consumer_count"),
    "subject_count": ("Total number of subjects in a stream", "state.num_subjects"),
    "limit_messages": ("The most messages a stream may hold; -1 without a limit", "config.max_msgs"),
    "limit_bytes": ("The most bytes a stream may hold; -1 without a limit", "config.max_bytes"),
}
_CONSUMER = {
    "delivered_consumer_seq": ("Latest sequence number of a stream consumer", "delivered.consumer_seq"),
    "delivered_stream_seq": ("Latest sequence number of a stream", "delivered.stream_seq"),
    "num_ack_pending": ("Number of pending acks from a consumer", "num_ack_pending"),
    "num_redelivered": ("Number of redelivered messages from a consumer", "num_redelivered"),
    "num_waiting": ("Number of inflight fetch requests from a pull consumer", "num_waiting"),
    "num_pending": ("Number of pending messages from a consumer", "num_pending"),
    "ack_floor_stream_seq": ("Number of ack floor stream seq from a consumer", "ack_floor.stream_seq"),
    "ack_floor_consumer_seq": ("Number of ack floor consumer seq from a consumer", "ack_floor.consumer_seq"),
}
_SINCE = {
    "last_delivery_seconds": ("Seconds since last message delivery to consumer", "delivered.last_active"),
    "last_ack_seconds": ("Seconds since last message acknowledgement of consumer", "ack_floor.last_active"),
}
_WORDS = {"server_id", "server_name", "version", "domain", "leader", "name"}
_MOMENTS = {"start", "config_load_time"}


class BrokerMetrics:
    """The server's monitoring endpoint, as the one service that is told of it asks it."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=TIMEOUT, trust_env=False)

    async def look(self) -> list[Metric]:
        """Everything the server tells of itself now; nothing where it does not answer."""
        try:
            varz, jsz, healthz = await asyncio.gather(*map(self._get, _ENDPOINTS))
        except (httpx.HTTPError, ValueError):
            return []
        return [*_of_server(varz, healthz), *_of_jetstream(varz, jsz)]

    async def close(self) -> None:
        await self._http.aclose()

    async def _get(self, path: str) -> Told:
        found: Told = (await self._http.get(path)).json()
        return found


def _of_server(varz: Told, healthz: Told) -> Iterator[Metric]:
    """`gnatsd_varz_*`: every number the server tells, and the few words that the exporter makes labels of."""
    server = {"server_id": str(varz.get("server_name", ""))}
    for name, value in sorted(dict(_flat(varz)).items()):
        last = name.rpartition(".")[2]
        of = name.replace(".", "_").replace("/", "")
        if isinstance(value, bool):
            continue
        if isinstance(value, (int, float)):
            yield _gauge(f"gnatsd_varz_{of}", of, [(server, value)])
        elif last in _MOMENTS:
            milliseconds = datetime.fromisoformat(value).timestamp() * 1000
            yield _gauge(f"gnatsd_varz_{of}", of, [(server, milliseconds)])
        elif last in _WORDS:
            yield _gauge(f"gnatsd_varz_{of}", of, [(server | {"value": str(value)}, 1)])
    # The exporter's way round: nought is well.
    yield _gauge("gnatsd_healthz_status", "status", [(server, 0 if healthz.get("status") == "ok" else 1)])


def _flat(told: Told, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in told.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, (str, int, float)):
            yield before + name, value


def _of_jetstream(varz: Told, jsz: Told) -> Iterator[Metric]:
    server_name = str(varz.get("server_name", ""))
    meta: Told = jsz.get("meta_cluster") or {}
    server = {
        "server_id": server_name,
        "server_name": server_name,
        "cluster": str(meta.get("name", "")),
        "domain": str(_at(jsz, "config.domain") or ""),
        "meta_leader": str(meta.get("leader", "")),
        "is_meta_leader": _leads(meta, server_name),
    }
    disabled = [(server, 1 if jsz.get("disabled") else 0)]
    yield _gauge("jetstream_server_jetstream_disabled", "JetStream disabled or not", disabled)
    accounts = [(server | _account(one), one) for one in jsz.get("account_details") or []]
    streams = [
        (labels | _stream(one, server_name), one)
        for labels, account in accounts
        for one in account.get("stream_detail") or []
    ]
    consumers = [
        (labels | _consumer(one, server_name), one)
        for labels, stream in streams
        for one in stream.get("consumer_detail") or []
    ]
    yield from _families("jetstream_server", _SERVER, [(server, jsz)])
    yield from _families("jetstream_account", _ACCOUNT, accounts)
    yield from _families("jetstream_stream", _STREAM, streams)
    yield from _families("jetstream_consumer", _CONSUMER, consumers)
    for name, (words, path) in _SINCE.items():
        ages = [
            (labels, _seconds(one["ts"]) - _seconds(last))
            for labels, one in consumers
            if (last := _at(one, path)) and one.get("ts")
        ]
        yield _gauge(f"jetstream_consumer_{name}", words, ages)


def _account(told: Told) -> Labels:
    name = str(told.get("name", ""))
    return {"account": name, "account_name": name, "account_id": str(told.get("id", ""))}


def _stream(told: Told, server_name: str) -> Labels:
    cluster: Told = told.get("cluster") or {}
    return {
        "stream_name": str(told.get("name", "")),
        "stream_leader": str(cluster.get("leader", "")),
        "is_stream_leader": _leads(cluster, server_name),
        "stream_raft_group": str(told.get("stream_raft_group", "")),
    }


def _consumer(told: Told, server_name: str) -> Labels:
    cluster: Told = told.get("cluster") or {}
    return {
        "consumer_name": str(told.get("name", "")),
        "consumer_leader": str(cluster.get("leader", "")),
        "is_consumer_leader": _leads(cluster, server_name),
        "consumer_desc": str(_at(told, "config.description") or ""),
    }


def _leads(cluster: Told, server_name: str) -> str:
    """Without a cluster the server leads alone, and its leader has no name."""
    return "true" if not cluster.get("leader") or cluster["leader"] == server_name else "false"


def _families(
    prefix: str, figures: Mapping[str, tuple[str, str]], told: Iterable[tuple[Labels, Told]]
) -> Iterator[Metric]:
    told = list(told)
    for name, (words, path) in figures.items():
        values = [(labels, value) for labels, one in told if (value := _at(one, path)) is not None]
        yield _gauge(f"{prefix}_{name}", words, values)


def _at(told: Any, path: str) -> Any:
    for step in path.split("."):
        told = told.get(step) if isinstance(told, dict) else None
    return told


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _gauge(name: str, words: str, values: Iterable[tuple[Labels, float]]) -> Metric:
    family = GaugeMetricFamily(name, words)
    for labels, value in values:
        family.add_sample(name, labels, float(value))
    return family
