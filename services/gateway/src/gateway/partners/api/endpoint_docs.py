"""What OpenAPI says of each endpoint of the partner API: what it takes and what it answers."""

from collections.abc import Mapping
from typing import Any

_REFUSALS = {
    401: "No key, or one that is unknown, revoked or expired.",
    403: "The key may not send events of this type.",
    408: "The body did not arrive in time.",
    409: "The same source and id stand for an event with other content.",
    413: "More than 256 kB for an event, 4 MB or 1000 events for a batch.",
    415: "Another media type, charset or encoding than those below.",
    422: "Something in the event is not as its contract says; `errors` points at each field.",
    429: "The allowance is used up, or too much is under way; `Retry-After` says for how long.",
    503: "The event may be stored but is not confirmed, or others send much; send the same again after `Retry-After`.",
}
_UNANSWERED = {
    401: _REFUSALS[401],
    404: "Nothing there.",
    422: "A parameter that is not taken here, or that holds what it cannot; `errors` names each.",
    429: "The allowance for questions is used up; `Retry-After` says for how long.",
    503: "A part of the network is away; ask again in a moment.",
}


def _problems(*statuses: int, described: Mapping[int, str] = _REFUSALS) -> dict[int | str, dict[str, Any]]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": described[status], "content": content} for status in statuses}


def _answer(description: str, schema: str, status: int) -> dict[int | str, dict[str, Any]]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {status: {"description": description, "content": content}}


_ONE = {"schema": {"$ref": "#/components/schemas/CloudEvent"}}
_MANY = {"schema": {"type": "array", "maxItems": 1000, "items": {"$ref": "#/components/schemas/CloudEvent"}}}
_DATA = {"schema": {"$ref": "#/components/schemas/EventData"}}

POST_EVENTS: dict[str, Any] = {
    "summary": "Send one event or a batch",
    "response_model": None,
    "responses": {
        202: {
            "description": "Everything that was sent is stored and acknowledged.",
            "content": {
                "application/json": {
                    "schema": {
                        "oneOf": [
                            {"$ref": "#/components/schemas/Accepted"},
                            {"$ref": "#/components/schemas/BatchAnswer"},
                        ]
                    }
                }
            },
        },
        **_answer("A batch of which some events were refused; the others are stored.", "BatchAnswer", 200),
        **_problems(*_REFUSALS),
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": _ONE,
                "application/cloudevents-batch+json": _MANY,
                # Binary mode: the attributes are headers (`ce-id`, `ce-source`, ...).
                "application/json": _DATA,
            },
        }
    },
}
GET_EVENTS: dict[str, Any] = {
    "summary": "List your latest events",
    "response_model": None,
    "responses": {
        **_answer("Newest first.", "JourneyPage", 200),
        **_problems(401, 422, 429, 503, described=_UNANSWERED),
    },
}
GET_EVENT: dict[str, Any] = {
    "summary": "What became of an event",
    "response_model": None,
    "responses": {
        **_answer("The event and its steps so far.", "Journey", 200),
        **_problems(401, 404, 422, 429, 503, described=_UNANSWERED),
    },
}
