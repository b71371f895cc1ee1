"""A partner's event as a member reads it: the partner's words whole, every field named in the member's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, cast
from urllib.parse import urlsplit

from gateway.clients.coordination import PartnerEventView
from gateway.web.page import Page
from gateway.web.translations import msg

TITLE_FIELDS = ("title",)
TEXT_FIELDS = ("description", "abstract", "summary")
SHOWN_FIGURES = 50

FIELD_NAMES: Mapping[str, str] = {
    "names": msg("Names"),
    "entity_name": msg("Entity"),
    "entity_type": msg("Kind of entity"),
    "grounds": msg("Grounds"),
    "requested_by": msg("Requested by"),
    "constituency": msg("On behalf of"),
    "reported_by": msg("Reported by"),
    "organiser": msg("Organised by"),
    "kind": msg("Kind"),
    "level": msg("Level"),
    "parties": msg("Parties"),
    "country": msg("Country"),
    "countries": msg("Countries"),
    "place": msg("Place"),
    "theme": msg("Theme"),
    "themes": msg("Themes"),
    "target_groups": msg("Groups concerned"),
    "scope": msg("Scope"),
    "reference_year": msg("Year of reference"),
    "isic_section": msg("Economic activity"),
    "languages": msg("Languages"),
    "needed_by": msg("Needed by"),
    "published_on": msg("Published on"),
    "validation_wanted_by": msg("Validation wanted by"),
    "starts_on": msg("Starts on"),
    "ends_on": msg("Ends on"),
    "renews_on": msg("Renewed on"),
    "online": msg("Online"),
    "identifiers": msg("Identifiers"),
    "address": msg("Web address"),
    "evidence": msg("Evidence"),
}
"""The fields of the partner events in the order they are shown, with their names."""

CODE_LISTS: Mapping[str, str] = {
    "entity_type": "entity_types",
    "grounds": "concern_grounds",
    "constituency": "constituencies",
    "kind": "knowledge_kinds",
    "level": "partnership_levels",
    "country": "countries",
    "countries": "countries",
    "theme": "themes",
    "themes": "themes",
    "target_groups": "target_groups",
    "scope": "scopes",
    "isic_section": "isic_sections",
    "languages": "languages",
}
"""Which code list names the values of a field."""

DAY_FIELDS = {"needed_by", "published_on", "validation_wanted_by", "starts_on", "ends_on", "renews_on"}
LINK_FIELDS = {"address", "evidence"}


@dataclass(frozen=True)
class OriginalText:
    """Text in its author's language."""

    language: str
    text: str


@dataclass(frozen=True)
class Value:
    """One value of a field: text, perhaps in a language of its own, perhaps a link."""

    text: str
    language: str | None = None
    link: str | None = None


@dataclass(frozen=True)
class Row:
    """One field, named."""

    label: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Figure:
    """One figure of a statistical return."""

    indicator: str
    value: str
    unit: str
    broken_down: str


@dataclass(frozen=True)
class ShownRequest:
    """What the partner sent."""

    kind: str
    title: OriginalText | None
    text: OriginalText | None
    rows: tuple[Row, ...]
    figures: tuple[Figure, ...]
    left_out: int


def shown_request(page: Page, event: PartnerEventView | None) -> ShownRequest | None:
    """Read a partner event for the page; a field no contract names is not shown."""
    if event is None:
        return None
    data = event.data
    figures = cast("list[Mapping[str, Any]]", data.get("figures") or [])
    rows = (
        Row(page.gettext(name), _values(page, field, data[field]))
        for field, name in FIELD_NAMES.items()
        if data.get(field) not in (None, [], "", False)
    )
    return ShownRequest(
        kind=page.label("event_types", event.type),
        title=_original_text(data, TITLE_FIELDS),
        text=_original_text(data, TEXT_FIELDS),
        rows=tuple(rows),
        figures=tuple(_figure(page, figure) for figure in figures[:SHOWN_FIGURES]),
        left_out=max(0, len(figures) - SHOWN_FIGURES),
    )


def _original_text(data: Mapping[str, Any], fields: Sequence[str]) -> OriginalText | None:
    found = next((data[field] for field in fields if isinstance(data.get(field), dict)), None)
    return OriginalText(str(found["language"]), str(found["text"])) if found else None


def _values(page: Page, field: str, value: object) -> tuple[Value, ...]:
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    return tuple(_value(page, field, one) for one in values)


def _value(page: Page, field: str, value: object) -> Value:
    if isinstance(value, dict):
        return _pair(cast("dict[str, Any]", value))
    text = str(value)
    if value is True:
        return Value(page.gettext("Yes"))
    if field in CODE_LISTS:
        return Value(page.label(CODE_LISTS[field], text))
    if field in DAY_FIELDS:
        return Value(_day(page, text))
    if field in LINK_FIELDS and urlsplit(text).scheme in {"http", "https"}:
        return Value(text, link=text)
    return Value(text)


def _pair(value: Mapping[str, Any]) -> Value:
    if "name" in value:
        return Value(str(value["name"]), language=str(value.get("language", "")) or None)
    return Value(f"{value.get('scheme', '')} {value.get('value', '')}".strip())


def _day(page: Page, text: str) -> str:
    try:
        return page.formats.day(date.fromisoformat(text))
    except ValueError:
        return text


def _figure(page: Page, figure: Mapping[str, Any]) -> Figure:
    coded = (("entity_types", "entity_type"), ("isic_sections", "isic_section"), ("sexes", "sex"))
    parts = [page.label(code_list, str(figure[field])) for code_list, field in coded if figure.get(field)]
    try:
        value = page.formats.number(Decimal(str(figure["value"])))
    except InvalidOperation:
        value = str(figure["value"])
    return Figure(str(figure["indicator"]), value, str(figure["unit"]), " · ".join(parts))
