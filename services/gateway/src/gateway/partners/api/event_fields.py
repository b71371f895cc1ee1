"""What each event holds, field by field, for the page; made of its class and schema, so it cannot say otherwise."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast

from contracts.fields import mark_of, models_in
from contracts.partner import PartnerEvent
from contracts.words import InList
from gateway.web.translations import msg

Schema = Mapping[str, Any]


_BY_PATTERN = {r"^[A-V]$": "isic_sections"}
"""Codes that are told by their form, and the list that says what they mean."""


@dataclass(frozen=True)
class EventField:
    """One field of an event's data: how it is named from `data` on, whether it must be there, and what it holds."""

    name: str
    title: str | None
    required: bool
    holds: str
    """A sentence's part in English, with `%(least)s` and `%(most)s` in their places."""
    least: int | None = None
    most: int | None = None
    codes: tuple[str, ...] = ()
    """The values there are, where they are few."""
    code_list: str | None = None
    """The list under `/contracts/codes/` whose codes they are."""
    entries: tuple[int, int] | None = None
    """How many of them there are at least and at most, where it is a list."""


@cache
def fields_of(event: type[PartnerEvent]) -> tuple[EventField, ...]:
    """Name the fields of an event, each before those within it; `names[].language` is one of each entry of a list."""
    return tuple(_Walk(event).fields())


class _Walk:
    def __init__(self, event: type[PartnerEvent]) -> None:
        self._event = event
        self._schema = event.model_json_schema()
        self._models = {model.__name__: model for model in models_in(event)}

    def fields(self) -> Iterator[EventField]:
        yield from self._in_object(self._schema, self._event.__name__, "")

    def _in_object(self, schema: Schema, model: str, within: str) -> Iterator[EventField]:
        required = schema.get("required", ())
        for name, about in schema["properties"].items():
            if not about.get("readOnly"):
                yield from self._field(name, about, model, within, required=name in required)

    def _field(
        self, name: str, about: Schema, model: str, within: str, *, required: bool
    ) -> Iterator[EventField]:
        schema, inner = self._whole(about)
        path = f"{within}{name}"
        title = about.get("title") if not within else None
        code_list = mark_of(self._models[model].model_fields[name], InList) if model in self._models else None
        listed = code_list.name if code_list else None
        entries = None
        if schema.get("type") == "array":
            entries = (schema.get("minItems", 0), schema["maxItems"])
            schema, inner = self._whole(schema["items"])
        if schema.get("type") == "object":
            yield EventField(path, title, required, msg("an object with the fields below"), entries=entries)
            yield from self._in_object(schema, inner, f"{path}[]." if entries else f"{path}.")
        else:
            yield replace(_leaf(schema, listed), name=path, title=title, required=required, entries=entries)

    def _whole(self, about: Schema) -> tuple[Schema, str]:
        """Put a field's schema together from what it refers to, without `null`; and name the class behind it."""
        if "anyOf" in about and about["anyOf"][-1] == {"type": "null"}:
            about = {**about["anyOf"][0], **{name: about[name] for name in ("title",) if name in about}}
        if "$ref" not in about:
            return about, ""
        name = cast("str", about["$ref"]).rpartition("/")[2]
        own = {key: value for key, value in about.items() if key != "$ref"}
        return {**self._schema["$defs"][name], **own}, name


def _leaf(schema: Schema, code_list: str | None) -> EventField:
    codes = tuple(schema.get("enum", ()))
    listed = code_list or schema.get("x-code-list") or _BY_PATTERN.get(schema.get("pattern", ""))
    kind, form = schema.get("type"), schema.get("format")
    least, most = schema.get("minimum"), schema.get("maxLength", schema.get("maximum"))
    if codes or listed:
        holds = msg("one of")
    elif form == "uri":
        holds = msg("a web address of at most %(most)s characters")
    elif form == "date":
        holds = msg("a day, such as 2026-03-31")
    elif kind == "boolean":
        holds = msg("true or false")
    elif kind == "integer":
        holds = msg("a whole number from %(least)s to %(most)s")
    elif kind == "string":
        holds = (
            msg("a text of at most %(most)s characters")
            if most
            else msg("capital letters, digits and hyphens")
        )
    else:
        holds = msg("a number, or a number in a string")
    return EventField(
        "", None, required=False, holds=holds, least=least, most=most, codes=codes, code_list=listed
    )
