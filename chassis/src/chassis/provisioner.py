"""Streams, durables and NATS users from one description, made and kept true here and nowhere else.

The description is data: `streams.yaml` and one file per service in `deploy/nats`. Services declare nothing, so that
no start of a service can change what is stored.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import yaml
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError
from pydantic import BaseModel, ConfigDict, Field

from chassis.consuming import ACK_WAIT, BATCH, MAX_DELIVER
from chassis.side_durables import ADVISORIES, provision_side_durables, side_permissions
from contracts.event import subject_of

PROVISIONER = "provisioner"


class TopologyError(Exception):
    """The description and the server cannot be brought together without losing something."""


class _Described(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StreamDescription(_Described):
    """One stream: what it stores, and its bounds."""

    subjects: tuple[str, ...]
    max_bytes: int = Field(gt=0)
    max_age: timedelta
    duplicate_window: timedelta = timedelta(hours=1)
    replicas: int = 1
    why: str


class DurableDescription(_Described):
    """One durable: the event types it is delivered."""

    durable: str
    types: tuple[str, ...] = Field(min_length=1)


class ServiceDescription(_Described):
    """What one service may publish, and what it hears."""

    service: str
    announces: tuple[str, ...]
    hears: tuple[DurableDescription, ...] = ()


class Topology(_Described):
    """The whole of one site's messaging."""

    site: str
    streams: Mapping[str, StreamDescription]
    services: tuple[ServiceDescription, ...]
    heard_stream: str = "EVENTS"

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read `streams.yaml` and `services/*.yaml`; raises pydantic's ValidationError naming the field."""
        head: dict[str, Any] = yaml.safe_load((folder / "streams.yaml").read_text(encoding="utf-8"))
        services = [
            yaml.safe_load(path.read_text(encoding="utf-8"))
            for path in sorted((folder / "services").glob("*.yaml"))
        ]
        return cls.model_validate({**head, "services": services})

    def filter_subjects(self, durable: DurableDescription) -> list[str]:
        """What the durable is delivered: announced by any site, to all or to this one."""
        return [subject_of(kind, to=to) for kind in durable.types for to in ("all", self.site)]

    def permissions(self, service: ServiceDescription) -> dict[str, dict[str, list[str]]]:
        """What the service's NATS user may do, and nothing else: its own subjects, its own durables."""
        stream = self.heard_stream
        publish = [f"sse.{self.site}.*.{word}.>" for word in service.announces]
        # To see whether the stream still has what it acknowledged: how far it is, and nothing of what it holds.
        publish.append(f"$JS.API.STREAM.INFO.{stream}")
        for heard in service.hears:
            publish += [
                f"$JS.API.CONSUMER.INFO.{stream}.{heard.durable}",
                f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{heard.durable}",
                # The server's two forms of acknowledgement subject; the second, with domain and account, from 2.15.
                f"$JS.ACK.{stream}.{heard.durable}.>",
                f"$JS.ACK.*.*.{stream}.{heard.durable}.>",
                f"$JS.API.CONSUMER.RESET.{stream}.{heard.durable}",
            ]
        if service.hears:
            publish += side_permissions(service.service, stream)
        return {"publish": {"allow": publish}, "subscribe": {"allow": [f"_INBOX_{service.service}.>"]}}

    def users(self, public_keys: Mapping[str, str]) -> list[dict[str, Any]]:
        """The NATS users: one per service by its NKey, and the provisioner. There is no anonymous one."""
        users: list[dict[str, Any]] = [
            {"nkey": public_keys[service.service], "permissions": self.permissions(service)}
            for service in self.services
        ]
        users.append({"nkey": public_keys[PROVISIONER]})
        return users


async def provision(jetstream: JetStreamContext, topology: Topology) -> list[str]:
    """Make streams and durables as described and bring existing ones up to it; returns what was changed.

    Run again it changes nothing. Raises TopologyError where only deleting a stream would do.
    """
    changed: list[str] = []
    for name, stream in topology.streams.items():
        changed += await _provision_stream(jetstream, name, stream)
    for service in topology.services:
        for durable in service.hears:
            changed += await _provision_durable(jetstream, topology, durable)
        if service.hears:
            changed += await provision_side_durables(
                jetstream,
                service.service,
                heard_stream=topology.heard_stream,
                filter_subjects={one for heard in service.hears for one in topology.filter_subjects(heard)},
                durables=[heard.durable for heard in service.hears],
                advisories=ADVISORIES in topology.streams,
            )
    return changed


async def _provision_stream(jetstream: JetStreamContext, name: str, stream: StreamDescription) -> list[str]:
    wanted = StreamConfig(
        name=name,
        description=stream.why,
        subjects=list(stream.subjects),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        # Full means refused, never silently forgotten: the outbox keeps what the stream cannot take.
        discard=DiscardPolicy.NEW,
        max_bytes=stream.max_bytes,
        max_age=stream.max_age.total_seconds(),
        duplicate_window=stream.duplicate_window.total_seconds(),
        num_replicas=stream.replicas,
        allow_atomic=True,
        allow_direct=True,
        deny_delete=True,
    )
    try:
        current = (await jetstream.stream_info(name)).config
    except NotFoundError:
        await jetstream.add_stream(wanted)
        return [f"stream {name} made"]
    if current.storage != wanted.storage or current.retention != wanted.retention:
        raise TopologyError(
            f"stream {name} has another storage or retention; move its events to a new stream"
        )
    differing = _differences(current, wanted)
    if differing:
        await jetstream.update_stream(wanted)
        return [f"stream {name}: {', '.join(differing)} updated"]
    return []


async def _provision_durable(
    jetstream: JetStreamContext, topology: Topology, durable: DurableDescription
) -> list[str]:
    wanted = ConsumerConfig(
        durable_name=durable.durable,
        filter_subjects=topology.filter_subjects(durable),
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT,
        max_deliver=MAX_DELIVER,
        max_ack_pending=5 * BATCH,
    )
    stream = topology.heard_stream
    try:
        current = (await jetstream.consumer_info(stream, durable.durable)).config
    except NotFoundError:
        await jetstream.add_consumer(stream, wanted)
        return [f"durable {durable.durable} made"]
    if set(current.filter_subjects or [current.filter_subject]) == set(wanted.filter_subjects or []):
        current.filter_subjects = wanted.filter_subjects
    differing = _differences(current, wanted)
    if differing:
        # The server updates an existing durable when it is sent again; its position in the stream is kept.
        await jetstream.add_consumer(stream, wanted)
        return [f"durable {durable.durable}: {', '.join(differing)} updated"]
    return []


def _differences(current: object, wanted: StreamConfig | ConsumerConfig) -> Sequence[str]:
    return [
        name
        for name, value in vars(wanted).items()
        if value is not None and value != [] and getattr(current, name, None) != value
    ]
