"""An event in hand, as the simulated owners and the model have it: what it is is up to them."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pending(Generic[T]):
    """What `ordering` asks of an event in hand, and `what` it stands for."""

    key: str
    what: T
    attempts: int = 0
    waits: bool = False
