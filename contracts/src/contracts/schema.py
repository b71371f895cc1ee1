"""JSON Schema 2020-12 of every event's data and of the envelope."""

from collections.abc import Callable
from inspect import cleandoc
from typing import Any, Final, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic.json_schema import JsonSchemaMode as Mode
from pydantic_core import core_schema

from contracts.catalogue import EVENTS
from contracts.event import URN, Envelope, Event
from contracts.rules import with_rules

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ENVELOPE_ID: Final = f"{URN}:schema:envelope"


class _Generator(GenerateJsonSchema):
    """Leaves out titles that repeat a field's name, and says of a type what JSON Schema has no word for."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def field_is_present(self, field: Any) -> bool:
        is_sometimes_left_out = self.mode == "serialization" and "serialization_exclude_if" in field
        return super().field_is_present(field) and not is_sometimes_left_out

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        # A factory that looks at the other fields has no default to name.
        if "default_factory" in schema and not schema.get("default_factory_takes_data"):
            return cast("Callable[[], Any]", schema["default_factory"])()
        return super().get_default_value(schema)

    def ser_schema(self, schema: Any) -> dict[str, Any] | None:
        # What a function makes of a value, only Python knows; no reader takes values of an unknown type.
        is_function = schema["type"] in {"function-plain", "function-wrap"}
        return {"type": "unknown"} if is_function else super().ser_schema(schema)

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


def schemas(mode: Mode = "validation") -> dict[str, dict[str, Any]]:
    """Give every schema by file name, as a sender must fill it and a reader may rely on it.

    That is what the classes read. The mode `serialization` gives what they write instead.
    """
    events = {f"{event_type}.json": schema_of(event, mode) for event_type, event in EVENTS.items()}
    return events | {"envelope.json": _schema(Envelope, mode, identifier=ENVELOPE_ID, title="Envelope")}


def schema_of(event: type[Event], mode: Mode = "validation") -> dict[str, Any]:
    return _schema(event, mode, identifier=event.dataschema(), title=title_of(event))


def title_of(event: type[Event]) -> str:
    """Name the schema so that no two share a title: `Partner.AssistanceRequested.v1`."""
    owner = event.type.partition(".")[0]
    name, _, version = event.__name__.rpartition("V")
    return f"{owner.capitalize()}.{name}.v{version}"


def description_of(model: type[BaseModel]) -> str:
    return cleandoc(model.__doc__ or "")


def _schema(model: type[BaseModel], mode: Mode, *, identifier: str, title: str) -> dict[str, Any]:
    # Fields are written under their names: whoever announces an event asks for no aliases.
    by_alias = mode == "validation"
    generated = model.model_json_schema(by_alias=by_alias, schema_generator=_Generator, mode=mode)
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
