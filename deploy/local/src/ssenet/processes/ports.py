"""Loopback ports: which are free, and who holds one that is not."""

import contextlib
import errno
import socket
from pathlib import Path

from ssenet.processes.servers import HOST, free_port
from ssenet.terminal.errors import CommandError

LOOPBACK = HOST
DEFAULT_PORT = 8080


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port, so that `localhost` leads to it alone."""
    for family, address in ((socket.AF_INET, LOOPBACK), (socket.AF_INET6, "::1")):
        try:
            probe = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue  # a machine without IPv6
        with probe:
            # As servers do: connections of the last run that still linger do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except PermissionError as error:
                raise CommandError(
                    f"Port {port} may only be used by root.", hint="Choose one above 1023 with --port N."
                ) from error
            except OSError as error:
                if family == socket.AF_INET or error.errno == errno.EADDRINUSE:
                    return False
    return True


def public_port(wanted: int | None) -> int:
    """The port for the network's address: the one asked for, or the usual one; 0 finds any free one."""
    if wanted == 0:
        return free_port()
    port = DEFAULT_PORT if wanted is None else wanted
    if is_free(port):
        return port
    raise CommandError(
        f"Port {port} is in use{_by_whom(port)}.",
        hint="Choose another with --port N, or let --port 0 find a free one.",
    )


def answers(port: int) -> bool:
    """Tell whether something takes connections on this loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def _by_whom(port: int) -> str:
    import psutil

    from ssenet.processes.shutdown import DATA_MARK

    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            listening = connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,)
            if listening and connection.pid:
                holder = psutil.Process(connection.pid)
                if data := holder.environ().get(DATA_MARK):
                    return f" by another network of ours (data folder {data})"
                # The system's own name of a process is cut short after 15 letters.
                program = Path(next(iter(holder.cmdline()), "") or holder.name()).name
                return f" by {program} (process {connection.pid})"
    return ""
