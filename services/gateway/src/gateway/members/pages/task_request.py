"""A partner's event as a member reads it: the partner's words whole, every field named in the member's language."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast
from urllib.parse import urlsplit

from contracts.catalogue import PARTNER_EVENTS
from contracts.words import Identifier
from gateway.clients.coordination import PartnerEventView
from gateway.members.pages.request_layout import ShownField, breakdown, layout_of
from gateway.web.page import Page

SHOWN_FIGURES = 50


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
    """Read a partner event for the page; of an event that no contract describes the type alone is shown."""
    if event is None:
        return None
    if event.type not in PARTNER_EVENTS:
        return ShownRequest(event.type, title=None, text=None, rows=(), figures=(), left_out=0)
    layout, data = layout_of(PARTNER_EVENTS[event.type]), event.data
    figures = cast("list[Mapping[str, Any]]", data.get(layout.figures or "") or [])
    rows = (
        Row(page.gettext(field.label), _values(page, field, data[field.name]))
        for field in layout.rows
        if _is_said(data.get(field.name))
    )
    return ShownRequest(
        kind=page.gettext(layout.event_name),
        title=_original_text(data.get(layout.title or "")),
        text=_original_text(data.get(layout.text or "")),
        rows=tuple(rows),
        figures=tuple(_figure(page, figure) for figure in figures[:SHOWN_FIGURES]),
        left_out=max(0, len(figures) - SHOWN_FIGURES),
    )


def _is_said(value: object) -> bool:
    return value not in (None, [], "", False)


def _original_text(value: Any) -> OriginalText | None:
    return OriginalText(str(value["language"]), str(value["text"])) if isinstance(value, dict) else None


def _values(page: Page, field: ShownField, value: object) -> tuple[Value, ...]:
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    return tuple(_value(page, field, one) for one in values)


def _value(page: Page, field: ShownField, value: object) -> Value:
    if isinstance(value, dict):
        return _object(page, field, cast("dict[str, Any]", value))
    if value is True:
        return Value(page.gettext("Yes"))
    text = str(value)
    if field.code_list:
        return Value(page.label(field.code_list, text))
    if field.is_address and urlsplit(text).scheme in {"http", "https"}:
        return Value(text, link=text)
    return Value(_formatted(page, field, text))


def _formatted(page: Page, field: ShownField, text: str) -> str:
    """Write a day, a time or a decimal as the reader does; what cannot be read stands as it was sent."""
    with suppress(ValueError, InvalidOperation):
        if field.holds(datetime):
            return page.formats.moment(datetime.fromisoformat(text))
        if field.holds(date):
            return page.formats.day(date.fromisoformat(text))
        if field.holds(Decimal):
            return page.formats.number(Decimal(text))
    return text


def _object(page: Page, field: ShownField, value: Mapping[str, Any]) -> Value:
    """Write an object in one line: words with their language, a number with its register, else part by part."""
    if field.holds(Identifier):
        return Value(f"{value.get('scheme', '')} {value.get('value', '')}".strip())
    if not field.parts:
        words = value.get("name") or value.get("text") or ""
        return Value(str(words), language=str(value.get("language", "")) or None)
    return Value(" · ".join(_said_parts(page, field, value)))


def _said_parts(page: Page, field: ShownField, value: Mapping[str, Any]) -> Iterator[str]:
    for part in field.parts:
        if _is_said(value.get(part.name)):
            said = ", ".join(one.text for one in _values(page, part, value[part.name]))
            yield f"{page.gettext(part.label)}: {said}"


def _figure(page: Page, figure: Mapping[str, Any]) -> Figure:
    parts = [
        one.text
        for field in breakdown()
        if _is_said(figure.get(field.name))
        for one in _values(page, field, figure[field.name])
    ]
    try:
        value = page.formats.number(Decimal(str(figure["value"])))
    except InvalidOperation:
        value = str(figure["value"])
    return Figure(str(figure["indicator"]), value, str(figure["unit"]), " · ".join(parts))
