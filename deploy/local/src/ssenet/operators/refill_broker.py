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

from chassis.broker.connection import connect
from chassis.broker.provision import provision
from chassis.broker.topology import PROVISIONER, ServiceDescription, Topology
from chassis.partitions import COUNTS
from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.secrets_file import read_secrets
from ssenet.network.client import Network, the_network
from ssenet.network.hints import in_full
from ssenet.processes.ports import LOOPBACK
from ssenet.processes.preparation import described
from ssenet.project import SERVICES
from ssenet.terminal.errors import CommandError

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
    """When the oldest of these was announced: nothing older was published again, whatever the stream may hold of it."""
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
        _tell(refilled, folder)
    return 0 if refilled is None or refilled.complete else 1


async def _connected(network: Network, *, force: bool, quiet: bool) -> Refilled | None:
    broker_port = network.port_of("nats")
    seed = read_secrets(network.folder.secrets).nats_seeds[PROVISIONER]
    try:
        async with asyncio.timeout(_CONNECTING):
            broker = await connect(f"nats://{LOOPBACK}:{broker_port}", service=PROVISIONER, seed=seed)
    except TimeoutError as error:
        raise CommandError(
            "The broker does not answer.", hint=f"See {in_full(network.folder, 'logs nats')}."
        ) from error
    try:
        return await _refill(network, broker.jetstream, force=force, quiet=quiet)
    except nats.errors.Error as error:
        why = str(error) or type(error).__name__
        hint = f"See {in_full(network.folder, 'logs nats')}."
        raise CommandError(f"The broker does not answer: {why}.", hint=hint) from error
    finally:
        await broker.stop()


async def _refill(
    network: Network, jetstream: JetStreamContext, *, force: bool, quiet: bool
) -> Refilled | None:
    began = time.monotonic()
    states = await _connected_states(network)
    topology = as_run(described(), states)
    lost = force or await _is_lost(jetstream, topology, states)
    if not lost and not await _is_incomplete(jetstream, topology):
        return None
    # First the databases, then the streams: nothing is published meanwhile, so the oldest comes first. Where durables
    # alone are missing, the stream still has what they are to hear.
    patient = replace(network, timeout=_MARKING)
    again = SERVICES if lost else ()
    kept = {one: await _ask(patient, one, "POST", "/internal/outbox/publish-again") for one in again}
    aim = Aim(time.monotonic())
    made = await provision(jetstream, topology)
    events = sum(one["events"] for one in kept.values())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as bar:
        complete = await _watch(network, jetstream, topology, aim, _Bars(bar, events))
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


async def _connected_states(network: Network) -> dict[str, Any]:
    """What each service says of itself, once all of them reach the broker: only then do they tell what they hear."""
    until = time.monotonic() + _CONNECTING
    while True:
        states = {one: await _ask(network, one, "GET", "/status") for one in SERVICES}
        away = [name for name, state in states.items() if not state["checks"]["broker"]["ok"]]
        if not away:
            return states
        if time.monotonic() > until:
            hint = f"See {in_full(network.folder, 'status')}."
            raise CommandError(f"{', '.join(away)} cannot reach the broker.", hint=hint)
        await asyncio.sleep(_CHECK)


def as_run(topology: Topology, states: Mapping[str, Any]) -> Topology:
    """The same, with durables in as many parts as the services run them in, whatever this command was told.

    Raises CommandError where a service hears what is not described.
    """

    def as_it_runs(service: ServiceDescription) -> ServiceDescription:
        names = {one["durable"] for one in states[service.service]["consumers"]}
        for count in COUNTS:
            split = service.model_copy(update={"partitions": count})
            if {part.name for part in split.parts} == names:
                return split
        heard = ", ".join(sorted(names)) or "nothing"
        told = f"{service.service} hears {heard}, and deploy/nats describes other durables."
        raise CommandError(told, hint="Start the network anew, so that both are of one version.")

    return topology.model_copy(update={"services": tuple(map(as_it_runs, topology.services))})


async def _is_lost(jetstream: JetStreamContext, topology: Topology, states: Mapping[str, Any]) -> bool:
    """Whether the stream of the events is missing, or a service knows of more than there is."""
    try:
        await jetstream.stream_info(topology.heard_stream)
    except NotFoundError:
        return True
    return any(not one["checks"].get("stream", {"ok": True})["ok"] for one in states.values())


async def _is_incomplete(jetstream: JetStreamContext, topology: Topology) -> bool:
    """Whether another stream is missing, or a durable of any."""
    for stream, durables in topology.durables.items():
        try:
            there = {one.name for one in await _all_durables(jetstream, stream)}
        except NotFoundError:
            return True
        if durables - there:
            return True
    return False


class Aim:
    """What a refill waits for: all that was committed when it began, whatever comes later.

    `began` and every `now` are seconds of a monotonic clock.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self._looked = False
        self._until: int | None = None
        self._owed = float("inf")
        self._moved = began

    def look(
        self, states: Sequence[Mapping[str, Any]], durables: Sequence[ConsumerInfo], stored: int, now: float
    ) -> bool:
        """Whether it is reached. `stored`: the stream's last sequence, read before the durables were."""
        # What was answered first may have been looked at before it began.
        looked, self._looked = self._looked, True
        if not all("outbox" in one for one in states):
            # A database that answers late says nothing of what it owes, and that is less than anything.
            return False
        if self._until is None:
            if looked and all(self._published(one, now) for one in states):
                # From here on something else is counted.
                self._until, self._owed, self._moved = stored, float("inf"), now
                return False
            owed = sum(one["outbox"]["unpublished"] for one in states)
        else:
            owed = sum(max(0, self._until - _floor(one)) for one in durables if _owes(one))
            if not owed:
                return True
        # Less than ever is owed: new events alone are no progress.
        if owed < self._owed:
            self._owed, self._moved = owed, now
        return False

    def _published(self, state: Mapping[str, Any], now: float) -> bool:
        """Whether a service owes the stream nothing but what was announced since the beginning."""
        return state["outbox"]["oldest_age_s"] < now - self._began

    def stuck(self, now: float) -> bool:
        """Whether nothing has moved for too long."""
        return now - self._moved > PATIENCE


def _floor(durable: ConsumerInfo) -> int:
    return durable.ack_floor.stream_seq if durable.ack_floor else 0


def _owes(durable: ConsumerInfo) -> bool:
    return bool(durable.num_pending or durable.num_ack_pending)


class _Bars:
    """How far publishing and hearing are, for a person."""

    def __init__(self, progress: Progress, events: int) -> None:
        self._progress = progress
        self._events = events
        self._publishing = progress.add_task("Published", total=events)
        self._hearing = progress.add_task("Heard", total=None)

    def show(self, unpublished: int, unheard: int, heard: int) -> None:
        self._progress.update(self._publishing, completed=max(0, self._events - unpublished))
        self._progress.update(self._hearing, completed=heard, total=heard + unheard)


async def _watch(
    network: Network, jetstream: JetStreamContext, topology: Topology, aim: Aim, bar: "_Bars"
) -> bool:
    """Wait until the aim is reached; False once nothing has moved for too long."""
    while True:
        states = [await _ask(network, one, "GET", "/status") for one in SERVICES]
        stored = (await jetstream.stream_info(topology.heard_stream)).state.last_seq
        durables = await handlers_durables(jetstream, topology)
        bar.show(sum(one["outbox"]["unpublished"] for one in states if "outbox" in one), *_heard(durables))
        if aim.look(states, durables, stored, time.monotonic()):
            return True
        if aim.stuck(time.monotonic()):
            return False
        await asyncio.sleep(_CHECK)


async def handlers_durables(jetstream: JetStreamContext, topology: Topology) -> list[ConsumerInfo]:
    """The durables that handlers are fed from, whole or in partitions; others only look things up."""
    names = "|".join(re.escape(heard.durable) for service in topology.services for heard in service.hears)
    found = await _all_durables(jetstream, topology.heard_stream)
    return [one for one in found if re.fullmatch(rf"(?:{names})(?:-\d+of\d+)?", one.name)]


async def _all_durables(jetstream: JetStreamContext, stream: str) -> list[ConsumerInfo]:
    """All of a stream; the server tells of some hundreds at a time."""
    found: list[ConsumerInfo] = []
    while page := await jetstream.consumers_info(stream, offset=len(found)):
        found += page
    return found


def _heard(durables: Sequence[ConsumerInfo]) -> tuple[int, int]:
    """How many deliveries are still owed, over all durables, and how many have been made."""
    owed = sum((one.num_pending or 0) + (one.num_ack_pending or 0) for one in durables)
    made = sum(one.delivered.consumer_seq - (one.num_ack_pending or 0) for one in durables if one.delivered)
    return owed, max(made, 0)


async def _ask(network: Network, service: str, method: str, path: str) -> Any:
    return await asyncio.to_thread(network.ask, service, method, path)


def _tell(refilled: Refilled, folder: DataFolder) -> None:
    for change in refilled.made:
        print(f"  {change}")
    for service, events in refilled.published_again.items():
        print(f"  {service}: {events} events published again")
    if refilled.kept_since:
        print(
            f"  the oldest of them was announced at {refilled.kept_since}; nothing older was published again"
        )
    end = (
        "All of it is published and heard"
        if refilled.complete
        else f"Not all of it has been heard: see {in_full(folder, 'status')}"
    )
    print(f"{end}, after {refilled.seconds} s; the stream holds {refilled.in_stream} events.")
