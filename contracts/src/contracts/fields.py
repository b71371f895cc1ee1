"""What the fields of an event are made of: their types and marks, whatever these are wrapped in, and what they say."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar, cast, get_args

from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

Mark = TypeVar("Mark")

_STANDS_FOR: Final[Mapping[object, type]] = {AwareDatetime: datetime}
"""At run time it is a class of its own, and no datetime."""


def parts_of(field: FieldInfo) -> Iterator[object]:
    """Give every type and mark of a field, also of the items of a tuple and of the sides of a union."""
    yield from field.metadata
    yield from _parts(field.annotation)


def types_of(field: FieldInfo) -> frozenset[type]:
    """Give the classes that the values of a field are of, whatever holds them."""
    types = (_STANDS_FOR.get(part, part) for part in parts_of(field))
    return frozenset(part for part in types if isinstance(part, type))


def mark_of(field: FieldInfo, mark: type[Mark]) -> Mark | None:
    """Give the field's first mark of this kind."""
    return next((part for part in parts_of(field) if isinstance(part, mark)), None)


def models_in(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Give the model and every model within it, each once."""
    found: dict[type[BaseModel], None] = {}
    waiting = [model]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found[one] = None
        waiting += [
            kind
            for field in one.model_fields.values()
            for kind in types_of(field)
            if issubclass(kind, BaseModel)
        ]
    return iter(found)


def languages_in(data: Any) -> frozenset[str]:
    """Give the language tags of all texts and names in an event's data."""
    return frozenset(_languages_in(data))


def _languages_in(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        if "language" in fields and ("text" in fields or "name" in fields):
            yield fields["language"]
        for item in fields.values():
            yield from _languages_in(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _languages_in(item)


def _parts(annotation: Any) -> Iterator[object]:
    yield annotation
    for argument in get_args(annotation):
        yield from _parts(argument)
