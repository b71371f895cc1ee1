"""The network that the faults are done to: the parts that `./ssenet up` runs, each service linked to its servers."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import psutil
import structlog

from chassis.broker.connection import Broker as Client
from chassis.broker.connection import connect
from chassis.broker.topology import PROVISIONER, Topology
from chassis.database.engine import DATABASE_AWAY
from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.secrets_file import Secrets, ensure_secrets
from ssenet.data_folder.state_file import ProcessState, State, is_alive, started_at, write_state
from ssenet.network.client import Network
from ssenet.processes.managed import ManagedProcess, NatsProcess, NurseryProcess, PostgresProcess
from ssenet.processes.ports import LOOPBACK
from ssenet.processes.preparation import prepare, write_broker_users
from ssenet.processes.servers import free_port
from ssenet.processes.services import ServiceProcess, service_processes
from ssenet.processes.shutdown import DATA_MARK, stop
from ssenet.project import ROOT, SERVICES
from tests.resilience import disks
from tests.resilience.handling import TROUBLE_FILE, Trouble, making_effects
from tests.resilience.links import Link
from tests.resilience.namespaces import NAMESPACE, Wires, make_namespaces, names_of, remove_namespaces
from tests.resilience.schedule import SERVERS, Kind
from tests.resilience.skewed import CLOCK_FILE, PLANTED

log = structlog.get_logger()

READY_WITHIN = 30.0
ANSWERS_AGAIN_WITHIN = 5.0
"""Seconds that the database is given once its disk has room."""
DUPLICATE_WINDOW = 0.25
"""Seconds: so short that a relay which repeats itself after a crash really stores its events a second time."""
ELSEWHERE = "elsewhere"
WAYS = (*SERVERS, ELSEWHERE)
"""Where a service's calls go: to each server, and to the other services."""
_CHECK = 0.02


class _NurseryProcess(NurseryProcess):
    """Forks our services with a clock that can be set, and handlers that can be troubled."""

    def fork(self, module: str, *arguments: str, log: Path, environment: Mapping[str, str]) -> int:
        if module in SERVICES:
            return super().fork(
                "tests.resilience.skewed", module, *arguments, log=log, environment=environment
            )
        return super().fork(module, *arguments, log=log, environment=environment)


@dataclass(eq=False)
class Stage:
    """A running network: its parts by name, its links, its disks. Nothing is restarted but by whoever did the fault."""

    folder: DataFolder
    secrets: Secrets
    state: State
    parts: dict[str, ManagedProcess] = field(default_factory=dict[str, ManagedProcess])
    links: dict[str, Link] = field(default_factory=dict[str, Link])
    disks: dict[str, Path] = field(default_factory=dict[str, Path])
    """What can be filled: each server's own small disk, where this machine lets us mount one."""
    wires: Wires = field(default_factory=Wires)
    """Each service's ways out of a network of its own, where this machine lets us make some."""
    impossible: dict[Kind, str] = field(default_factory=dict[Kind, str])
    """Faults that take a right which this machine does not give, and why not; empty where it does."""
    down: set[str] = field(default_factory=set[str])
    """Ended by a fault, to be started by its end."""
    excused: set[str] = field(default_factory=set[str])
    """Servers that may end by themselves: their disk is, or was just, full."""
    fell: list[str] = field(default_factory=list[str])
    _must_answer: float | None = None
    """When the database, whose disk was full, is taken to hang."""

    @property
    def asked(self) -> Network:
        return Network(self.folder, self.state)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.parts['gateway'].port}"

    def process(self, name: str) -> ProcessState:
        found = self.state.process(name)
        assert found is not None
        return found

    def is_running(self, name: str) -> bool:
        one = self.process(name)
        return is_alive(one.pid, one.started)

    async def start(self, name: str) -> None:
        """Start a part that does not run. A server is waited for, a service only forked."""
        self._bury(name)
        pid = await asyncio.to_thread(self.parts[name].start)
        one = self.state.process(name)
        if one is None:
            one = ProcessState(name, pid, started_at(pid), self.parts[name].port, ready=True)
            self.state.processes.append(one)
        one.pid, one.started = pid, started_at(pid)
        write_state(self.folder.state, self.state)
        self.down.discard(name)

    def _bury(self, name: str) -> None:
        """Let go of a process of ours that has ended."""
        part = self.parts[name]
        ended = getattr(getattr(part, "_server", None), "process", None) or getattr(part, "_process", None)
        if ended is not None:
            # Its threads may still be on their way out: one left unawaited would be complained about later.
            ended.wait(timeout=10)
            for pipe in (ended.stdin, ended.stdout):
                if pipe is not None:
                    pipe.close()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process and, where that stops or continues it, to its children."""
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            process = psutil.Process(self.process(name).pid)
            several = number in {signal.SIGSTOP, signal.SIGCONT}
            for one in [process, *(process.children(recursive=True) if several else ())]:
                one.send_signal(number)

    async def ended(self, name: str, *, within: float = 10.0) -> float | None:
        """Wait until a process has ended; the seconds it took, or None."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while self.is_running(name):
            if loop.time() - began > within:
                return None
            await asyncio.sleep(_CHECK)
        return loop.time() - began

    async def restart(self, name: str) -> None:
        """Stop a service as an operator would, start it again, and wait until it is ready."""
        self.down.add(name)
        self.signal(name, signal.SIGTERM)
        await self.ended(name)
        await self.start(name)
        async with asyncio.timeout(READY_WITHIN):
            while not await self.ready([name]):  # noqa: ASYNC110 - processes tell nobody when they are ready
                await asyncio.sleep(_CHECK)

    async def ready(self, names: Sequence[str] = SERVICES) -> bool:
        return all(await asyncio.gather(*(self.parts[name].is_ready() for name in names)))

    async def watch(self) -> None:
        """Start again whatever ended by itself, and write down that it did."""
        while True:
            for name in self.parts:
                if name in self.down or self.is_running(name):
                    continue
                self.down.add(name)
                if name not in self.excused:
                    self.fell.append(f"{name} ended by itself")
                with contextlib.suppress(Exception):  # a server whose disk is full yet is tried again
                    await self.start(name)
                self.down.discard(name)
            if self._must_answer is not None and asyncio.get_running_loop().time() > self._must_answer:
                self._must_answer = None
                await self._end_if_half_up()
            await asyncio.sleep(0.1)

    def database_has_room(self) -> None:
        """Its disk is full no more, so it has to answer again soon."""
        self._must_answer = asyncio.get_running_loop().time() + ANSWERS_AGAIN_WITHIN

    async def _end_if_half_up(self) -> None:
        # Seen once in hundreds of full disks: the process that recovers ended for want of room, the one that waits for
        # it never noticed, and every connection is refused for ever. An operator starts the server again; so do we.
        database = self.parts["postgres"]
        assert isinstance(database, PostgresProcess)
        try:
            connection = await asyncpg.connect(database.url, timeout=2)
        except DATABASE_AWAY:
            log.warning("postgres hangs after its disk was full, and is started again")
            self.signal("postgres", signal.SIGKILL)
        else:
            await connection.close(timeout=2)

    def set_clock(self, service: str, seconds: float) -> None:
        _clock_of(self.folder, service).write_text(str(seconds), encoding="ascii")

    def size_disk(self, server: str, *, full: bool) -> None:
        disks.size_disk(self.disks[server], full=full)

    def trouble(self, much: Trouble | None) -> None:
        """Have this share of what handlers are given fail for a while, from now on; None: nothing more."""
        file = _trouble_of(self.folder)
        # Never half written: the services read it at every event.
        file.with_suffix(".new").write_text(much.written() if much else "", encoding="utf-8")
        file.with_suffix(".new").replace(file)

    @asynccontextmanager
    async def provisioner(self) -> AsyncGenerator[Client]:
        """The administrator's own connection to the broker, past all links."""
        seed = self.secrets.nats_seeds[PROVISIONER]
        client = await connect(self.broker_url, service=PROVISIONER, seed=seed)
        try:
            yield client
        finally:
            await client.stop()

    @property
    def broker_url(self) -> str:
        return f"nats://{LOOPBACK}:{self.parts['nats'].port}"

    def database_url(self, service: str) -> str:
        """A service's database as the superuser enters it, past all links."""
        password = self.secrets.database_passwords["postgres"]
        return f"postgresql://postgres:{password}@{LOOPBACK}:{self.parts['postgres'].port}/{service}"

    def plant(self, service: str, bug: str | None) -> None:
        """Have the service start with this bug from its next start on; None takes it away again."""
        environment = dict(self.parts[service]._environment)  # type: ignore[attr-defined]
        environment.pop(PLANTED, None)
        self.parts[service]._environment = environment | ({PLANTED: bug} if bug else {})  # type: ignore[attr-defined]


def topology() -> Topology:
    return Topology.read(ROOT / "deploy" / "nats")


@asynccontextmanager
async def staged(path: Path) -> AsyncGenerator[Stage]:
    """A network that runs and is ready; gone, with all its processes, in the end."""
    folder = DataFolder(path)
    folder.make()
    port, pid = free_port(), os.getpid()
    stage = Stage(
        folder, ensure_secrets(folder.secrets), State(pid, started_at(pid), f"http://localhost:{port}", port)
    )
    stage.disks, stage.impossible[Kind.FULL] = disks.mount_disks(folder.path)
    stage.wires, stage.impossible[Kind.DROP] = make_namespaces(SERVICES, WAYS)
    watching: asyncio.Task[None] | None = None
    try:
        await _start(stage, port)
        watching = asyncio.create_task(stage.watch())
        yield stage
    finally:
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        for one in stage.state.processes:
            stage.signal(one.name, signal.SIGCONT)
        for link in stage.links.values():
            link.mend()
        await asyncio.to_thread(stop, stage.state.processes)
        for name in stage.parts:
            stage._bury(name)
        for link in stage.links.values():
            await link.close()
        await asyncio.to_thread(disks.unmount_disks, stage.disks.values())
        await asyncio.to_thread(remove_namespaces, names_of(stage.wires))


async def _start(stage: Stage, port: int) -> None:
    folder = stage.folder
    database, broker, nursery = (
        PostgresProcess(folder, stage.secrets),
        NatsProcess(folder),
        _NurseryProcess(folder),
    )
    # Whatever is forked from here on imports this test package, and carries the network's mark.
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", DATA_MARK)}
    os.environ.update({"PYTHONPATH": str(ROOT), DATA_MARK: str(folder.path)})
    try:
        stage.parts = {"postgres": database, "nats": broker, "nursery": nursery}
        await asyncio.gather(stage.start("postgres"), stage.start("nursery"))
        write_broker_users(folder)
        await stage.start("nats")
        await prepare(folder, database.port, broker.port)
        await _shorten_the_duplicate_window(stage)
        await _make_effects(stage)
        stage.parts |= {
            part.name: await _linked(stage, part, database, broker)
            for part in service_processes(folder, port, database, broker, nursery)
        }
        await asyncio.gather(*(stage.start(name) for name in SERVICES))
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
    stage.state.ready = True
    write_state(folder.state, stage.state)
    try:
        async with asyncio.timeout(READY_WITHIN):
            while not await stage.ready():  # noqa: ASYNC110 - processes tell nobody when they are ready
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(await _what_is_missing(stage)) from None


async def _what_is_missing(stage: Stage) -> str:
    """Which services are not ready, and what each said last: the logs themselves are gone with the network."""
    late = [name for name in SERVICES if not await stage.parts[name].is_ready()]
    found: list[str] = []
    for name in late:
        lines = stage.folder.log_of(name).read_text(encoding="utf-8").splitlines()
        found.append("\n  ".join([f"{name} is not ready:", *lines[-8:]]))
    return "\n".join(found)


async def _linked(
    stage: Stage, part: ServiceProcess, database: PostgresProcess, broker: NatsProcess
) -> ServiceProcess:
    """Lead a service to its servers through links of its own, and to all else, where it has a network of its own."""
    servers = {database.port: database.name, broker.port: broker.name}
    wires = stage.wires.get(part.name)
    environment = dict(part._environment)
    for name, value in environment.items():
        if not (found := re.search(rf"{re.escape(LOOPBACK)}:(\d+)", value)):
            continue
        way = servers.get(int(found[1]), ELSEWHERE)
        if way == ELSEWHERE and wires is None:
            continue
        link = Link(
            f"{part.name}-{way if way != ELSEWHERE else name}", int(found[1]), wires[way] if wires else None
        )
        stage.links[link.name] = link
        await link.open()
        environment[name] = value.replace(found[0], f"{link.host}:{link.port}")
    if wires is not None:
        environment[NAMESPACE] = wires[ELSEWHERE].namespace
    environment[CLOCK_FILE] = str(_clock_of(stage.folder, part.name))
    environment[TROUBLE_FILE] = str(_trouble_of(stage.folder))
    # A partner's answer waits for the broker for a second instead of five, so that a repeat comes sooner.
    environment["GATEWAY_PUBLISH_TIMEOUT"] = "PT1S"
    part._environment = environment
    return part


async def _shorten_the_duplicate_window(stage: Stage) -> None:
    async with stage.provisioner() as client:
        config = (await client.jetstream.stream_info(topology().heard_stream)).config
        config.duplicate_window = DUPLICATE_WINDOW
        await client.jetstream.update_stream(config)


async def _make_effects(stage: Stage) -> None:
    for service in SERVICES:
        connection = await asyncpg.connect(stage.database_url(service))
        await connection.execute(making_effects(service))
        await connection.close()


def _clock_of(folder: DataFolder, service: str) -> Path:
    return folder.path / f"clock-of-{service}"


def _trouble_of(folder: DataFolder) -> Path:
    return folder.path / "trouble"
