"""Networks of the services' own, where this machine allows some: a wire to each server, whose packets can be lost.

What a proxy cannot do happens here below TCP: connections live on, and what was sent meanwhile comes late.
"""

import ctypes
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

NAMESPACE = "SSENET_NAMESPACE"
"""Environment variable: the network namespace that a service enters."""
_MARK = "ssenet"
_NAMESPACES = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
_NOBODY = "02:00:00:00:00:00"
"""A hardware address that no end of a wire has: packets to it are lost without a word."""


@dataclass(frozen=True, slots=True)
class Wire:
    """One way out of a namespace: a device with an address at each end, this machine's (1) and the service's (2)."""

    namespace: str
    number: int
    """Of all wires there are: which address block it has (198.18.0.0/15, RFC 2544: for tests of networks)."""

    @property
    def here(self) -> str:
        return self._address(1)

    def drop(self) -> None:
        """Lose every packet, either way."""
        self._neighbours(_NOBODY, _NOBODY)

    def carry(self) -> None:
        """Let packets through again."""
        self._neighbours(self._hardware(1), self._hardware(2))

    def make(self) -> None:
        """Lay it; each end knows the other's hardware address for good."""
        _ip(
            f"link add {self._device(1)} address {self._hardware(1)}"
            f" type veth peer name {self._device(2)} address {self._hardware(2)} netns {self.namespace}",
            f"addr add {self.here}/30 dev {self._device(1)}",
            f"link set {self._device(1)} up",
        )
        _ip(
            f"addr add {self._address(2)}/30 dev {self._device(2)}",
            f"link set {self._device(2)} up",
            namespace=self.namespace,
        )
        self.carry()

    def _neighbours(self, here: str, there: str) -> None:
        known = "neigh replace {} lladdr {} dev {} nud permanent"
        _ip(known.format(self.here, here, self._device(2)), namespace=self.namespace)
        _ip(known.format(self._address(2), there, self._device(1)))

    def _address(self, end: int) -> str:
        block = self.number * 4 + end
        return f"198.{18 + (block >> 16)}.{block >> 8 & 255}.{block & 255}"

    def _hardware(self, end: int) -> str:
        return f"02:73:{end:02x}:00:{self.number >> 8:02x}:{self.number & 255:02x}"

    def _device(self, end: int) -> str:
        return f"{_MARK}{self.number}-{end}"


Wires = dict[str, dict[str, Wire]]
"""The wires of each service, by the way they are."""


def make_namespaces(services: Sequence[str], ways: Sequence[str]) -> tuple[Wires, str]:
    """Give each service a network of its own, with a wire for each way; or none, and the reason why there are none."""
    if shutil.which("ip") is None:
        return {}, "there is no ip command (Debian: iproute2)"
    remove_namespaces(_abandoned())
    # Others may run the same tests beside us: a place of chance among the 32,768 blocks.
    first = secrets.randbelow(32_000)
    made: Wires = {}
    try:
        for service in services:
            namespace = f"{_MARK}-{os.getpid()}-{secrets.token_hex(2)}-{service}"
            _ip(f"netns add {namespace}")
            made[service] = {way: Wire(namespace, first + number) for number, way in enumerate(ways)}
            first += len(ways)
            for wire in made[service].values():
                wire.make()
    except subprocess.CalledProcessError as error:
        remove_namespaces(names_of(made))
        return {}, f"no network namespace may be made here ({error.stderr.strip()})"
    return made, ""


def remove_namespaces(names: Iterable[str]) -> None:
    """Take namespaces away, and their wires with them."""
    for name in set(names):
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def names_of(wires: Wires) -> Iterator[str]:
    return (wire.namespace for ways in wires.values() for wire in ways.values())


def _abandoned() -> Iterator[str]:
    """Namespaces of tests that were killed."""
    for found in _NAMESPACES.glob(f"{_MARK}-*") if _NAMESPACES.is_dir() else ():
        pid = found.name.split("-")[1]
        if pid.isdigit() and not Path("/proc", pid).exists():
            yield found.name


def _ip(*commands: str, namespace: str = "") -> None:
    within = ["-netns", namespace] if namespace else []
    subprocess.run(
        ["ip", *within, "-batch", "-"], input="\n".join(commands), text=True, check=True, capture_output=True
    )


def enter(namespace: str, listening_at: tuple[str, int]) -> socket.socket:
    """Go into a namespace, this process and what it starts from here on; returns a socket that listens outside of it.

    Whoever calls a service finds it where it always was; what the service calls, it reaches over its wires alone.
    """
    listening = socket.create_server(listening_at, backlog=2048)
    descriptor = os.open(_NAMESPACES / namespace, os.O_RDONLY)
    try:
        # os.setns came with Python 3.12.
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"the network namespace {namespace} could not be entered")
    finally:
        os.close(descriptor)
    return listening
