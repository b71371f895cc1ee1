"""The processes of the order test: relay candidates and consumers of one small service, made to be killed.

Run as a script it loads everything once, then forks a process for each line of its input (`relay` or `consumer`) and
answers with the process id. They read the database's and the broker's address from the environment.
"""

import asyncio
import os
import random
import signal
import sys
from contextlib import suppress
from datetime import timedelta
from typing import ClassVar

import sqlalchemy as sa

from chassis.broker.connection import Broker
from chassis.broker.topology import DurableDescription, ServiceDescription, StreamDescription, Topology
from chassis.consumer.consumer import Consumer
from chassis.database.engine import Database
from chassis.lease.holder import LeaseHolder
from chassis.messages import Retry
from chassis.outbox.relay import Relay
from chassis.partitions import partitions_of
from chassis.subscriptions.router import Batch, Subscription, Subscriptions, Tx
from contracts.event import Event

SERVICE = "counting"
DURABLE = "counting-see"
PARTITIONS = 8
STUCK = "stuck"
TROUBLE = 2
"""Failures of an event in trouble, each by itself: one in which it comes to wait, and one out of waiting."""
TOPOLOGY = Topology(
    site="hq",
    streams={
        "EVENTS": StreamDescription(
            subjects=("sse.hq.>",), max_bytes=6 * 1024**3, max_age=timedelta(days=1), why="the order test"
        )
    },
    services=(
        ServiceDescription(
            service=SERVICE,
            announces=(SERVICE,),
            hears=(DurableDescription(durable=DURABLE, types=("counting.number.counted.v1",)),),
            partitions=PARTITIONS,
        ),
    ),
)
_SEE = sa.text("""
INSERT INTO seen (key, sequence, pid)
SELECT key, sequence, :pid FROM unnest(CAST(:keys AS text[]), CAST(:sequences AS bigint[]))
    WITH ORDINALITY AS row (key, sequence, place) ORDER BY place
""")
_PAST_TROUBLE = sa.text("""
SELECT count(*) FROM waited WHERE event_id = ANY(CAST(:event_ids AS uuid[])) AND failures >= :trouble
""")


class NumberCountedV1(Event):
    """A number was counted; `trouble`: hearing of it fails until it has waited, and failed again."""

    type: ClassVar[str] = "counting.number.counted.v1"

    trouble: bool = False


async def see(numbers: Batch[NumberCountedV1], tx: Tx) -> None:
    """Record what is handled, in the order it is, unless one of it is in trouble.

    What is stuck stays so until many others are through. Trouble lasts: drawn anew at each call, a failed batch would
    be halved until nobody is in trouble any more, and no event would ever come to wait.
    """
    told = {
        "keys": [one.envelope.subject for one in numbers],
        "sequences": [one.envelope.sequence for one in numbers],
        "pid": os.getpid(),
    }
    await tx.session.execute(_SEE, told)
    troubled = [one.envelope.id for one in numbers if one.event.trouble]
    if troubled:
        past = await tx.session.scalar(_PAST_TROUBLE, {"event_ids": troubled, "trouble": TROUBLE})
        if past != len(troubled):
            raise Retry
    if any(one.envelope.subject == STUCK for one in numbers):
        others = await tx.session.scalar(
            sa.text("SELECT count(*) FROM seen WHERE key <> :key"), {"key": STUCK}
        )
        if (others or 0) < int(os.environ["ORDER_MANY"]):
            raise Retry


def subscriptions() -> Subscriptions:
    found = Subscriptions(SERVICE)
    found.hears(NumberCountedV1, durable=DURABLE)(see)
    return found


async def relay() -> None:
    """One candidate for the relay."""
    database, broker = await _connected()
    await Relay(database, broker).run()


async def consume() -> None:
    """One process of those that share the parts of the durable."""
    heard = subscriptions()
    database, broker = await _connected(heard)
    [subscription] = heard
    lease_holder = LeaseHolder(database)
    consumers = _consumers(subscription, database, broker, lease_holder)
    await asyncio.gather(lease_holder.run(), *(one.run() for one in consumers))


def _consumers(
    subscription: Subscription, database: Database, broker: Broker, lease_holder: LeaseHolder
) -> list[Consumer]:
    return [
        Consumer(subscription, database, broker, lease_holder, stream="EVENTS", partition=part)
        for part in partitions_of(DURABLE, PARTITIONS)
    ]


async def _connected(*routers: Subscriptions) -> tuple[Database, Broker]:
    told = os.environ
    database = Database(told["ORDER_DATABASE"], service=SERVICE, pool_size=3)
    broker = Broker(told["ORDER_NATS"], service=SERVICE, seed=told["ORDER_SEED"], routers=routers)
    await broker.start()
    return database, broker


def main() -> None:
    """Fork what is ordered; the orders' end is everybody's end."""
    # Nobody waits for a killed child.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    children: list[int] = []
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            # The answers to the orders are the parent's alone; what is logged goes to the errors.
            os.dup2(2, 1)
            random.seed()
            asyncio.run(relay() if line.strip() == "relay" else consume())
            os._exit(0)
        children.append(pid)
        print(pid, flush=True)  # noqa: T201 - the answer
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
