import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from ssenet.data_folder.folder import DataFolder


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder in which nothing was ever started."""
    made = DataFolder(tmp_path / "data")
    made.path.mkdir()
    return made


@pytest.fixture
def with_database(folder: DataFolder) -> DataFolder:
    (folder.postgres / "data").mkdir(parents=True)
    (folder.postgres / "data" / "PG_VERSION").write_text("18", encoding="utf-8")
    return folder


@pytest.fixture
def a_sleeper() -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """`a_sleeper(environment, in_folder=…)`: a process of which nothing is expected but to be there."""
    begun: list[subprocess.Popen[bytes]] = []

    def begin(
        environment: Mapping[str, str] | None = None, *, in_folder: Path | None = None
    ) -> "subprocess.Popen[bytes]":
        told = {**os.environ, **(environment or {})}
        command = [sys.executable, "-c", "input()"]
        begun.append(subprocess.Popen(command, stdin=subprocess.PIPE, env=told, cwd=in_folder))
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()
