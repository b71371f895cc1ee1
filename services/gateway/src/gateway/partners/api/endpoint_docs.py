"""What OpenAPI says of each endpoint of the partner API: what it takes, and every answer with its headers."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.partners.api.problem_types import ProblemType, problems_at
from gateway.web.translations import msg

HEADERS: Mapping[str, Mapping[str, Any]] = {
    "RateLimit-Policy": {
        "description": msg(
            "Your allowance: `q` at once, and again after `w` seconds; of `events`, or on a GET of `reads`."
        ),
        "schema": {"type": "string"},
        "example": '"events";q=400;w=2',
    },
    "RateLimit": {
        "description": msg(
            "What is left of it, `r`, and after how many seconds all of it is there again, `t`."
        ),
        "schema": {"type": "string"},
        "example": '"events";r=399;t=0',
    },
    "Key-Expires": {
        "description": msg("When your key stops, where it stops by itself."),
        "schema": {"type": "string", "format": "date-time"},
        "example": "2027-11-30T00:00:00Z",
    },
    "Location": {
        "description": msg("Where to see what becomes of the event."),
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/events/01a2094f-3135-7379-98ef-a17e7f5abaa5",
    },
    "Retry-After": {
        "description": msg("The seconds to wait before you send the same again."),
        "schema": {"type": "integer", "minimum": 0},
        "example": 2,
    },
    "WWW-Authenticate": {
        "description": msg("How a key is shown."),
        "schema": {"type": "string"},
        "example": 'Bearer realm="events"',
    },
    "Content-Language": {
        "description": msg("The language of the problem's sentences."),
        "schema": {"enum": ["en", "fr", "es", "ar"]},
        "example": "en",
    },
    "Allow": {
        "description": msg("The methods that are taken at this address."),
        "schema": {"type": "string"},
        "example": "GET, OPTIONS, POST",
    },
    "WebHook-Allowed-Origin": {
        "description": msg("The host that asked: it may send."),
        "schema": {"type": "string"},
        "example": "partner.example",
    },
    "WebHook-Allowed-Rate": {
        "description": msg("Events a minute."),
        "schema": {"type": "integer", "minimum": 1},
        "example": 12000,
    },
}
"""Every header of our answers that means something to a sender."""

_QUOTA = ("RateLimit-Policy", "RateLimit", "Key-Expires")
_BY_STATUS: Mapping[int, Sequence[str]] = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    408: ("Retry-After",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
_BEFORE_THE_KEY = (400, 401, 405, 414, 431, 501, 505)
"""Where nobody knows yet who asks, nothing is said of an allowance."""
_BY_THE_SERVER = (414, 431, 501, 505)
"""Given in English, before anybody has looked at what is asked."""
_OF_BODIES = ("too-slow", "slow-body", "invalid-event", "not-yet-published")
_MUCH_AT_ONCE = ("too-much-at-once", "busy")
_NOT_HERE = {
    "post": ("no-such-event", "not-found"),
    "list": (*_OF_BODIES, "no-such-event", "not-found"),
    "one": (*_OF_BODIES, *_MUCH_AT_ONCE, "not-found"),
}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _problems(*statuses: int, but: tuple[str, ...]) -> dict[int | str, dict[str, Any]]:
    types = problems_at(*statuses, but=but)
    return {status: _problem([one for one in types if one.status == status]) for status in statuses}


def _problem(types: Sequence[ProblemType]) -> dict[str, Any]:
    [status, *_] = [one.status for one in types]
    media = {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "examples": {one.code: {"summary": one.title, "value": one.example()} for one in types},
    }
    return {
        "description": " ".join(one.meaning for one in types),
        "headers": _headers(
            *(() if status in _BY_THE_SERVER else ("Content-Language",)),
            *_BY_STATUS.get(status, ()),
            *(() if status in _BEFORE_THE_KEY else _QUOTA),
        ),
        "content": {"application/problem+json": media},
    }


def _answer(
    description: str, *schemas: str, headers: Sequence[str] = (), example: object = None
) -> dict[str, Any]:
    references = [{"$ref": f"#/components/schemas/{name}"} for name in schemas]
    media: dict[str, Any] = {"schema": references[0] if len(references) == 1 else {"oneOf": references}}
    if example is not None:
        media["example"] = example
    return {"description": description, "headers": _headers(*headers), "content": {"application/json": media}}


def _header(
    name: str, description: str, schema: Mapping[str, Any], *, required: bool = False
) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "description": description, "schema": schema}


_LANGUAGE = _header(
    "Accept-Language", msg("In which language problems are told: en, fr, es or ar."), {"type": "string"}
)
_TEXT = {"type": "string", "minLength": 1, "maxLength": 500}
_BINARY = msg("In binary mode: the attribute as a header, percent-encoded where it is not ASCII.")
_ONE = {"schema": {"$ref": "#/components/schemas/CloudEvent"}}
_MANY = {"schema": {"type": "array", "maxItems": 1000, "items": {"$ref": "#/components/schemas/CloudEvent"}}}
_DATA = {"schema": {"$ref": "#/components/schemas/EventData"}}
_EVENT_ID = "01a2094f-3135-7379-98ef-a17e7f5abaa5"
_ACCEPTED = {
    "id": "REQ-2026-0417",
    "event_id": _EVENT_ID,
    "status": "accepted",
    "trace_id": "a59c089406f3ee55a149ad8a1bbc7efc",
    "status_url": f"/events/{_EVENT_ID}",
}
_JOURNEY = {
    "event_id": _EVENT_ID,
    "id": "REQ-2026-0417",
    "source": "https://partner.example/requests",
    "type": "partner.assistance.requested.v1",
    "received_at": "2026-11-23T16:48:34.613032Z",
    "trace_id": "a59c089406f3ee55a149ad8a1bbc7efc",
    "status": "task_opened",
    "steps": [
        {"name": "received", "at": "2026-11-23T16:48:34.613032Z"},
        {"name": "published", "at": "2026-11-23T16:48:34.654773Z"},
        {
            "name": "task_opened",
            "at": "2026-11-23T16:48:34.654773Z",
            "task_id": "01a2094f-316e-73e6-9e36-481ccbee1019",
            "units": ["DWT/CO-Dakar"],
            "due_on": "2026-12-07",
            "task_state": "opened",
        },
    ],
}

POST_EVENTS: dict[str, Any] = {
    "summary": msg("Send one event or a batch"),
    "description": msg(
        "`source` and `id` together name an event: to send the same again is always safe, and is answered with "
        "`already_accepted`. In a batch each event is answered for itself, and a bad one holds none of the others up."
    ),
    "response_model": None,
    "responses": {
        202: _answer(
            msg("Everything that was sent is stored, and the network's broker has acknowledged it."),
            "Accepted",
            "BatchAnswer",
            headers=("Location", *_QUOTA),
            example=_ACCEPTED,
        ),
        200: _answer(
            msg("A batch of which some events were refused, the others being stored; or a dry run."),
            "BatchAnswer",
            "DryRunAnswer",
            headers=_QUOTA,
        ),
        **_problems(
            400, 401, 403, 408, 409, 413, 414, 415, 422, 429, 431, 501, 503, 505, but=_NOT_HERE["post"]
        ),
    },
    "openapi_extra": {
        "parameters": [
            _LANGUAGE,
            *(
                _header(f"ce-{name}", _BINARY, schema)
                for name, schema in {
                    "specversion": {"const": "1.0"},
                    "id": {"type": "string", "minLength": 1, "maxLength": 200},
                    "source": _TEXT,
                    "type": _TEXT,
                    "time": {"type": "string", "format": "date-time"},
                    "subject": {**_TEXT, "maxLength": 300},
                }.items()
            ),
        ],
        "requestBody": {
            "required": True,
            "description": msg(
                "The media type says how the event is wrapped: `application/cloudevents+json` is one event, "
                "`application/cloudevents-batch+json` an array of them, and `application/json` the data of one whose "
                "attributes are headers (`ce-id`, `ce-source`, …). UTF-8, not compressed."
            ),
            "content": {
                "application/cloudevents+json": _ONE,
                "application/cloudevents-batch+json": _MANY,
                # Binary mode: the attributes are headers (`ce-id`, `ce-source`, ...).
                "application/json": _DATA,
            },
        },
    },
}
OPTIONS_EVENTS: dict[str, Any] = {
    "summary": msg("Ask whether you may send here"),
    "description": msg(
        "The handshake of the CloudEvents webhook specification, which some senders make before they send. "
        "It takes no key."
    ),
    "response_model": None,
    "responses": {
        200: {
            "description": msg(
                "The methods of this address; and to a sender that named itself, that it may send."
            ),
            "headers": _headers("Allow", "WebHook-Allowed-Origin", "WebHook-Allowed-Rate"),
        },
    },
    "openapi_extra": {
        "security": [],
        "parameters": [
            _header("WebHook-Request-Origin", msg("The host that wants to send."), {"type": "string"})
        ],
    },
}
GET_EVENTS: dict[str, Any] = {
    "summary": msg("List your events"),
    "description": msg(
        "Without a parameter the latest, newest first. With `since`, all from there on, oldest first: ask for `next` "
        "again and again, and you hear of every event once."
    ),
    "response_model": None,
    "responses": {
        200: _answer(msg("A page of events, and where the next one begins."), "JourneyPage", headers=_QUOTA),
        **_problems(400, 401, 408, 414, 422, 429, 431, 503, 505, but=_NOT_HERE["list"]),
    },
    "openapi_extra": {"parameters": [_LANGUAGE]},
}
GET_EVENT: dict[str, Any] = {
    "summary": msg("What became of an event"),
    "description": msg("Each step that the event went through; units and offices are named, people never."),
    "response_model": None,
    "responses": {
        200: _answer(msg("The event and its steps so far."), "Journey", headers=_QUOTA, example=_JOURNEY),
        **_problems(400, 401, 404, 408, 414, 422, 429, 431, 503, 505, but=_NOT_HERE["one"]),
    },
    "openapi_extra": {"parameters": [_LANGUAGE]},
}
