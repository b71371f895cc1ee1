"""The process of a service: its command line, its signals, and what it refuses to start with."""

import asyncio
import gc
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

import structlog
import uvicorn
from fastapi import FastAPI

from chassis.database import migrations
from chassis.http.wire.connections import Limits
from chassis.http.wire.framing import framed
from chassis.runtime.service import Service
from chassis.settings import ServiceSettings
from chassis.telemetry import tracing
from chassis.telemetry.exporter import EndpointError
from contracts.gate import BrokenContractError, verify

log = structlog.get_logger()
S = TypeVar("S", bound=ServiceSettings)

_YOUNG = 10_000
"""New objects after which the garbage collector looks for cycles. With Python's 700 it looks several times within one
batch of events, all of which is in use: some 4 % of the time spent in Python."""


_OWN_FILES = 256
"""Files and connections that are not clients': the database's, the broker's, what is read."""
_LAST_RESORT = 3.5
"""Seconds after the stop's own deadline until a process that has not ended is ended."""


def _end_after(seconds: float) -> None:
    """Whatever a stop waits for, and be it within a library: what is stored is safe, and nobody waits for more."""

    def end() -> None:
        log.error("the stop did not come to its end in time")
        os._exit(1)

    last = threading.Timer(seconds, end)
    last.daemon = True
    last.start()


def connection_limits(most: int) -> Limits:
    """As many connections as were asked for, or as the operating system lets this process have; it is asked for more.

    Each may need a second one, to the service that the request or the live stream is passed on to.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * most + _OWN_FILES
    files = max(soft, wanted if hard == resource.RLIM_INFINITY else min(hard, wanted))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    possible = max(1, min(most, (files - _OWN_FILES) // 2))
    if possible < most:
        log.warning("fewer connections than asked for", connections=possible, asked=most, files=files)
    return Limits(connections=possible)


class _Server(uvicorn.Server):
    """Begins the service's stop as soon as the signal comes, not when the last client has gone."""

    def __init__(self, app: FastAPI, config: uvicorn.Config, *, patience: float) -> None:
        super().__init__(config)
        self._patience = patience
        self._app = app
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def service(self) -> Service | None:
        """The app's service, once its start has begun."""
        return getattr(self._app.state, "service", None)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self._captured_signals:
            _end_after(self._patience)
        if self.service is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self.service.begin_stop)
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        with super().capture_signals():
            try:
                yield
            finally:
                # uvicorn would raise the signal once more, and the process end before its last spans are out.
                self._captured_signals.clear()


def serve(build: Callable[[S], FastAPI], settings_class: type[S]) -> None:
    """The command line of a service: serve until SIGTERM, or `migrate` and exit.

    Code whose contracts break what was published does not start: others would misread it, or it them.
    """
    settings = settings_class()  # type: ignore[call-arg]  # the environment fills it
    name = settings_class.__module__.split(".")[0]
    if sys.argv[1:] == ["migrate"]:
        asyncio.run(migrations.migrate(settings.database_url.get_secret_value(), name))
        return
    if sys.argv[1:]:
        sys.exit(f"usage: python -m {name} [migrate]")
    _refuse_broken_contracts(name)
    try:
        provider = tracing.start_telemetry(name, site=settings.site, log_level=settings.log_level)
    except EndpointError as error:
        sys.exit(f"{name} does not start: OTEL_EXPORTER_OTLP_ENDPOINT: {error}")
    try:
        app = build(settings)
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            http=framed(connection_limits(settings.max_connections)),
            ws="none",
            log_config=None,
            access_log=False,
            # Half the time for answers under way; what is held of events needs the other half.
            timeout_graceful_shutdown=max(1, int(settings.stop_timeout.total_seconds() / 2)),
            timeout_keep_alive=75,
        )
        server = _Server(app, config, patience=settings.stop_timeout.total_seconds() + _LAST_RESORT)
        # What is loaded stays: without this, each full collection walks through all of it, in the midst of a batch.
        gc.freeze()
        gc.set_threshold(_YOUNG, 20, 20)
        server.run()
        if not server.started or (server.service is not None and server.service.failed):
            sys.exit(1)
    finally:
        provider.shutdown()


def _refuse_broken_contracts(name: str) -> None:
    try:
        verify()
    except BrokenContractError as error:
        sys.exit(f"{name} does not start: its contracts break what was published.\n{error}")
