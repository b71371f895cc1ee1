"""`/docs`: the partner API for people, in four languages, made of our own OpenAPI document.

On the server, and so without a script, at a few kilobytes for a weak link, and under the pages' own security policy.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

import orjson
from fastapi import APIRouter, Response

from chassis.http.access import public
from contracts.catalogue import PARTNER_EVENTS
from gateway.http.problems import catalogues
from gateway.journeys.domain import Status
from gateway.partners.api.endpoint_docs import HEADERS
from gateway.partners.api.event_fields import fields_of
from gateway.partners.api.openapi import DESCRIPTION, described
from gateway.partners.api.problem_types import PROBLEM_TYPES
from gateway.partners.first_event import exports, first_event
from gateway.partners.markup import code
from gateway.web.error_pages import PageRoute
from gateway.web.page import AnyonesPage
from gateway.web.translations import msg

router = APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[public()])

_METHODS = ("post", "get", "options")


STATUSES: Mapping[Status, str] = {
    Status.ACCEPTED: msg("It is stored and published; nothing has come of it yet."),
    Status.TASK_OPENED: msg("A task was made of it, for a unit or an office."),
    Status.NOTIFIED: msg("The unit or office was told."),
    Status.READ: msg("Somebody there has opened it."),
    Status.ACCEPTED_BY_UNIT: msg("They have taken the task on."),
    Status.IN_PROGRESS: msg("They have begun with it."),
    Status.COMPLETED: msg("It is done. Nothing more will come."),
    Status.DECLINED: msg(
        "They do not take it on. It may be placed with others, and then goes on from `task_opened`."
    ),
}
"""What each status means to the partner that sent the event."""


@dataclass(frozen=True)
class Field:
    """A parameter, or several that mean the same, each for a part of it; or a header of an answer."""

    names: tuple[str, ...]
    where: str
    description: str


@dataclass(frozen=True)
class Answer:
    """What an endpoint answers under one status."""

    status: str
    description: str
    headers: tuple[Field, ...]
    problems: tuple[str, ...]
    example: str | None


@dataclass(frozen=True)
class Operation:
    """One endpoint, as the page shows it; its texts are in English, and translated where they are shown."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    fields: tuple[Field, ...]
    body: str | None
    answers: tuple[Answer, ...]


@router.get("/docs")
async def docs(page: AnyonesPage) -> Response:
    """Show how to send events, and what is answered."""
    url = page.request.app.state.public_url.rstrip("/")
    return await page.html(
        "partners/docs.html",
        section="docs",
        url=url,
        description=DESCRIPTION,
        operations=await asyncio.to_thread(operations, url),
        problems=PROBLEM_TYPES,
        titles=catalogues.for_language(page.language).gettext,
        events=PARTNER_EVENTS,
        exports=exports(url),
        examples=first_event(),
        fields_of=fields_of,
        statuses={status.value: meaning for status, meaning in STATUSES.items()},
        headers={name: header["description"] for name, header in HEADERS.items()},
        code=code,
        limits=page.request.app.state.partner_limits,
    )


@cache
def operations(url: str) -> tuple[Operation, ...]:
    """The endpoints of the OpenAPI document, each method of a path by itself."""
    return tuple(_operations(described(url)))


def _operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if (told := methods.get(method)) is None:
                continue
            yield Operation(
                anchor=method + re.sub(r"\W+", "-", path).rstrip("-"),
                method=method.upper(),
                path=path,
                summary=told["summary"],
                description=told["description"],
                fields=tuple(_fields(told.get("parameters", ()))),
                body=told.get("requestBody", {}).get("description"),
                answers=tuple(_answers(document, told["responses"])),
            )


def _fields(parameters: Any) -> Iterator[Field]:
    for (where, description), alike in groupby(parameters, key=lambda one: (one["in"], one["description"])):
        yield Field(tuple(one["name"] for one in alike), where, description)


def _answers(document: Mapping[str, Any], responses: Mapping[str, Any]) -> Iterator[Answer]:
    for status, told in sorted(responses.items()):
        headers = tuple(
            Field((name,), "header", _at(document, header)["description"])
            for name, header in told.get("headers", {}).items()
        )
        [media] = [*told.get("content", {}).values()] or [{}]
        example = (
            orjson.dumps(media["example"], option=orjson.OPT_INDENT_2).decode()
            if "example" in media
            else None
        )
        yield Answer(status, told["description"], headers, tuple(media.get("examples", ())), example)


def _at(document: Mapping[str, Any], reference: Mapping[str, str]) -> Mapping[str, Any]:
    return document["components"]["headers"][reference["$ref"].rpartition("/")[2]]
