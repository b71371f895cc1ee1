"""trace: applying, and the whole network, with every span exported to a local sink, against the same without."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson

from benchmarks.apply import QUICK, apply_rate
from benchmarks.embedded import Embedded, embedded
from benchmarks.figures import Figure, alternating, compared, reported
from benchmarks.flow import through_at_once
from benchmarks.sink import Tally
from benchmarks.site import one_row, process, running_site, until
from benchmarks.taking import Taking
from ssenet.processes.servers import HOST, free_port
from ssenet.project import SERVICES

SHARE = 0.8
_EXPORTED_WITHIN = 3.0
"""Seconds after which the last span has come: an exporter gathers for one."""


@dataclass(frozen=True)
class Sink:
    """A running sink of spans."""

    port: int

    @property
    def exporting(self) -> dict[str, str]:
        """What a process is told that exports all its spans here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:{self.port}"}

    async def tally(self) -> Tally:
        """What has come so far."""
        reader, writer = await asyncio.open_connection(HOST, self.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return Tally(**orjson.loads(answer))


async def take(taking: Taking) -> list[Figure]:
    """What tracing leaves of the throughput."""
    async with _running_sink(taking) as sink:
        figures = [*await _applying(taking, sink), *await _flowing(taking, sink)]
        tally = await sink.tally()
        return [*figures, reported("trace, spans taken by the sink", "spans", tally.spans)]


@asynccontextmanager
async def _running_sink(taking: Taking) -> AsyncGenerator[Sink]:
    sink = Sink(free_port())
    command = [sys.executable, "-P", "-m", "benchmarks.sink", str(sink.port)]
    with process(command, {}, taking.folder / "sink.log"):

        async def listens() -> bool:
            try:
                await sink.tally()
            except OSError:
                return False
            return True

        await until(listens, within=20, what="the sink listens")
        yield sink


async def _applying(taking: Taking, sink: Sink) -> list[Figure]:
    """Rounds of far more events than an exporter holds back: what it put off or lost would show."""
    rounds, count = taking.of(5, 1), taking.of(60_000, QUICK)
    async with running_site(taking.folder / "trace-apply") as site:
        off, on = await alternating(
            rounds,
            lambda: apply_rate(site, count),
            lambda: apply_rate(site, count, **sink.exporting),
            tell=taking.tell,
        )
    return [
        compared("trace, apply with all spans", "events/s", measured=on, floor=off, goal=SHARE),
        # The service has ended, and what it had not sent by then is lost: each event's handling is a span.
        _all_of_them("trace, apply: events with their span", (await sink.tally()).handled, rounds * count),
    ]


async def _flowing(taking: Taking, sink: Sink) -> list[Figure]:
    """Two networks side by side, one of which exports; only one of them is loaded at a time."""
    folder, count = taking.folder, taking.of(4_000, 100)
    before = await sink.tally()
    async with (
        embedded(folder / "trace-off") as silent,
        embedded(folder / "trace-on", sink.exporting) as exporting,
    ):
        for network in (silent, exporting):
            await through_at_once(network, taking.of(500, 50))
        off, on = await alternating(
            taking.of(5, 1),
            lambda: through_at_once(silent, count),
            lambda: through_at_once(exporting, count),
            tell=taking.tell,
        )
        published, handled = await _published_and_handled(exporting)
        await asyncio.sleep(_EXPORTED_WITHIN)
        after = await sink.tally()
    return [
        compared("trace, flow with all spans", "events/s", measured=on, floor=off, goal=SHARE),
        _all_of_them(
            "trace, flow: events published with their span", after.published - before.published, published
        ),
        _all_of_them("trace, flow: events handled with their span", after.handled - before.handled, handled),
    ]


async def _published_and_handled(network: Embedded) -> tuple[int, int]:
    """How many events the services have published, and handled (once for each durable), as their tables say."""
    await network.until_applied(*SERVICES, within=60)
    published = handled = 0
    for service in SERVICES:
        connection = await network.connect(service)
        try:
            row = await one_row(connection, _COUNTED)
        finally:
            await connection.close()
        published, handled = published + row[0], handled + row[1]
    return published, handled


_COUNTED = """
SELECT (SELECT count(*) FROM outbox_marks), (SELECT count(*) FROM inbox)
"""


def _all_of_them(name: str, measured: int, expected: int) -> Figure:
    """A figure whose goal is that none is missing; a single one is not rounded away."""
    return compared(name, "events", measured=measured, floor=expected, goal=1)
