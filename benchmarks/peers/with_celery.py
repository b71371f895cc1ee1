"""With Celery on Redis, after its guide. Celery has no outbox: a table and a loop that sends from it make one.

`python with_celery.py tables | send | produce COUNT`; the worker is `celery -A with_celery worker`.
"""

import os
import sys
import time
from typing import Any

import sqlalchemy as sa
from celery import Celery
from celery.signals import worker_process_init
from entries import URL, change, changes, enter, keep, metadata
from sqlalchemy.dialects.postgresql import JSONB

AT_ONCE, PAUSE = 500, 0.02
app = Celery("entries", broker=os.environ["PEERS_REDIS_URL"])
# What survives a worker's death is acknowledged after the work; nobody waits for results.
app.conf.update(task_acks_late=True, task_ignore_result=True, broker_connection_retry_on_startup=True)
engine = sa.create_engine(URL)
waiting = sa.Table(
    "waiting",
    metadata,
    sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("event", JSONB, nullable=False),
)


@worker_process_init.connect
def _own_connections(**_: Any) -> None:
    engine.dispose(close=False)


@app.task(name="keep_entry", autoretry_for=(Exception,), retry_backoff=True, max_retries=8)
def keep_entry(told: dict[str, Any]) -> None:
    """Keep one change, once."""
    with engine.begin() as connection:
        if connection.execute(enter(told["id"])).first() is not None:
            connection.execute(keep(told))


def send() -> None:
    """Send what stands in the table, in order; a row goes once its task is in Redis."""
    query = sa.select(waiting).order_by(waiting.c.position).limit(AT_ONCE).with_for_update(skip_locked=True)
    with app.producer_pool.acquire(block=True) as producer:
        while True:
            with engine.begin() as connection:
                rows = connection.execute(query).all()
                for row in rows:
                    keep_entry.apply_async((row.event,), task_id=row.event["id"], producer=producer)
                sent = [row.position for row in rows]
                connection.execute(sa.delete(waiting).where(waiting.c.position.in_(sent)))
            if not rows:
                time.sleep(PAUSE)


def produce(count: int) -> None:
    """Change entries and write the events beside them, a lot to a commit; prints when it began (Unix time)."""
    print(time.time())
    for lot in changes(count):
        with engine.begin() as connection:
            connection.execute(change(lot))
            connection.execute(sa.insert(waiting), [{"event": one} for one in lot])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["tables"]:
            metadata.create_all(engine)
        case ["send"]:
            send()
        case ["produce", number]:
            produce(int(number))
        case _:
            sys.exit(__doc__)
