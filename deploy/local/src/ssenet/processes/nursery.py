"""Where the services come from: one process that has loaded what they share, and forks each of them.

Loading the libraries takes longer than everything else at the start, and they are the same for all four services. So
they are loaded once, while the database server starts, and each service begins as a copy of that: it is up in a
moment, now and after a crash, and what was loaded lies in memory once.

Run as `python -m ssenet.processes.nursery` (elsewhere such a process is called a zygote, or prefork). It reads an order
per line, answers each with the process id, and ends with its input. No thread and no event loop may run here, for a
copy would not have them.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass

SHARED = (
    "alembic.command",
    "alembic.autogenerate",
    "asyncpg",
    "babel.dates",
    "chassis.i18n",
    "chassis.broker.topology",
    "chassis.runtime.service",
    "chassis.runtime.process",
    "contracts.catalogue",
    "contracts.checks",
    "contracts.gate",
    "httptools",
    "httpx",
    "jinja2",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
)


@dataclass(frozen=True)
class Order:
    """A module to run as a process of its own, in which environment, with which log."""

    module: str
    arguments: list[str]
    environment: Mapping[str, str]
    log: str
    folder: str

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


def next_child() -> Order | None:
    """Fork for every order that comes in. Returns its order in each child, and nothing once the orders end."""
    for line in sys.stdin:
        order = Order(**json.loads(line))
        pid = os.fork()
        if pid == 0:
            return order
        print(pid, flush=True)
    return None


def become(order: Order) -> None:
    """Turn this copy into the process that was ordered, as if it had been started by itself."""
    os.setsid()
    gc.enable()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with open(os.devnull, "rb") as nothing, open(order.log, "ab") as log:  # noqa: PTH123 - descriptors are wanted
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    _rename(f"{sys.executable} -P -m {' '.join([order.module, *order.arguments])}")
    os.environ.clear()
    os.environ.update(order.environment)
    os.chdir(order.folder)
    sys.argv = [order.module, *order.arguments]
    runpy.run_module(order.module, run_name="__main__", alter_sys=True)


def _rename(title: str) -> None:
    """Show in `ps` what this process is; its environment is left alone there, since it carries the network's mark."""
    os.environ["SPT_NOENV"] = "1"
    import setproctitle

    setproctitle.setproctitle(title)


def main() -> None:
    """Load, say so, and fork until the input ends."""
    # Nobody waits for the children here: the system is to take them off the process table by itself.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # What is loaded stays: looking for cycles meanwhile takes a quarter of a second, and finds none.
    gc.disable()
    for module in SHARED:
        importlib.import_module(module)
    gate = importlib.import_module("contracts.gate")
    with suppress(gate.BrokenContractError):
        # The answer is kept, and goes to every copy; a service that may not start says so itself.
        gate.verify()
    gc.collect()
    # What is loaded by now is left out of the collections to come, which would copy every page they touch.
    gc.freeze()
    print("ready", flush=True)
    if order := next_child():
        become(order)


if __name__ == "__main__":
    main()
