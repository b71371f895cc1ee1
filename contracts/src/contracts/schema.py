"""JSON Schema 2020-12 of every event's data and of the envelope."""

from inspect import cleandoc
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from contracts.catalogue import EVENTS
from contracts.event import Envelope, Event
from contracts.rules import with_rules

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ENVELOPE_ID: Final = "urn:ilo:sse:schema:envelope"


class _Generator(GenerateJsonSchema):
    """Leaves out titles that repeat a field's name, and says of a type what JSON Schema has no word for."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def date_schema(self, schema: core_schema.DateSchema) -> dict[str, Any]:
        return with_rules(super().date_schema(schema), **schema)

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> dict[str, Any]:
        return with_rules(super().datetime_schema(schema), **{"tz_constraint": "any", **schema})

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> dict[str, Any]:
        return with_rules(super().decimal_schema(schema), **schema)

    def str_schema(self, schema: core_schema.StringSchema) -> dict[str, Any]:
        is_stripped = schema.get("strip_whitespace", self._config.str_strip_whitespace)
        white_space = "stripped" if is_stripped else "kept"
        return with_rules(super().str_schema(schema), **schema, white_space=white_space)

    def time_schema(self, schema: core_schema.TimeSchema) -> dict[str, Any]:
        return with_rules(super().time_schema(schema), **{"tz_constraint": "any", **schema})

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> dict[str, Any]:
        return with_rules(super().timedelta_schema(schema), **schema)

    def url_schema(self, schema: core_schema.UrlSchema) -> dict[str, Any]:
        return with_rules(super().url_schema(schema), **{"allowed_schemes": "any", **schema})


def schemas() -> dict[str, dict[str, Any]]:
    """Give every schema by file name, as a sender must fill it and a reader may rely on it."""
    events = {f"{event_type}.json": schema_of(event) for event_type, event in EVENTS.items()}
    return events | {"envelope.json": _schema(Envelope, identifier=ENVELOPE_ID, title="Envelope")}


def schema_of(event: type[Event]) -> dict[str, Any]:
    return _schema(event, identifier=event.dataschema(), title=title_of(event))


def title_of(event: type[Event]) -> str:
    """Name the schema so that no two share a title: `Partner.AssistanceRequested.v1`."""
    owner = event.type.partition(".")[0]
    name, _, version = event.__name__.rpartition("V")
    return f"{owner.capitalize()}.{name}.v{version}"


def description_of(model: type[BaseModel]) -> str:
    return cleandoc(model.__doc__ or "")


def _schema(model: type[BaseModel], *, identifier: str, title: str) -> dict[str, Any]:
    generated = model.model_json_schema(schema_generator=_Generator, mode="validation")
    head = {
        "$schema": DIALECT,
        "$id": identifier,
        "title": title,
        "description": description_of(model),
        "type": "object",
    }
    rest = {key: value for key, value in generated.items() if key not in head}
    # The definitions stand last, after the fields that refer to them.
    return head | _without_repeated_titles(dict(sorted(rest.items(), key=lambda item: item[0] == "$defs")))


def _without_repeated_titles(value: Any) -> Any:
    """Leave out the titles of definitions, which only repeat the key they stand under."""
    if isinstance(value, dict):
        return {
            key: _without_repeated_titles(item)
            for key, item in value.items()
            if not (key == "title" and isinstance(item, str))
        }
    if isinstance(value, list):
        return [_without_repeated_titles(item) for item in value]
    return value
