"""The ledger's messaging: one durable of its own, and a stranger that must not touch it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from chassis.broker.connection import Broker, connect
from chassis.broker.topology import (
    PROVISIONER,
    DurableDescription,
    ServiceDescription,
    StreamDescription,
    Topology,
)
from chassis.testing import NatsSite

TOPOLOGY = Topology(
    site="hq",
    streams={
        "EVENTS": StreamDescription(
            subjects=("sse.hq.>",), max_bytes=256 * 1024 * 1024, max_age=timedelta(days=1), why="tests"
        ),
        "ADVISORIES": StreamDescription(
            subjects=("$JS.EVENT.ADVISORY.CONSUMER.*.>",),
            max_bytes=1 << 26,
            max_age=timedelta(days=1),
            why="tests",
        ),
    },
    services=(
        ServiceDescription(
            service="ledger",
            announces=("ledger",),
            hears=(DurableDescription(durable="ledger-post-entries", types=("ledger.entry.made.v1",)),),
        ),
        ServiceDescription(service="stranger", announces=("stranger",)),
    ),
)


@asynccontextmanager
async def provisioner_of(site: NatsSite) -> AsyncGenerator[Broker]:
    broker = await connect(site.url, service=PROVISIONER, seed=site.seeds[PROVISIONER])
    try:
        yield broker
    finally:
        await broker.stop()
