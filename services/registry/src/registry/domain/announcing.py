"""What everyone is told of something that the registry knows."""

from typing import TypeVar

from contracts.event import Event

E = TypeVar("E", bound=Event)


def announced(value: object, event: type[E]) -> E:
    """Make an event of what it names of a value, and of nothing else.

    A field of the value that the event does not name is private. There is no second list that says so.
    """
    return event(**{name: getattr(value, name) for name in event.model_fields})
