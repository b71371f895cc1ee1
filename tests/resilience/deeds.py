"""Doing what a schedule says to a stage, and undoing it."""

import asyncio
import contextlib
import random
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import nats.errors
import nats.js.errors
import orjson

from chassis.broker.connection import MSG_ID
from ssenet.operators.refill_broker import handlers_durables
from ssenet.terminal.errors import CommandError
from tests.resilience.schedule import SERVERS, Fault, Kind, Schedule
from tests.resilience.stage import Stage, topology

POISON_SUBJECT = "sse.hq.all.partner.assistance.requested.v1.07"
_STOPS = {"postgres": signal.SIGINT}


class NotDoneError(Exception):
    """A fault could not be done: another had what it needs."""


async def carry_out(stage: Stage, schedule: Schedule) -> list[Fault]:
    """Do every fault at its time; returns those that were done once all are over, and everything may recover.

    What is to be done to the stream is left out where another fault keeps us from it.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    turns = {name: asyncio.Lock() for name in stage.parts}

    async def one(fault: Fault) -> Fault | None:
        await asyncio.sleep(max(0.0, began + fault.at - loop.time()))
        # A start may take longer than was drawn; what else is to be done to that process waits for it.
        on_process = fault.target in turns and fault.kind is not Kind.CLOCK
        async with turns[fault.target] if on_process else contextlib.nullcontext():
            try:
                await _DOING[fault.kind](stage, fault, began + fault.ends, schedule.seed)
            except NotDoneError:
                return None
        return fault

    return [fault for fault in await asyncio.gather(*(one(fault) for fault in schedule.faults)) if fault]


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))


async def _start(stage: Stage, name: str) -> None:
    """Start what the fault ended; a server whose disk has no room yet is tried again."""
    while True:
        try:
            await stage.start(name)
            return
        except (CommandError, OSError):
            await asyncio.sleep(0.2)


async def _kill(stage: Stage, fault: Fault, ends: float, _seed: int) -> None:
    stage.down.add(fault.target)
    stage.signal(fault.target, signal.SIGKILL)
    await stage.ended(fault.target)
    await _until(ends)
    await _start(stage, fault.target)


async def _freeze(stage: Stage, fault: Fault, ends: float, _seed: int) -> None:
    stage.signal(fault.target, signal.SIGSTOP)
    await _until(ends)
    stage.signal(fault.target, signal.SIGCONT)


async def _restart(stage: Stage, fault: Fault, ends: float, _seed: int) -> None:
    stage.down.add(fault.target)
    stage.signal(fault.target, _STOPS.get(fault.target, signal.SIGTERM))
    if await stage.ended(fault.target) is None:
        if fault.target not in SERVERS:
            stage.fell.append(f"{fault.target} did not stop within 10 s")
        stage.signal(fault.target, signal.SIGKILL)
        await stage.ended(fault.target)
    await _until(ends)
    await _start(stage, fault.target)


async def _on_link(stage: Stage, fault: Fault, ends: float, _seed: int) -> None:
    link = stage.links[fault.target]
    doing = {Kind.CUT: link.cut, Kind.SILENCE: link.silence, Kind.DEAF: link.deafen, Kind.DROP: link.drop}
    doing[fault.kind]()
    await _until(ends)
    link.mend()


async def _full(stage: Stage, fault: Fault, ends: float, _seed: int) -> None:
    stage.excused.add(fault.target)
    stage.size_disk(fault.target, full=True)
    await _until(ends)
    stage.size_disk(fault.target, full=False)
    if fault.target == "nats":
        # Since 2.14 a stream that met a write error stands still until the server is started again.
        await _restart(stage, fault, 0.0, 0)
    else:
        stage.database_has_room()


async def _clock(stage: Stage, fault: Fault, ends: float, _seed: int) -> None:
    stage.set_clock(fault.target, fault.amount)
    await _until(ends)
    stage.set_clock(fault.target, 0)


async def _again(stage: Stage, fault: Fault, _ends: float, seed: int) -> None:
    """Store the newest events a second time, under their own ids, in an order of chance."""

    async def store(client: Any) -> None:
        stream = topology().heard_stream
        last = (await client.jetstream.stream_info(stream)).state.last_seq
        places = list(range(max(1, last - fault.amount + 1), last + 1))
        random.Random(seed).shuffle(places)  # noqa: S311 - it is to be the same every time
        stored = 0
        for place in places:
            with contextlib.suppress(nats.js.errors.NotFoundError):
                message = await client.jetstream.get_msg(stream, place)
                headers = {MSG_ID: (message.headers or {}).get(MSG_ID, f"poison-{place}")}
                answer = await client.jetstream.publish(
                    message.subject or "", message.data or b"", headers=headers
                )
                stored += not answer.duplicate
        if not stored:
            raise NotDoneError("the stream had nothing to store a second time")

    await _as_administrator(stage, store)


async def _rewind(stage: Stage, fault: Fault, _ends: float, seed: int) -> None:
    """Have one durable delivered again what lies `amount` messages back."""

    async def reset(client: Any) -> None:
        stream = topology().heard_stream
        durables = sorted(one.name for one in await handlers_durables(client.jetstream, topology()))
        chosen = random.Random(seed).choice(durables)  # noqa: S311 - it is to be the same every time
        floor = (await client.jetstream.consumer_info(stream, chosen)).ack_floor.stream_seq
        body = orjson.dumps({"seq": max(1, floor - fault.amount)})
        answer = await client.connection.request(f"$JS.API.CONSUMER.RESET.{stream}.{chosen}", body, timeout=2)
        if error := orjson.loads(answer.data).get("error"):
            raise NotDoneError(f"{chosen}: {error}")

    await _as_administrator(stage, reset)


async def _poison(stage: Stage, _fault: Fault, _ends: float, seed: int) -> None:
    async def store(client: Any) -> None:
        await client.jetstream.publish(POISON_SUBJECT, b'{"no": "event %d"}' % seed)

    await _as_administrator(stage, store)


async def _as_administrator(stage: Stage, work: Callable[[Any], Awaitable[None]]) -> None:
    """Do it while the broker is there; raises NotDoneError where another fault has it."""
    try:
        async with asyncio.timeout(3), stage.provisioner() as client:
            await work(client)
    except (nats.errors.Error, TimeoutError, OSError) as error:
        raise NotDoneError(str(error)) from error


_DOING: dict[Kind, Callable[[Stage, Fault, float, int], Awaitable[None]]] = {
    Kind.KILL: _kill,
    Kind.FREEZE: _freeze,
    Kind.RESTART: _restart,
    Kind.CUT: _on_link,
    Kind.SILENCE: _on_link,
    Kind.DEAF: _on_link,
    Kind.DROP: _on_link,
    Kind.FULL: _full,
    Kind.CLOCK: _clock,
    Kind.AGAIN: _again,
    Kind.REWIND: _rewind,
    Kind.POISON: _poison,
}
