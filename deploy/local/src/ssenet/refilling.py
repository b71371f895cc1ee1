"""A broker that lost its store is filled again from what the services' databases keep, while they run."""

import asyncio
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import nats.errors
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from chassis.broker import Broker
from chassis.provisioner import PROVISIONER, Topology, provision
from ssenet.credentials import read_secrets
from ssenet.errors import CommandError
from ssenet.folders import SERVICES, DataFolder
from ssenet.network import Network, the_network
from ssenet.ports import LOOPBACK
from ssenet.preparation import described

PATIENCE = 60.0
"""Seconds in which something has to move."""
_CHECK = 0.25
_CONNECTING = 10.0
_MARKING = 600.0
"""Seconds that a service may need to mark millions of rows."""


@dataclass(frozen=True)
class Refilled:
    """What came of it."""

    made: Sequence[str]
    """Streams and durables that had to be made."""
    published_again: Mapping[str, int]
    kept_since: str | None
    """When the oldest event that is kept was first published: what was announced before is not in the stream again."""
    in_stream: int
    seconds: float
    complete: bool


def refill_streams(folder: DataFolder, *, force: bool, as_json: bool) -> int:
    """Refill, with a bar to watch; 0 once all is published and heard, also where nothing had been lost."""
    network = the_network(folder)
    refilled = asyncio.run(_connected(network, force=force, quiet=as_json))
    if as_json:
        print(json.dumps(asdict(refilled) if refilled else {"lost": False}, indent=2))
    elif refilled is None:
        print(
            "The broker has lost nothing: it is as far as every service knows. (--force publishes again anyway.)"
        )
    else:
        _tell(refilled)
    return 0 if refilled is None or refilled.complete else 1


async def _connected(network: Network, *, force: bool, quiet: bool) -> Refilled | None:
    broker_port = network.port_of("nats")
    seed = read_secrets(network.folder.secrets).nats_seeds[PROVISIONER]
    try:
        async with asyncio.timeout(_CONNECTING):
            broker = await Broker.connect(f"nats://{LOOPBACK}:{broker_port}", service=PROVISIONER, seed=seed)
    except TimeoutError as error:
        raise CommandError("The broker does not answer.", hint="See `./ssenet logs nats`.") from error
    try:
        return await _refill(network, broker.jetstream, force=force, quiet=quiet)
    except nats.errors.Error as error:
        why = str(error) or type(error).__name__
        raise CommandError(f"The broker does not answer: {why}.", hint="See `./ssenet logs nats`.") from error
    finally:
        await broker.close()


async def _refill(
    network: Network, jetstream: JetStreamContext, *, force: bool, quiet: bool
) -> Refilled | None:
    began = time.monotonic()
    topology = described()
    if not force and not await _is_lost(network, jetstream, topology):
        return None
    # First the databases, then the streams: nothing is published meanwhile, so the oldest comes first.
    patient = replace(network, timeout=_MARKING)
    kept = {one: await _ask(patient, one, "POST", "/internal/outbox/publish-again") for one in SERVICES}
    made = await provision(jetstream, topology)
    events = sum(one["events"] for one in kept.values())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as bar:
        complete = await _watch(network, jetstream, topology, events, bar)
    info = await jetstream.stream_info(topology.heard_stream)
    since = [datetime.fromisoformat(one["kept_since"]) for one in kept.values() if one["kept_since"]]
    return Refilled(
        made,
        {name: one["events"] for name, one in kept.items()},
        min(since).isoformat(timespec="seconds") if since else None,
        info.state.messages,
        round(time.monotonic() - began, 1),
        complete,
    )


async def _is_lost(network: Network, jetstream: JetStreamContext, topology: Topology) -> bool:
    """Whether a stream or a durable is missing, or a service knows of more than there is."""
    try:
        for name in topology.streams:
            await jetstream.stream_info(name)
    except NotFoundError:
        return True
    if not await handlers_durables(jetstream, topology):
        return True
    found = [await _ask(network, one, "GET", "/status") for one in SERVICES]
    return any(not one["checks"].get("stream", {"ok": True})["ok"] for one in found)


async def _watch(
    network: Network, jetstream: JetStreamContext, topology: Topology, events: int, bar: Progress
) -> bool:
    """Wait until everything is published and heard; False once nothing has moved for too long."""
    publishing, hearing = bar.add_task("Published", total=events), bar.add_task("Heard", total=None)
    left, moved = (-1, -1), time.monotonic()
    while True:
        states = [await _ask(network, one, "GET", "/status") for one in SERVICES]
        unpublished = sum(one["outbox"]["unpublished"] for one in states if "outbox" in one)
        unheard, heard = _heard(await handlers_durables(jetstream, topology))
        bar.update(publishing, completed=max(0, events - unpublished))
        bar.update(hearing, completed=heard, total=heard + unheard)
        if not unpublished and not unheard and all("outbox" in one for one in states):
            return True
        if (unpublished, unheard) != left:
            left, moved = (unpublished, unheard), time.monotonic()
        elif time.monotonic() - moved > PATIENCE:
            return False
        await asyncio.sleep(_CHECK)


async def handlers_durables(jetstream: JetStreamContext, topology: Topology) -> list[ConsumerInfo]:
    """The durables that handlers are fed from, whole or in partitions; others only look things up."""
    names = "|".join(re.escape(heard.durable) for service in topology.services for heard in service.hears)
    found = await jetstream.consumers_info(topology.heard_stream)
    return [one for one in found if re.fullmatch(rf"(?:{names})(?:-\d+of\d+)?", one.name)]


def _heard(durables: Sequence[ConsumerInfo]) -> tuple[int, int]:
    """How many deliveries are still owed, over all durables, and how many have been made."""
    owed = sum((one.num_pending or 0) + (one.num_ack_pending or 0) for one in durables)
    made = sum(one.delivered.consumer_seq - (one.num_ack_pending or 0) for one in durables if one.delivered)
    return owed, max(made, 0)


async def _ask(network: Network, service: str, method: str, path: str) -> Any:
    return await asyncio.to_thread(network.ask, service, method, path)


def _tell(refilled: Refilled) -> None:
    for change in refilled.made:
        print(f"  {change}")
    for service, events in refilled.published_again.items():
        print(f"  {service}: {events} events published again")
    if refilled.kept_since:
        print(f"  kept since {refilled.kept_since}; what is older is not in the stream any more")
    end = (
        "All of it is published and heard"
        if refilled.complete
        else "Not all of it has been heard: see ./ssenet status"
    )
    print(f"{end}, after {refilled.seconds} s; the stream holds {refilled.in_stream} events.")
