"""No partner's request holds up everybody else's: under the worst that may come, the loop turns on."""

import asyncio
import gc
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import orjson
import pytest
from partner_kit import BATCH, STRUCTURED, Gateway, bearer, examples

from gateway.partners.domain.refusals import BATCH_BYTES, BATCH_EVENTS, BATCH_PARTS, EVENT_BYTES

LONGEST_GAP = 0.05
"""Seconds of this process's own work."""
ATTEMPTS = 3
"""A busy machine makes the same work longer and never shorter: what holds the loop up does so each time."""

EXAMPLES = {event["type"].split(".")[1]: event for _, event in examples()}


class Gaps:
    """The longest time in which the process worked and the loop did not turn."""

    def __init__(self) -> None:
        self.longest = 0.0

    @asynccontextmanager
    async def measured(self) -> AsyncGenerator[None]:
        looking = asyncio.create_task(self._look())
        await asyncio.sleep(0.01)
        self.longest = 0.0
        try:
            yield
        finally:
            await asyncio.sleep(0.01)
            looking.cancel()

    async def _look(self) -> None:
        before = time.process_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.process_time()
            self.longest = max(self.longest, now - before)
            before = now


@contextmanager
def as_a_service_runs() -> Generator[None]:
    """Let collections pass over what is loaded, as `chassis.runtime.process` does: tests load much more than that."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def an(noun: str, number: int = 0, **data: Any) -> dict[str, Any]:
    event = EXAMPLES[noun]
    return {**event, "id": f"WORST-{number}", "data": event["data"] | data}


def batch(events: Iterator[dict[str, Any]]) -> bytes:
    """As many of these events as a batch may hold."""
    texts: list[bytes] = []
    left = BATCH_BYTES - 2
    for event in events:
        text = orjson.dumps(event)
        left -= len(text) + 1
        if left < 0 or len(texts) == BATCH_EVENTS:
            break
        texts.append(text)
    return b"[%b]" % b",".join(texts)


def many(make: Callable[[int], dict[str, Any]]) -> bytes:
    return batch(make(number) for number in range(BATCH_EVENTS))


def figures(length: int = 1) -> list[dict[str, Any]]:
    return [{"indicator": f"{'i' * length} {k}", "value": f"{k}.25", "unit": "persons"} for k in range(2000)]


def filled(event: dict[str, Any], part: bytes) -> bytes:
    """The event with a field that nobody knows, an array of these parts, up to the largest size there is."""
    text = orjson.dumps(event)[:-2] + b',"unknown_field":[' + part
    return text + (b"," + part) * ((EVENT_BYTES - len(text) - 4) // (len(part) + 1)) + b"]}}"


def too_long(field: str, part: bytes) -> bytes:
    """The event with as many of these parts in one of its lists as there is room for."""
    event = an("research" if field == "countries" else "statistics")
    event["data"][field] = "HERE"
    text = orjson.dumps(event)
    return text.replace(
        b'"HERE"', b"[%b]" % b",".join([part] * ((EVENT_BYTES - len(text)) // (len(part) + 1)))
    )


FAULTY = {"indicator": 1, "value": "x", "unit": 1, "entity_type": 1, "isic_section": "x", "sex": 1}
NOWHERE = "Republic of nowhere and of no other place "

ACCEPTED = {
    "a batch of long texts": lambda: many(
        lambda number: an("assistance", number, description={"language": "en", "text": "x\n" * 1900})
    ),
    "a batch of statistics": lambda: many(lambda number: an("statistics", number, figures=figures())),
    "a batch of all sorts of numbers": lambda: (
        b"[%b]" % b",".join(filled(an("assistance", number), b"1.5,-0.25,17") for number in range(15))
    ),
    "one event of long figures": lambda: orjson.dumps(an("statistics", figures=figures(70))),
    "one event of decimals": lambda: filled(an("assistance"), b"1.5"),
    "one event of numbers with many digits": lambda: filled(an("assistance"), b"0.12345678901234567890"),
    "one event of large whole numbers": lambda: filled(an("assistance"), b"9" * 30),
    "one event of objects": lambda: filled(an("assistance"), b"{}"),
    "one event of nulls": lambda: filled(an("assistance"), b'{"a":null}'),
}
REFUSED = {
    "a batch of unknown types": lambda: many(
        lambda number: an("assistance") | {"type": "partner." + "assistance.requestde" * 9 + str(number)}
    ),
    "a batch of unknown countries": lambda: many(
        lambda number: an("assistance", country=f"{NOWHERE * 2}{number}")
    ),
    "a batch of unknown languages": lambda: many(
        lambda number: an("assistance", title={"language": f"{NOWHERE}{number}", "text": "x"})
    ),
    "a batch of events with many unknown countries": lambda: many(
        lambda number: an("research", number, countries=[f"{NOWHERE}{k}" for k in range(250)])
    ),
    "a batch of events with too many countries": lambda: many(
        lambda number: an("research", number, countries=[f"{NOWHERE}{k}" for k in range(4000)])
    ),
    "a batch of attributes with bad names": lambda: many(
        lambda number: an("assistance", number) | {f"BAD_{k}": 1 for k in range(250)}
    ),
    "a batch of nothing but faults": lambda: many(
        lambda number: an("statistics", number, figures=[FAULTY] * 2000)
    ),
    "a batch that is refused event by event": lambda: many(
        lambda number: an("assistance", number, country="UK", unknown_field="x" * 3000)
    ),
    "a batch of numbers": lambda: b"[%b0]" % (b"0," * (BATCH_BYTES // 2 - 2)),
    "a batch of objects": lambda: b"[%b{}]" % (b"{}," * (BATCH_BYTES // 3 - 2)),
    "a batch of arrays of decimals": lambda: b"[%b1]" % ((b"[%b1]," % (b"1.5," * 65_000)) * 15),
    "a batch of a few objects too few to be refused at once": lambda: (
        b"[[%b{}]]" % (b"{}," * (BATCH_PARTS - 9))
    ),
    "a batch of one string of escapes": lambda: b'[{"id":"%b"}]' % (b"\\n" * (BATCH_BYTES // 2 - 8)),
    "a batch of many strings": lambda: b'[{"id":[%b"a"]}]' % (b'"a",' * (BATCH_BYTES // 4 - 8)),
    "a batch that breaks off": lambda: many(
        lambda number: an("assistance", number, unknown_field="x\n" * 1500)
    )[:-9],
    "a batch whose last byte is none of UTF-8": lambda: (
        many(lambda number: an("assistance", number, unknown_field="x\n" * 1500))[:-9] + b"\xff"
    ),
    "one event of nothing but faults": lambda: orjson.dumps(an("statistics", figures=[FAULTY] * 2000)),
    "one event with too many countries": lambda: orjson.dumps(
        an("research", countries=[f"{NOWHERE}{k}" for k in range(4500)])
    ),
    "one event of codes of one letter": lambda: too_long("countries", b'"a"'),
    "one event of figures that say nothing": lambda: too_long("figures", b"{}"),
    "one event of brackets": lambda: b"[" * EVENT_BYTES,
    "one event of names": lambda: orjson.dumps({f"BAD_{k}": k for k in range(15_000)}),
    "one event of a media type that repeats itself": lambda: orjson.dumps(
        an("assistance") | {"datacontenttype": "application/json" + "; " * 120_000 + "!"}
    ),
    "one array of decimals": lambda: b"[%b1]" % (b"1.5," * (EVENT_BYTES // 4 - 2)),
    "one event that says a name twice at its end": lambda: (
        filled(an("assistance"), b"{}")[:-10] + b']},"id":1}'
    ),
}
"""What costs the most of what is taken, and of what is not."""


@pytest.mark.parametrize("name", [*ACCEPTED, *REFUSED])
async def test_the_loop_turns_on_whatever_a_partner_sends(gateway: Gateway, name: str) -> None:
    body = (ACCEPTED | REFUSED)[name]()
    mode = BATCH if name.startswith("a batch") else STRUCTURED
    assert len(body) <= (BATCH_BYTES if mode == BATCH else EVENT_BYTES)
    longest: list[float] = []
    async with gateway(events_per_second=100_000, events_burst=100_000) as client:
        headers = {"Content-Type": mode, "Accept-Language": "ar", **bearer()}
        await client.get("/events", headers=headers)
        while not longest or (min(longest) >= LONGEST_GAP and len(longest) < ATTEMPTS):
            sent_anew = body.replace(b"WORST-", b"WORST%d" % len(longest))
            gaps = Gaps()
            with as_a_service_runs():
                async with gaps.measured():
                    answer = await client.post("/events", content=sent_anew, headers=headers, timeout=60)
            assert (answer.status_code == 202) == (name in ACCEPTED), answer.text[:500]
            longest.append(gaps.longest)

    assert min(longest) < LONGEST_GAP, f"the loop stood still for {longest} s"
