"""A service under fire: run as `python -m tests.resilience.skewed SERVICE`, it reads its clock through a file.

The file holds the seconds that the clock is off. It is the clock the service is given that jumps, as a wrongly set
machine's would; what PostgreSQL and NATS think of the time is theirs. Its handlers are troubled (`handling.py`).
`SSENET_PLANTED` names a bug to plant in the service, for the tests that the checker would find it.
"""

import os
import runpy
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from socket import socket
from typing import Any

from tests.resilience.handling import TROUBLE_FILE, trouble_handlers
from tests.resilience.namespaces import NAMESPACE, enter

CLOCK_FILE = "SSENET_CLOCK_FILE"
PLANTED = "SSENET_PLANTED"
LOSSY, BACKWARDS, HASTY = "lossy", "backwards", "hasty"


def let_the_clock_be_set(file: Path) -> None:
    from chassis import clock

    class Skewed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            try:
                offset = float(file.read_text(encoding="ascii"))
            except (OSError, ValueError):
                offset = 0.0
            return datetime.now(tz) + timedelta(seconds=offset)

    clock.__dict__["datetime"] = Skewed


def _believe_in_the_stream() -> None:
    """Let a relay try though it could not ask which stream it is: without an answer, it is still the one it was."""
    from chassis.broker.connection import Broker

    look_at, seen = Broker.look_at, list[Any]()

    async def believe(self: Broker, stream: str) -> Any:
        try:
            seen[:] = [await look_at(self, stream)]
        except Exception:
            if not seen:
                raise
        return seen[0]

    Broker.look_at = believe  # type: ignore[method-assign]


def _publish_the_newest_first() -> None:
    """In a batch, and one after the other."""
    from chassis.broker.connection import Broker, Outgoing
    from chassis.outbox.relay_decisions import Commands, RelayDecisions, Row

    several, singly = Broker.publish_atomic_batch, RelayDecisions._singly

    async def backwards(self: Broker, messages: Sequence[Outgoing]) -> list[int]:
        return (await several(self, messages[::-1]))[::-1]

    def singly_backwards(self: RelayDecisions, rows: Sequence[Row]) -> Commands[list[int]]:
        return (yield from singly(self, rows[::-1]))[::-1]

    Broker.publish_atomic_batch = backwards  # type: ignore[method-assign]
    RelayDecisions._singly = singly_backwards  # type: ignore[method-assign]


def plant(bug: str) -> None:
    from chassis.broker.connection import Broker, Outgoing
    from chassis.inbox.ordering import RetrySchedule

    several, single = Broker.publish_atomic_batch, Broker.publish_one

    async def lossy(self: Broker, messages: Sequence[Outgoing]) -> list[int]:
        """Take a publish that failed for one that was acknowledged."""
        try:
            return await several(self, messages)
        except Exception:  # noqa: BLE001 - that is the bug
            return list(range(1, len(messages) + 1))

    async def lossy_one(self: Broker, message: Outgoing) -> int:
        try:
            return await single(self, message)
        except Exception:  # noqa: BLE001 - that is the bug
            return 1

    def nobody(_self: RetrySchedule, _key: object) -> bool:
        """Forget which keys wait: what comes later goes ahead."""
        return False

    if bug == LOSSY:
        Broker.publish_atomic_batch, Broker.publish_one = lossy, lossy_one  # type: ignore[method-assign]
        _believe_in_the_stream()
    elif bug == BACKWARDS:
        _publish_the_newest_first()
    elif bug == HASTY:
        RetrySchedule.__contains__ = nobody  # type: ignore[method-assign]
    else:
        raise AssertionError(bug)


def move_into(namespace: str, name: str) -> None:
    """Have the service call out of a network of its own, and be called where it always was."""
    from chassis.runtime.process import _Server

    address = os.environ[f"{name.upper()}_HOST"], int(os.environ[f"{name.upper()}_PORT"])
    listening, serve = enter(namespace, address), _Server.serve

    async def serve_there(self: _Server, sockets: list[socket] | None = None) -> None:
        assert not sockets, "it has its own"
        await serve(self, [listening])

    _Server.serve = serve_there  # type: ignore[method-assign]


def main(arguments: Sequence[str]) -> None:
    let_the_clock_be_set(Path(os.environ[CLOCK_FILE]))
    trouble_handlers(Path(os.environ[TROUBLE_FILE]))
    if bug := os.environ.get(PLANTED):
        plant(bug)
    module = arguments[0]
    if namespace := os.environ.get(NAMESPACE):
        move_into(namespace, module)
    sys.argv = [module, *arguments[1:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
