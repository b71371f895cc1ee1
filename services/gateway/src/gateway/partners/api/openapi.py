"""`/openapi.json`: the partner API described for tools, with the schemas of all events."""

import asyncio
from functools import cache
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from chassis.http.access import public
from contracts.catalogue import PARTNER_EVENTS
from gateway.journeys.domain import Status
from gateway.partners.api import endpoint_docs, events, handshake
from gateway.partners.api.contracts import answer
from gateway.partners.published import Document, document
from gateway.web.translations import msg

router = APIRouter(include_in_schema=False)

DESCRIPTION = msg(
    "Send CloudEvents to the network and see what became of them. Problems are RFC 9457 documents in English, "
    "French, Spanish or Arabic (`Accept-Language`)."
)


@router.get("/openapi.json", dependencies=[public()])
async def openapi(request: Request) -> Response:
    """Describe the partner API to tools."""
    return answer(request, await asyncio.to_thread(_written, request.app.state.public_url.rstrip("/")))


@cache
def _written(public_url: str) -> Document:
    return document("application/json", orjson.dumps(described(public_url)).decode())


@cache
def described(public_url: str) -> dict[str, Any]:
    """The document, as data; the first time it takes long enough to be asked for beside the loop."""
    routes = [*events.router.routes, *handshake.router.routes]
    document = get_openapi(
        title="ILO SSE network: partner API",
        version="1",
        openapi_version="3.1.0",
        description=f"{DESCRIPTION} To be read, with examples: {public_url}/docs. Schemas and code lists: "
        f"{public_url}/contracts/.",
        routes=[route for route in routes if isinstance(route, APIRoute)],
        servers=[{"url": public_url}],
        tags=[{"name": "events", "description": "Partners' events."}],
    )
    document["externalDocs"] = {"description": "The same, to be read", "url": f"{public_url}/docs"}
    components = document.setdefault("components", {})
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "`sse_<key id>_<secret>`"}
    }
    components["headers"] = dict(endpoint_docs.HEADERS)
    components["schemas"] = _schemas()
    document["security"] = [{"key": []}]
    return document


def _schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = dict(_OWN_SCHEMAS)
    kinds: list[dict[str, Any]] = []
    for event_type, event in PARTNER_EVENTS.items():
        schema = event.model_json_schema(ref_template="#/components/schemas/{model}", mode="validation")
        schemas |= schema.pop("$defs", {})
        schema.get("properties", {}).pop("origin", None)
        schemas[event.__name__] = schema
        data = {"$ref": f"#/components/schemas/{event.__name__}"}
        kinds.append({"title": event_type, "properties": {"type": {"const": event_type}, "data": data}})
    # Ours alone to write, and so nothing of a sender's.
    del schemas["Origin"]
    schemas["EventData"] = {"anyOf": [kind["properties"]["data"] for kind in kinds]}
    attributes = {**_CLOUDEVENT["properties"], "type": {"enum": [*PARTNER_EVENTS]}}
    schemas["CloudEvent"] = {**_CLOUDEVENT, "properties": attributes, "oneOf": kinds}
    return schemas


_TIME = {"type": "string", "format": "date-time"}
_UUID = {"type": "string", "format": "uuid"}
_TRACE = {"type": ["string", "null"], "description": "Names the trace of the event through the network."}
_CLOUDEVENT: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1, "maxLength": 200},
        "source": {"type": "string", "format": "uri-reference", "minLength": 1, "maxLength": 500},
        "time": _TIME,
        "subject": {"type": "string", "minLength": 1, "maxLength": 300},
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"type": "string", "format": "uri"},
        "data": {"$ref": "#/components/schemas/EventData"},
    },
}
_IGNORED = {
    "type": "array",
    "description": "In a dry run: the fields of the data that nobody reads, and which was probably meant.",
    "items": {
        "type": "object",
        "required": ["pointer", "code", "detail"],
        "properties": {name: {"type": "string"} for name in ("pointer", "code", "detail")},
    },
}
_OWN_SCHEMAS: dict[str, Any] = {
    "Accepted": {
        "type": "object",
        "required": ["id", "event_id", "status", "status_url"],
        "properties": {
            "id": {"type": "string", "description": "As you sent it."},
            "event_id": {**_UUID, "description": "Under which the event travels here."},
            "status": {"enum": ["accepted", "already_accepted"]},
            "trace_id": _TRACE,
            "status_url": {"type": "string", "format": "uri-reference"},
        },
    },
    "DryRunAnswer": {
        "type": "object",
        "required": ["id", "status", "http_status", "dry_run"],
        "properties": {
            "id": {"type": "string", "description": "As you sent it."},
            "status": {"enum": ["accepted", "already_accepted"]},
            "http_status": {"const": 202, "description": "With which it would be answered in earnest."},
            "dry_run": {"const": True, "description": "Nothing was stored."},
            "ignored": _IGNORED,
            "event_id": {**_UUID, "description": "Of an event that was accepted before."},
            "status_url": {"type": "string", "format": "uri-reference"},
            "trace_id": _TRACE,
        },
    },
    "BatchAnswer": {
        "type": "object",
        "required": ["accepted", "refused", "results"],
        "properties": {
            "dry_run": {"const": True, "description": "Nothing was stored: it was asked for with `dry_run`."},
            "accepted": {"type": "integer"},
            "refused": {"type": "integer"},
            "trace_id": _TRACE,
            "results": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["index", "status", "http_status"],
                    "properties": {
                        "index": {
                            "type": "integer",
                            "description": "The event's place in the batch, from 0.",
                        },
                        "id": {"type": ["string", "null"]},
                        "status": {"enum": ["accepted", "already_accepted", "refused"]},
                        "http_status": {"enum": [202, 403, 409, 413, 422]},
                        "event_id": _UUID,
                        "status_url": {"type": "string", "format": "uri-reference"},
                        "trace_id": _TRACE,
                        "problem": {"$ref": "#/components/schemas/Problem"},
                        "ignored": _IGNORED,
                    },
                },
            },
        },
    },
    "Journey": {
        "type": "object",
        "required": ["event_id", "id", "source", "type", "received_at", "status", "steps"],
        "properties": {
            "event_id": _UUID,
            "id": {"type": "string"},
            "source": {"type": "string"},
            "type": {"type": "string"},
            "received_at": _TIME,
            "trace_id": _TRACE,
            "status": {"enum": [status.value for status in Status]},
            "steps": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "at"],
                    "properties": {
                        "name": {"type": "string"},
                        "at": {"type": ["string", "null"], "format": "date-time"},
                        "task_id": _UUID,
                        "task_state": {"type": "string"},
                        "unit": {"type": "string"},
                        "units": {"type": "array", "items": {"type": "string"}},
                        "due_on": {"type": "string", "format": "date"},
                        "waiting_for": {"type": "array", "items": {"type": "string"}},
                        "needs_routing": {"type": "boolean"},
                        "channel": {"type": "string"},
                    },
                },
            },
        },
    },
    "JourneyPage": {
        "type": "object",
        "required": ["events", "next"],
        "properties": {
            "events": {"type": "array", "items": {"$ref": "#/components/schemas/Journey"}},
            "next": {
                "type": ["string", "null"],
                "description": "`since` or `before` of the page that follows, whichever was asked for. Going forward "
                "there always is one, to ask for again later.",
            },
        },
    },
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string"},
            "trace_id": {"type": "string"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["pointer", "code", "detail"],
                    "properties": {
                        "pointer": {
                            "type": "string",
                            "description": "A JSON pointer (RFC 6901) into the event in its structured form; or, of a "
                            "parameter, where it stands and its name: `query:limit`.",
                        },
                        "code": {"type": "string"},
                        "detail": {"type": "string"},
                    },
                },
            },
        },
    },
}
