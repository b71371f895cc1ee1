"""A rush at the door starves nobody: bounds of time and memory, so only when asked for, on a machine left alone."""

import asyncio
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.catalogue import PARTNER_EVENTS
from ssenet.partners.grants_and_keys import ensure, make_key
from tests.flows.test_from_partner_to_inbox import a_request, send

COMPOSE_MEMORY = 384
"""MB that `compose.yaml` gives the gateway."""
PAGES = 2000
CLIENTS = 200


@pytest.fixture(autouse=True)
def asked_for(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--benchmarks", default=False):
        pytest.skip("it asserts times; asked for with --benchmarks")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * PAGES:
        pytest.skip(f"it opens {PAGES} connections, and a process may have {hard} files here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * PAGES), hard))


class Watch:
    """What others see meanwhile: their posts and pages, and the gateway's memory."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.memory = 0.0

    @property
    def p99(self) -> float:
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]

    async def timed(self, asked: Any) -> None:
        begun = time.monotonic()
        answer: httpx.Response = await asked
        self.seconds.append(time.monotonic() - begun)
        self.statuses[answer.status_code] += 1


def memory_of(pid: int) -> float:
    """What a process holds of memory, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def tell(line: str) -> None:
    sys.stdout.write(f"\n{line}\n")


@asynccontextmanager
async def watched(network: Any) -> AsyncGenerator[Watch]:
    watch, over = Watch(), asyncio.Event()
    pid = network.asked.state.process("gateway").pid

    async def look() -> None:
        async with network.as_partner() as partner, network.as_member("focal_point", "CO-Abidjan") as member:
            while not over.is_set():
                await watch.timed(send(partner, a_request()))
                await watch.timed(member.get("/inbox"))
                watch.memory = max(watch.memory, memory_of(pid))
                await asyncio.sleep(0.05)

    looking = asyncio.create_task(look())
    await asyncio.sleep(1)
    yield watch
    over.set()
    await looking


async def opened(url: httpx.URL, cookie: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(url.host, url.port, limit=2**20)
    request = f"GET /inbox/stream HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nCookie: {cookie}\r\n\r\n"
    writer.write(request.encode())
    return reader, writer


@pytest.mark.parametrize("accounts", [("CO-Dakar",), ("CO-Dakar", "CO-Cairo", "CO-Lima", "CO-Bangkok")])
async def test_two_thousand_pages_opened_at_once_are_served_and_starve_nobody(
    network: Any, accounts: Sequence[str]
) -> None:
    cookies: list[str] = []
    for office in accounts:
        async with network.as_member("focal_point", office) as member:
            cookies.append("; ".join(f"{name}={value}" for name, value in member.cookies.items()))
    async with watched(network) as watch:
        url = httpx.URL(network.url)
        pages = await asyncio.gather(
            *(opened(url, cookies[number % len(cookies)]) for number in range(PAGES))
        )
        async with asyncio.timeout(60):
            heads = await asyncio.gather(*(reader.readuntil(b"event: beat") for reader, _ in pages))
        assert all(head.startswith(b"HTTP/1.1 200") for head in heads)

        async with network.as_partner() as partner:
            await send(partner, a_request(country="SN"))
        first = [reader for number, (reader, _) in enumerate(pages) if number % len(cookies) == 0]
        async with asyncio.timeout(60):
            await asyncio.gather(*(reader.readuntil(b"id: ") for reader in first))
        await asyncio.sleep(2)
    for _, writer in pages:
        writer.close()

    tell(f"{PAGES} pages of {len(accounts)}: others p99 {watch.p99:.2f} s, memory {watch.memory:.0f} MB")
    assert set(watch.statuses) <= {200, 202}
    assert watch.p99 < 1
    assert watch.memory < COMPOSE_MEMORY


async def test_two_hundred_partner_clients_at_once_are_all_answered(network: Any) -> None:
    keys: list[str] = []
    for number in range(20):
        code = f"CROWD-{number}"
        ensure(network.asked, code, name=code, grants=sorted(PARTNER_EVENTS))
        keys.append(make_key(network.asked, code))
    watch, url = Watch(), httpx.URL(network.url)

    async def client(key: str) -> None:
        # No library between: two hundred connections are much for one, and its time would be taken for ours.
        reader, writer = await asyncio.open_connection(url.host, url.port)
        for _ in range(5):
            body = json.dumps(a_request()).encode()
            head = (
                f"POST /events HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nAuthorization: Bearer {key}\r\n"
                f"Content-Type: application/cloudevents+json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            begun = time.monotonic()
            writer.write(head.encode() + body)
            answered = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            watch.seconds.append(time.monotonic() - begun)
            watch.statuses[int(answered[9:12])] += 1
            told = dict(line.split(": ", 1) for line in answered.splitlines()[1:] if line)
            await reader.readexactly(int(told["content-length"]))
            assert "ratelimit" in told
            assert "503" not in answered[9:12] or int(told["retry-after"]) > 0
        writer.close()

    await asyncio.gather(*(client(keys[number % len(keys)]) for number in range(CLIENTS)))

    tell(f"{CLIENTS} clients: {dict(watch.statuses)}, p99 {watch.p99:.2f} s")
    assert watch.statuses.total() == CLIENTS * 5
    assert set(watch.statuses) <= {202, 503}
    assert watch.p99 < 2


async def test_six_full_batches_at_once_stay_within_the_memory_that_compose_gives(network: Any) -> None:
    """Each of 1,000 events with 440 attributes whose names are wrong: the most that an answer has to say."""
    wrong = "{" + ",".join(f'"A{number}":1' for number in range(440)) + "}"
    body = "[" + ",".join([wrong] * 1000) + "]"
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    async with watched(network) as watch, network.as_partner() as partner:
        answers = await asyncio.gather(
            *(partner.post("/events", content=body, headers=headers, timeout=60) for _ in range(6))
        )

    statuses = Counter(answer.status_code for answer in answers)
    tell(f"six batches: {dict(statuses)}, others p99 {watch.p99:.2f} s, memory {watch.memory:.0f} MB")
    assert set(statuses) <= {200, 429, 503}
    assert watch.memory < COMPOSE_MEMORY
