"""What a request may say: what nobody would take is refused by its name, and never dropped in silence."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any, get_args, get_origin

import orjson
from fastapi import Request
from fastapi.params import Form
from pydantic import BaseModel, ConfigDict

from chassis.field_errors import FieldError, pointer

MANY = 50
"""Fields named in one answer; whoever has more to correct corrects these first."""
_LONGEST_GUESS = 100
"""Characters of a name up to which it is worth the time to look for one that was meant."""

MEANT = "There is no %(name)s here. Did you mean %(suggestion)s?"
LISTED = "There is no %(name)s here. There are: %(known)s."
NOTHING = "There is no %(name)s here: this request takes nothing."
REPEATED = "%(name)s is given more than once."
NO_BODY = "This request takes no body."


class RequestBody(BaseModel):
    """The base of what a service is sent: a field we do not know is a mistake, and said to be one."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def unknown_name(request: Request, error: Mapping[str, Any]) -> FieldError | None:
    """What pydantic found to be one name too many, said with the names that there are; None for another fault."""
    if error["type"] != "extra_forbidden":
        return None
    where, *path, name = error["loc"]
    route = request.scope["route"]
    if where != "body":
        return _no_parameter(str(name), list(_parameters(route.dependant)))
    known = _fields_at(route.body_field.field_info.annotation, path)
    return _no_field(pointer([*path, name]), str(name), known)


async def unheard(request: Request) -> list[FieldError]:
    """Name what a request says and its endpoint would not even look at.

    That is a parameter it does not take, all but the last of one that is given several times, and a body where it takes
    none.
    """
    faults = unheard_parameters(request)
    if request.scope["route"].body_field is None and _has_body(request):
        faults += _fields_of_no_use(await request.body())
    return faults[:MANY]


def unheard_parameters(request: Request) -> list[FieldError]:
    """The same of the parameters alone, for an endpoint that reads the body by itself."""
    known = _parameters(request.scope["route"].dependant)
    given = request.query_params
    faults = [_no_parameter(name, list(known)) for name in given if name not in known]
    faults += [
        FieldError(f"query:{name}", "repeated-parameter", REPEATED, {"name": name})
        for name in given
        if name in known and len(given.getlist(name)) > 1 and not _takes_many(known[name])
    ]
    return faults[:MANY]


def lenient_models(endpoint: Any) -> list[type[BaseModel]]:
    """The models of an endpoint's JSON body or parameters that drop what they do not know; a test wants none.

    Forms are not among them: a page's own form says nothing that its endpoint does not take, and what helps a browser
    may add to it.
    """
    dependant = endpoint.dependant
    read = [one.field_info.annotation for one in dependant.query_params]
    if any(not isinstance(one.field_info, Form) for one in dependant.body_params):
        read.append(endpoint.body_field.field_info.annotation)
    return [model for model in _all_models(read) if model.model_config.get("extra") != "forbid"]


def _no_field(at: str, name: str, known: Sequence[str]) -> FieldError:
    return FieldError(at, "unknown-field", *_told(name, known))


def _no_parameter(name: str, known: Sequence[str]) -> FieldError:
    return FieldError(f"query:{name}", "unknown-parameter", *_told(name, known))


def _told(name: str, known: Sequence[str]) -> tuple[str, Mapping[str, str]]:
    near = get_close_matches(name, known, n=1, cutoff=0.6) if len(name) <= _LONGEST_GUESS else []
    if near:
        return MEANT, {"name": name, "suggestion": near[0]}
    if known:
        return LISTED, {"name": name, "known": ", ".join(known)}
    return NOTHING, {"name": name}


def _has_body(request: Request) -> bool:
    return "Transfer-Encoding" in request.headers or request.headers.get("Content-Length", "0") != "0"


def _fields_of_no_use(body: bytes) -> list[FieldError]:
    """Name each field of a body that nobody reads; an empty object says nothing, and so does no harm."""
    try:
        said: object = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        said = body
    if isinstance(said, dict):
        return [_no_field(pointer([name]), str(name), ()) for name in islice(said, MANY)]
    return [FieldError("", "unknown-field", NO_BODY)]


def _parameters(dependant: Any) -> dict[str, Any]:
    """All query parameters of an endpoint by name, those of its dependencies as well, with what they may hold."""
    found: dict[str, Any] = {}
    for field in dependant.query_params:
        models = list(_models(field.field_info.annotation))
        found |= {
            inner.alias or name: inner.annotation
            for model in models
            for name, inner in model.model_fields.items()
        }
        if not models:
            found[field.alias] = field.field_info.annotation
    for one in dependant.dependencies:
        found |= _parameters(one)
    return found


def _takes_many(annotation: Any) -> bool:
    return get_origin(annotation) in {list, tuple, set, frozenset} or any(
        map(_takes_many, get_args(annotation))
    )


def _fields_at(annotation: Any, path: Sequence[str | int]) -> list[str]:
    """The fields of what stands at the end of a path through models, lists and unions."""
    models = list(_models(annotation))
    for step in path:
        inner = [
            part
            for model in models
            for name, field in model.model_fields.items()
            if step in {name, field.alias}
            for part in _models(field.annotation)
        ]
        # A place in a list, or the branch of a union, leads to no other model.
        models = inner or models
    return [field.alias or name for model in models for name, field in model.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, in whatever they are wrapped."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _all_models(annotations: Iterable[Any]) -> list[type[BaseModel]]:
    """The models of these annotations, and those within their fields, each once."""
    found: list[type[BaseModel]] = []
    waiting = [model for annotation in annotations for model in _models(annotation)]
    while waiting:
        model = waiting.pop()
        if model not in found:
            found.append(model)
            waiting += [part for field in model.model_fields.values() for part in _models(field.annotation)]
    return found
