"""A durable in parts: which slots each part is delivered, what it is called, and which process should have it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zlib import crc32

from contracts.event import SLOTS, subject_of

COUNTS = (1, 2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class Partition:
    """One part of a durable, the `index`th `of` so many. The whole of an undivided durable is its one part."""

    durable: str
    index: int = 0
    of: int = 1

    @property
    def name(self) -> str:
        """What the durable of this part is called on the server."""
        return self.durable if self.of == 1 else f"{self.durable}-{self.index}of{self.of}"

    @property
    def slots(self) -> list[int]:
        """The slots that this part is delivered."""
        return list(range(self.index, SLOTS, self.of))

    def filter_subjects(self, types: Iterable[str], site: str) -> list[str]:
        """What it is delivered: announced by any site, to all or to this one, of aggregates in its slots."""
        slots = ["*"] if self.of == 1 else [f"{slot:02d}" for slot in self.slots]
        return [
            subject_of(kind, to=to, slot=slot) for kind in types for to in ("all", site) for slot in slots
        ]


def partitions_of(durable: str, count: int) -> list[Partition]:
    """All parts of a durable; `count` is one of COUNTS."""
    return [Partition(durable, index, count) for index in range(count)]


def preferred(partition: Partition, processes: Sequence[int]) -> int | None:
    """Tell which of a service's processes should have this part; they all agree on it. None where there is no process.

    Parts of one durable go to different processes, as evenly as the numbers allow.
    """
    if not processes:
        return None
    return processes[(crc32(partition.durable.encode()) + partition.index) % len(processes)]
