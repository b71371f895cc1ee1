"""`logs`: what the processes say."""

import sys
import time
from pathlib import Path

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.log_files import tail
from ssenet.network.hints import in_full
from ssenet.project import SERVICES
from ssenet.terminal.errors import CommandError

PROCESSES = ("supervisor", "postgres", "nats", "nursery", *SERVICES)
CHECK_EVERY = 0.2


def show_logs(folder: DataFolder, process: str | None, *, lines: int, follow: bool) -> None:
    """Print the end of one log, or of all; `follow` goes on until Ctrl-C."""
    if process is not None and process not in PROCESSES:
        raise CommandError(
            f"There is no process {process!r}.", hint=f"One of: {', '.join(PROCESSES)}.", exit_code=2
        )
    names = [process] if process else [name for name in PROCESSES if folder.log_of(name).exists()]
    logs = {name: folder.log_of(name) for name in names}
    if not any(log.exists() for log in logs.values()):
        raise CommandError(
            f"There is no log in {folder.logs} yet.", hint=f"Start the network with {in_full(folder, 'up')}."
        )
    for name, log in logs.items():
        for line in tail(log, lines):
            _print_line(name, line, alone=process is not None)
    if follow:
        try:
            _follow(logs, alone=process is not None)
        except KeyboardInterrupt:
            return


def _follow(logs: dict[str, Path], *, alone: bool) -> None:
    shown = {name: _size(log) for name, log in logs.items()}
    while True:
        for name, log in logs.items():
            size = _size(log)
            if size < shown[name]:
                shown[name] = 0  # the process started again, with an empty log
            if size > shown[name]:
                with log.open("rb") as file:
                    file.seek(shown[name])
                    new = file.read()
                whole = new[: new.rfind(b"\n") + 1]
                shown[name] += len(whole)
                for line in whole.decode("utf-8", "replace").splitlines():
                    _print_line(name, line, alone=alone)
        time.sleep(CHECK_EVERY)


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _print_line(name: str, line: str, *, alone: bool) -> None:
    sys.stdout.write(f"{line}\n" if alone else f"{name:<13} | {line}\n")
    sys.stdout.flush()
