"""The one event of the measured work, as large as a usual one of the network."""

from typing import ClassVar

from contracts.event import Event

NOTE = "A cooperative of growers asks for advice on its new statutes before the general assembly. " * 3


class EntryChangedV1(Event):
    """An entry was made or changed."""

    type: ClassVar[str] = "benchmarks.entry.changed.v1"

    amount: int
    country: str = "SN"
    note: str = NOTE
