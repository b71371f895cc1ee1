"""Streams and durables made as they are described, and kept true; nothing else makes any.

As a job of its own, for deployments that the `ssenet` command does not run:
`python -m chassis.broker.provision FOLDER` makes streams and durables as the folder describes them; it reads `NATS_URL`
and `PROVISIONER_SEED`. `python -m chassis.broker.provision users FOLDER NAME=PUBLIC_KEY...` prints the server's users.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

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

from chassis.broker.connection import connect
from chassis.broker.durable_limits import ACK_WAIT, MAX_ACK_PENDING, MAX_DELIVER
from chassis.broker.side_durables import ADVISORIES, provision_side_durables
from chassis.broker.topology import (
    PROVISIONER,
    DurableDescription,
    StreamDescription,
    Topology,
    accounts_block,
)
from chassis.partitions import COUNTS, Partition, partitions_of

USAGE = "usage: python -m chassis.broker.provision FOLDER | users FOLDER NAME=PUBLIC_KEY..."


class TopologyError(Exception):
    """The description and the server cannot be brought together without losing something."""


async def provision_site(topology: Topology, *, url: str, seed: str) -> list[str]:
    """Bring one site's server to its description; returns what was changed. Done again, it changes nothing."""
    broker = await connect(url, service=PROVISIONER, seed=seed)
    try:
        return await provision(broker.jetstream, topology)
    finally:
        await broker.stop()


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


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Do what the command line asks for; the exit code says whether the server is as described."""
    match arguments:
        case ["users", folder, *keys] if all("=" in key for key in keys):
            given = dict(key.split("=", 1) for key in keys)
            sys.stdout.write(accounts_block(Topology.read(Path(folder)), given))
        case [folder] if folder != "users":
            topology = Topology.read(Path(folder))
            work = provision_site(topology, url=environment["NATS_URL"], seed=environment["PROVISIONER_SEED"])
            try:
                changed = asyncio.run(work)
            except TopologyError as error:
                sys.stderr.write(f"{error}\n")
                return 1
            sys.stdout.write("\n".join([*changed, "Streams and durables are as described.", ""]))
        case _:
            sys.stderr.write(f"{USAGE}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
