"""Every event of the network by its wire type, and the way from an envelope back to the typed event."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType
from typing import Final, TypeVar

from contracts import coordination, notifications, partner, registry
from contracts.event import Envelope, Event
from contracts.partner import PartnerEvent

E = TypeVar("E", bound=Event)


class UnknownEventTypeError(ValueError):
    """No contract has this type; the reader is older than the announcer, or the type is misspelt."""

    def __init__(self, event_type: str) -> None:
        super().__init__(f"no event has the type {event_type}")
        self.event_type = event_type


def _announced_in(*modules: ModuleType, kind: type[E]) -> Mapping[str, type[E]]:
    """Every event that these modules define, by its type and in the order of the types."""
    classes = [event for module in modules for event in _defined_in(module, kind) if "type" in vars(event)]
    found = {event.type: event for event in classes}
    assert len(found) == len(classes), "two events share one type"
    return MappingProxyType(dict(sorted(found.items())))


def _defined_in(module: ModuleType, kind: type[E]) -> Iterator[type[E]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, kind) and value.__module__ == module.__name__:
            yield value


PARTNER_MODULES: Final = tuple(
    import_module(f"{partner.__name__}.{module.name}") for module in iter_modules(partner.__path__)
)
"""One a noun: whatever stands in `contracts.partner` is an event of partners."""

PARTNER_EVENTS: Final = _announced_in(*PARTNER_MODULES, kind=PartnerEvent)
"""What partner systems may send: to each partner, those granted to it."""

EVENTS: Final = _announced_in(*PARTNER_MODULES, registry, coordination, notifications, kind=Event)
"""Every event of every version that is still announced or understood, in the order of the types."""


def parse(envelope: Envelope) -> Event:
    """Give the typed event an envelope carries.

    An unknown type raises `UnknownEventTypeError`, broken data pydantic's `ValidationError`: both are
    permanent, and no retry heals them.
    """
    event = EVENTS.get(envelope.type)
    if event is None:
        raise UnknownEventTypeError(envelope.type)
    return event.model_validate(envelope.data)


def owner_of(event_type: str) -> str:
    """Who announces a type: the first word of it."""
    return event_type.partition(".")[0]
