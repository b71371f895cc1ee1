"""trace: applying, and the whole network, with every span exported to a local sink, against the same without."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks.apply import QUICK, apply_rate
from benchmarks.embedded import embedded
from benchmarks.figures import Figure, alternating, compared, reported
from benchmarks.flow import through_at_once
from benchmarks.site import process, running_site, until
from benchmarks.taking import Taking
from ssenet.servers import HOST, free_port

SHARE = 0.8


@dataclass(frozen=True)
class Sink:
    """A running sink of spans."""

    port: int

    @property
    def exporting(self) -> dict[str, str]:
        """What a process is told that exports all its spans here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:{self.port}"}

    async def spans(self) -> int:
        """How many have come so far."""
        reader, writer = await asyncio.open_connection(HOST, self.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return int(answer)


async def take(taking: Taking) -> list[Figure]:
    """What tracing leaves of the throughput."""
    async with _running_sink(taking) as sink:
        figures = [*await _applying(taking, sink), await _flowing(taking, sink)]
        return [*figures, reported("trace, spans taken by the sink", "spans", await sink.spans())]


@asynccontextmanager
async def _running_sink(taking: Taking) -> AsyncGenerator[Sink]:
    sink = Sink(free_port())
    command = [sys.executable, "-P", "-m", "benchmarks.sink", str(sink.port)]
    with process(command, {}, taking.folder / "sink.log"):

        async def listens() -> bool:
            try:
                return await sink.spans() == 0
            except OSError:
                return False

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
        # Each event's handling is a span, and none may be missing.
        compared(
            "trace, spans of the events applied",
            "spans",
            measured=await sink.spans(),
            floor=rounds * count,
            goal=1,
        ),
    ]


async def _flowing(taking: Taking, sink: Sink) -> Figure:
    """Two networks side by side, one of which exports; only one of them is loaded at a time."""
    folder, count = taking.folder, taking.of(4_000, 100)
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
    return compared("trace, flow with all spans", "events/s", measured=on, floor=off, goal=SHARE)
