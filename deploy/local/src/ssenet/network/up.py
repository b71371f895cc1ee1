"""`up`: handing the work to a supervisor, and waiting until the network is ready."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.lock import ALREADY_RUNNING, is_locked
from ssenet.data_folder.log_files import rotate
from ssenet.data_folder.secrets_file import check_secrets
from ssenet.network.client import Network, running
from ssenet.network.hints import in_full
from ssenet.processes.ports import public_port
from ssenet.project import ROOT
from ssenet.terminal.errors import CommandError
from ssenet.terminal.output import tell

PATIENCE = 75.0
"""Seconds: the supervisor gives up a start after 60 and then needs a moment to stop what runs."""
CHECK_EVERY = 0.05


def bring_up(folder: DataFolder, *, port: int | None, detach: bool) -> int:
    """Start the network, unless it runs; in the foreground this process becomes its supervisor."""
    if is_locked(folder):
        return _already_up(folder, port=port)
    _prepare(folder)
    check_secrets(folder)
    public_port(port)  # said here, before anything starts, when it is taken
    command = [sys.executable, "-P", "-m", "ssenet.processes.supervisor", "--data", str(folder.path)]
    if port is not None:
        command += ["--port", str(port)]
    first = (
        "" if folder.secrets.exists() else " This first start sets everything up, and takes a little longer."
    )
    if not detach:
        # Until the supervisor can stop what it has started, a Ctrl-C waits.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    tell(f"Starting the network.{first}")
    if not detach:
        sys.stdout.flush()
        os.chdir(ROOT)
        os.execv(sys.executable, [*command, "--foreground"])  # noqa: S606 - our own interpreter
    return _start_detached(folder, command, port=port)


def _prepare(folder: DataFolder) -> None:
    try:
        if not folder.may_be_used():
            raise CommandError(
                f"The folder {folder.path} holds other things than a network's data.",
                hint="Choose an empty or a new one with --data DIR.",
            )
        folder.make()
        probe = folder.path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CommandError(
            f"The data folder {folder.path} cannot be written: {error.strerror}.",
            hint="Choose another with --data DIR.",
        ) from error


def _already_up(folder: DataFolder, *, port: int | None) -> int:
    network = _wait_until_ready(folder, printed=None)
    if network is None:
        raise CommandError(
            "The network was starting already, and did not become ready.",
            hint=f"See {in_full(folder, 'logs supervisor')}.",
        )
    tell(f"The network is running already: {network.state.url}")
    if port not in {None, 0, network.state.port}:
        tell(f"It keeps its port; for port {port}, stop it first with {in_full(folder, 'down')}.")
    return 0


def _start_detached(folder: DataFolder, command: list[str], *, port: int | None) -> int:
    log = folder.log_of("supervisor")
    rotate(log)
    with log.open("ab") as output:
        # A session of its own: neither this terminal's Ctrl-C nor its closing reaches it.
        supervisor = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=ROOT, start_new_session=True
        )
    network = _wait_until_ready(folder, printed=log, supervisor=supervisor)
    if network is None and supervisor.returncode == ALREADY_RUNNING:
        # Another `up` took the folder after this one had looked.
        return _already_up(folder, port=port)
    if network is None:
        print("ssenet: the network did not become ready; nothing was left running.", file=sys.stderr)
        return 1
    from ssenet.network.welcome import welcome

    welcome(network, detached=True)
    return 0


def _wait_until_ready(
    folder: DataFolder, *, printed: Path | None, supervisor: "subprocess.Popen[bytes] | None" = None
) -> Network | None:
    """The network once it is ready; nothing when its supervisor ended before that. Shows its log as it grows."""
    shown = 0
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ended = supervisor.poll() is not None if supervisor else not is_locked(folder)
        if printed is not None:
            shown = _show_new(printed, shown)
        network = running(folder)
        if network is not None and network.state.ready:
            return network
        if ended:
            return None
        time.sleep(CHECK_EVERY)
    if supervisor is not None:
        supervisor.terminate()
        supervisor.wait()
    return None


def _show_new(log: Path, shown: int) -> int:
    with log.open("rb") as file:
        file.seek(shown)
        new = file.read()
    whole = new[: new.rfind(b"\n") + 1]
    tell(whole.decode("utf-8", "replace"), end="")
    return shown + len(whole)
