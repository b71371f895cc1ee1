"""An event on its way: as the stream holds it, and as a handler is given it; the errors that say what becomes of it."""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from contracts.event import Envelope, Event

E_co = TypeVar("E_co", bound=Event, covariant=True)


@dataclass(slots=True)
class StreamMessage:
    """A message as the stream holds it, whatever it says: where it stands, its subject, its bytes.

    Not frozen, since they are made by the thousand, and a frozen one takes three times as long.
    """

    stream: str
    stream_sequence: int
    subject: str
    payload: bytes


class Retry(Exception):  # noqa: N818 - a wish, not an error
    """Raised by a handler: not yet. The event waits and is tried again, later and later, and given up in the end.

    Later events of its aggregate wait behind it; those of others go on.
    """


class ContractError(Exception):
    """The message is no event that its contract describes; no later delivery can change that."""


class Received(NamedTuple, Generic[E_co]):
    """One event as it arrived: its envelope, its typed data, and the `traceparent` that what it causes continues.

    A tuple, since they are made by the thousand: a frozen dataclass takes twice as long.
    """

    envelope: Envelope
    event: E_co
    traceparent: str | None
