"""What is done to the network, and when: drawn from a seed alone, so that the same seed means the same faults again."""

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from ssenet.project import SERVICES

SERVERS = ("postgres", "nats")
LASTS = 1.6
"""Seconds within which every fault begins."""
FEWEST, MOST = 3, 6


class Kind(StrEnum):
    """What can be done to a running network."""

    KILL = "kill"
    """kill -9; started again when the fault ends."""
    FREEZE = "freeze"
    """SIGSTOP; SIGCONT when the fault ends."""
    RESTART = "restart"
    """Stopped as an operator would, and started again."""
    CUT = "cut"
    """One service's way to one server: connections are reset and new ones refused."""
    SILENCE = "silence"
    """The same way, but nothing is said: bytes are swallowed, then the connections are reset."""
    DEAF = "deaf"
    """As silence, of the server's answers alone: what was asked is done, and nobody hears so."""
    DROP = "drop"
    """The same way, below TCP: every packet is lost, and what was sent comes late, over connections that live on."""
    FULL = "full"
    """The disk of one server takes no more."""
    CLOCK = "clock"
    """One service's clock is off, and comes back when the fault ends."""
    AGAIN = "again"
    """Events that the stream has already are stored a second time, in another order, under their own ids."""
    REWIND = "rewind"
    """A durable is delivered once more what it has acknowledged."""
    POISON = "poison"
    """A message that is no event stands in the stream."""


ON_PROCESSES = frozenset({Kind.KILL, Kind.FREEZE, Kind.RESTART})
ON_LINKS = frozenset({Kind.CUT, Kind.SILENCE, Kind.DEAF, Kind.DROP})
ON_THE_STREAM = frozenset({Kind.AGAIN, Kind.REWIND, Kind.POISON})
_WEIGHTS = {
    Kind.KILL: 6,
    Kind.FREEZE: 3,
    Kind.RESTART: 3,
    Kind.CUT: 3,
    Kind.SILENCE: 2,
    Kind.DEAF: 3,
    Kind.DROP: 3,
    Kind.FULL: 2,
    Kind.CLOCK: 2,
    Kind.AGAIN: 3,
    Kind.REWIND: 2,
    Kind.POISON: 1,
}
_LONGEST = {Kind.FREEZE: 1.2, Kind.SILENCE: 0.8, Kind.DEAF: 0.6, Kind.DROP: 1.2, Kind.FULL: 0.8}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing done: to whom, from when, and for how long (seconds from the beginning of the schedule)."""

    kind: Kind
    target: str
    at: float
    lasts: float
    amount: int = 0
    """Seconds that a clock is off, or how many events come again."""

    @property
    def ends(self) -> float:
        return self.at + self.lasts

    def __str__(self) -> str:
        amount = f" by {self.amount}" if self.amount else ""
        return f"{self.at:5.2f} s  {self.kind} {self.target}{amount}, for {self.lasts:.2f} s"


@dataclass(frozen=True, slots=True)
class Schedule:
    """The faults of one seed, in the order in which they begin."""

    seed: int
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return "\n".join([f"seed {self.seed}:", *(f"  {fault}" for fault in self.faults)])

    def without(self, kinds: Collection[Kind]) -> "Schedule":
        """The same schedule where some faults cannot be done; the others stay what and when they were."""
        return Schedule(self.seed, tuple(fault for fault in self.faults if fault.kind not in kinds))


def draw(seed: int) -> Schedule:
    """The schedule of a seed. Two faults never hold one target at the same time."""
    chance = random.Random(seed)  # noqa: S311 - it is to be the same every time
    count = chance.randint(FEWEST, MOST)
    faults: list[Fault] = []
    for _ in range(20 * count):
        if len(faults) == count:
            break
        fault = _one(chance)
        if not any(_in_the_way(fault, other) for other in faults):
            faults.append(fault)
    return Schedule(seed, tuple(sorted(faults, key=lambda fault: fault.at)))


def _one(chance: random.Random) -> Fault:
    kind = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    at = round(chance.uniform(0.05, LASTS), 3)
    lasts = round(chance.uniform(0.05, _LONGEST.get(kind, 0.5)), 3)
    if kind in ON_PROCESSES:
        return Fault(kind, chance.choice((*SERVERS, *SERVICES)), at, lasts)
    if kind in ON_LINKS:
        return Fault(kind, f"{chance.choice(SERVICES)}-{chance.choice(SERVERS)}", at, lasts)
    if kind is Kind.FULL:
        return Fault(kind, chance.choice(SERVERS), at, lasts)
    if kind is Kind.CLOCK:
        return Fault(
            kind, chance.choice(SERVICES), at, lasts, chance.choice((-1, 1)) * chance.randint(5, 7200)
        )
    return Fault(kind, "stream", at, 0.0, chance.randint(1, 40))


def _in_the_way(one: Fault, other: Fault) -> bool:
    apart = one.ends < other.at or other.ends < one.at
    return not apart and bool(set(_held(one)) & set(_held(other)))


def _held(fault: Fault) -> Iterator[str]:
    yield fault.target if fault.kind not in ON_THE_STREAM else str(fault.kind)
    # A server whose disk is full is not started, and one that is down fills no disk.
    if fault.kind is Kind.CLOCK:
        yield f"clock of {fault.target}"
