"""Whatever cannot be started or written down for the moment: the rest of the network goes on."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chassis.testing import eventually
from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.state_file import State, read_state
from ssenet.processes.restarts import Keeper
from ssenet.terminal.errors import CommandError


class Sleeper:
    """A process whose start fails as often as it is told to."""

    name = "sleeper"
    port = 0

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> int:
        if self.failures:
            raise self.failures.pop()
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        self.processes.append(process)
        return process.pid

    async def is_ready(self) -> bool:
        return True

    def end(self) -> None:
        self.processes[-1].kill()
        self.processes[-1].communicate()


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    managed = Sleeper()
    yield managed
    for process in managed.processes:
        process.kill()
        process.communicate()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def keeper(tmp_path: Path, said: list[str]) -> Keeper:
    def say(text: str, *, stamped: bool = False) -> None:
        assert stamped
        said.append(text)

    return Keeper(DataFolder(tmp_path), State(1, 1.0, "http://localhost:8080", 8080), say)


@asynccontextmanager
async def kept(keeper: Keeper, managed: Sleeper) -> AsyncGenerator[None]:
    """Keep a started process running; the keeping itself must not end before this does."""
    await keeper.start(managed)
    keeping = asyncio.create_task(keeper.keep(managed))
    await eventually(lambda: keeping.done() or keeper.state.ready)
    yield
    assert not keeping.done(), keeping
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (OSError(28, "No space left on device"), "sleeper could not be started: No space left on device."),
        (BrokenPipeError(), "sleeper could not be started: BrokenPipeError."),
        (CommandError("What it needs is missing."), "What it needs is missing."),
    ],
)
async def test_a_part_that_cannot_be_started_again_is_tried_until_it_can(
    keeper: Keeper, sleeper: Sleeper, said: list[str], failure: Exception, why: str
) -> None:
    async with kept(keeper, sleeper):
        sleeper.failures = [failure]
        sleeper.end()
        await eventually(lambda: len(sleeper.processes) == 2 and keeper.state.ready)

    assert why in said


async def test_a_full_disk_is_said_once_and_written_down_when_there_is_room_again(
    keeper: Keeper, sleeper: Sleeper, said: list[str], tmp_path: Path
) -> None:
    state = DataFolder(tmp_path).state
    # A folder where the new state would be written: even root fails on it, as on a full disk.
    obstacle = state.with_name(f"{state.name}.part")
    obstacle.mkdir()
    async with kept(keeper, sleeper):
        sleeper.end()
        await eventually(lambda: len(sleeper.processes) == 2 and keeper.state.ready)
        assert read_state(state) is None

        obstacle.rmdir()
        sleeper.end()
        await eventually(lambda: read_state(state) == keeper.state)

    assert len([line for line in said if "cannot be written down" in line]) == 1
