"""How the task page shows a partner's event: worked out of the event's class, so that no field of it is forgotten."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from contracts import codes
from contracts.catalogue import PARTNER_EVENTS
from contracts.exact import WebAddressForm
from contracts.fields import mark_of, types_of
from contracts.partner import PartnerEvent
from contracts.partner.statistics import StatisticalFigure
from contracts.words import Identifier, Named, Text, Title

WRITTEN_IN_A_WAY_OF_THEIR_OWN = (Identifier, Named, Text, Title)
FIGURE_COLUMNS = ("indicator", "value", "unit")
"""What of a figure has a column to itself; all else is what it is broken down by."""


@dataclass(frozen=True)
class ShownField:
    """One field, the English label that stands beside it, and what its values are."""

    name: str
    label: str
    code_list: str | None
    kinds: frozenset[type]
    is_address: bool = False
    parts: tuple["ShownField", ...] = ()
    """The fields of each value, where it is an object that has no way of its own to be written."""

    def holds(self, kind: type) -> bool:
        return any(issubclass(one, kind) for one in self.kinds)


@dataclass(frozen=True)
class Layout:
    """Where on the page the fields of one event stand."""

    event_name: str
    title: str | None
    text: str | None
    figures: str | None
    rows: tuple[ShownField, ...]


@cache
def layout_of(event: type[PartnerEvent]) -> Layout:
    """Lay out an event: its first title and text stand by themselves, figures in a table, all else row by row."""
    shown = {name: about for name, about in event.model_fields.items() if name not in event.not_shown}
    title, text, figures = (_first(shown, kind) for kind in (Title, Text, StatisticalFigure))
    rows = (_shown(name, about) for name, about in shown.items() if name not in {title, text, figures})
    return Layout(event.event_name, title, text, figures, tuple(rows))


@cache
def breakdown() -> tuple[ShownField, ...]:
    """Give the fields of a figure that say what it holds for."""
    fields = StatisticalFigure.model_fields.items()
    return tuple(_shown(name, about) for name, about in fields if name not in FIGURE_COLUMNS)


def messages() -> Mapping[str, str]:
    """Give the English names and labels that the page translates, each with what it is a name or label of."""
    found: dict[str, str] = {}
    for event in PARTNER_EVENTS.values():
        layout = layout_of(event)
        found.setdefault(layout.event_name, f"the name of {event.type}")
        for name, field in with_parts(layout.rows):
            found.setdefault(field.label, f"the label of {name} of {event.type}")
    # What has no name or label yet has no translation to ask for either.
    found.pop("", None)
    return found


def with_parts(fields: tuple[ShownField, ...], within: str = "") -> Iterator[tuple[str, ShownField]]:
    """Give the fields and those within them, each with its path."""
    for field in fields:
        yield f"{within}{field.name}", field
        yield from with_parts(field.parts, f"{within}{field.name}.")


def _first(fields: Mapping[str, FieldInfo], kind: type) -> str | None:
    return next((name for name, about in fields.items() if kind in types_of(about)), None)


def _shown(name: str, about: FieldInfo) -> ShownField:
    kinds = types_of(about)
    model = next((kind for kind in kinds if issubclass(kind, BaseModel)), None)
    parts = (
        tuple(_shown(each, within) for each, within in model.model_fields.items())
        if model and model not in WRITTEN_IN_A_WAY_OF_THEIR_OWN
        else ()
    )
    is_address = mark_of(about, WebAddressForm) is not None
    return ShownField(name, about.title or "", codes.list_name_for(about), kinds, is_address, parts)
