"""Streams, durables and NATS users from one description, made and kept true here and nowhere else.

The description is data: `streams.yaml` and one file per service in `deploy/nats`. Services declare nothing, so that
no start of a service can change what is stored.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError
from pydantic import BaseModel, ConfigDict, Field

from chassis.broker.side_durables import ADVISORIES, provision_side_durables, side_permissions, sides_of
from chassis.consumer.consumer import ACK_WAIT, MAX_DELIVER
from chassis.consumer.pull import MAX_ACK_PENDING
from chassis.partitions import COUNTS, Partition, partitions_of
from contracts.event import subjects_of

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
    partitions: Literal[1, 2, 4, 8, 16] = 1
    """Into how many parts each durable is split; the service has it in its settings too."""

    @property
    def parts(self) -> list[Partition]:
        """All its durables, as they are on the server."""
        return [part for heard in self.hears for part in partitions_of(heard.durable, self.partitions)]


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

    @property
    def durables(self) -> dict[str, set[str]]:
        """The names of all durables on the server, by their streams."""
        found: dict[str, set[str]] = {name: set() for name in self.streams}
        for service in (one for one in self.services if one.hears):
            found[self.heard_stream] |= {part.name for part in service.parts}
            for durable, stream in sides_of(service.service, self.heard_stream).items():
                if stream in found:
                    found[stream].add(durable)
        return found

    def permissions(self, service: ServiceDescription) -> dict[str, dict[str, list[str]]]:
        """What the service's NATS user may do, and nothing else: its own subjects, its own durables."""
        stream = self.heard_stream
        publish = [subjects_of(word, site=self.site) for word in service.announces]
        # To see whether the stream still has what it acknowledged: how far it is, and nothing of what it holds.
        publish.append(f"$JS.API.STREAM.INFO.{stream}")
        for part in service.parts:
            publish += [
                f"$JS.API.CONSUMER.INFO.{stream}.{part.name}",
                f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{part.name}",
                f"$JS.API.CONSUMER.RESET.{stream}.{part.name}",
                # The server's two forms of acknowledgement subject; the second, with domain and account, from 2.15.
                f"$JS.ACK.{stream}.{part.name}.>",
                f"$JS.ACK.*.*.{stream}.{part.name}.>",
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
            changed += await _provision_durable(jetstream, topology, durable, service.partitions)
        if service.hears:
            changed += await provision_side_durables(
                jetstream,
                service.service,
                heard_stream=topology.heard_stream,
                filter_subjects={
                    one
                    for heard in service.hears
                    for one in Partition(heard.durable).filter_subjects(heard.types, topology.site)
                },
                durables=[part.name for part in service.parts],
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
    jetstream: JetStreamContext, topology: Topology, durable: DurableDescription, partitions: int
) -> list[str]:
    """Have the durable in so many parts. Whatever was cut otherwise goes, once the new parts stand where it stood."""
    stream = topology.heard_stream
    present = await _parts(jetstream, stream, durable.durable)
    wanted = partitions_of(durable.durable, partitions)
    former = [info for name, info in present.items() if name not in {part.name for part in wanted}]
    start = min((_floor(info) for info in former), default=0) + 1
    changed: list[str] = []
    for part in wanted:
        config = _consumer_config(topology, durable, part)
        current = present.get(part.name)
        if current is not None and current.config.ack_policy != config.ack_policy:
            # The one thing that the server does not change of a durable: it is made anew where it stood.
            await jetstream.delete_consumer(stream, part.name)
            changed += await _make(jetstream, stream, config, start=_floor(current) + 1)
        elif current is None:
            changed += await _make(jetstream, stream, config, start=start)
        else:
            changed += await _update(jetstream, stream, config, current.config)
    for info in former:
        await jetstream.delete_consumer(stream, info.name)
        changed.append(f"durable {info.name} gone")
    return changed


async def _parts(jetstream: JetStreamContext, stream: str, durable: str) -> dict[str, ConsumerInfo]:
    """All there is of a durable on the server, however it is cut."""
    found: dict[str, ConsumerInfo] = {}
    for part in [
        Partition(durable),
        *(part for count in COUNTS[1:] for part in partitions_of(durable, count)),
    ]:
        with suppress(NotFoundError):
            found[part.name] = await jetstream.consumer_info(stream, part.name)
    return found


def _consumer_config(topology: Topology, durable: DurableDescription, part: Partition) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=part.name,
        filter_subjects=part.filter_subjects(durable.types, topology.site),
        deliver_policy=DeliverPolicy.ALL,
        # Its one owner reads in order: to be done with one event is to be done with all before it.
        ack_policy=AckPolicy.ALL,
        ack_wait=ACK_WAIT,
        max_deliver=MAX_DELIVER,
        max_ack_pending=MAX_ACK_PENDING,
    )


def _floor(info: ConsumerInfo) -> int:
    return info.ack_floor.stream_seq if info.ack_floor else 0


async def _make(jetstream: JetStreamContext, stream: str, config: ConsumerConfig, *, start: int) -> list[str]:
    if start > 1:
        config.deliver_policy, config.opt_start_seq = DeliverPolicy.BY_START_SEQUENCE, start
    await jetstream.add_consumer(stream, config)
    return [f"durable {config.durable_name} made"]


async def _update(
    jetstream: JetStreamContext, stream: str, wanted: ConsumerConfig, current: ConsumerConfig
) -> list[str]:
    # Where it began is history.
    wanted.deliver_policy, wanted.opt_start_seq = current.deliver_policy, current.opt_start_seq
    if set(current.filter_subjects or [current.filter_subject]) == set(wanted.filter_subjects or []):
        current.filter_subjects = wanted.filter_subjects
    differing = _differences(current, wanted)
    if differing:
        # The server updates an existing durable when it is sent again; its position in the stream is kept.
        await jetstream.add_consumer(stream, wanted)
        return [f"durable {wanted.durable_name}: {', '.join(differing)} updated"]
    return []


def _differences(current: object, wanted: StreamConfig | ConsumerConfig) -> Sequence[str]:
    return [
        name
        for name, value in vars(wanted).items()
        if value is not None and value != [] and getattr(current, name, None) != value
    ]
