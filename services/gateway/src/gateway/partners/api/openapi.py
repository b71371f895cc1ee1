"""`/openapi.json`: the partner API described for tools, with the schemas of all events."""

from functools import cache
from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from chassis.http.access import public
from contracts.catalogue import PARTNER_EVENTS
from gateway.journeys.domain import Status
from gateway.partners.api import events

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json", dependencies=[public()])
async def openapi(request: Request) -> JSONResponse:
    """Describe the partner API to tools."""
    return JSONResponse(_document(request.app.state.public_url.rstrip("/")))


@cache
def _document(public_url: str) -> dict[str, Any]:
    document = get_openapi(
        title="ILO SSE network: partner API",
        version="1",
        openapi_version="3.1.0",
        description="Send CloudEvents to the network and see what became of them. Problems are RFC 9457 documents "
        "in English, French, Spanish or Arabic (`Accept-Language`).",
        routes=[route for route in events.router.routes if isinstance(route, APIRoute)],
        servers=[{"url": public_url}],
    )
    components = document.setdefault("components", {})
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "`sse_<key id>_<secret>`"}
    }
    components["schemas"] = components.get("schemas", {}) | _schemas()
    document["security"] = [{"key": []}]
    return document


def _schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = dict(_OWN_SCHEMAS)
    names: list[str] = []
    for event in PARTNER_EVENTS.values():
        schema = event.model_json_schema(ref_template="#/components/schemas/{model}", mode="validation")
        schemas |= schema.pop("$defs", {})
        schema.get("properties", {}).pop("origin", None)
        schemas[event.__name__] = schema
        names.append(event.__name__)
    schemas["EventData"] = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}
    schemas["CloudEvent"]["properties"]["type"] = {"enum": [*PARTNER_EVENTS]}
    return schemas


_TIME = {"type": "string", "format": "date-time"}
_UUID = {"type": "string", "format": "uuid"}
_TRACE = {"type": ["string", "null"], "description": "Names the trace of the event through the network."}
_OWN_SCHEMAS: dict[str, Any] = {
    "CloudEvent": {
        "type": "object",
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1, "maxLength": 200},
            "source": {"type": "string", "format": "uri-reference", "minLength": 1, "maxLength": 500},
            "type": {"type": "string"},
            "time": _TIME,
            "subject": {"type": "string", "minLength": 1, "maxLength": 300},
            "datacontenttype": {"const": "application/json"},
            "dataschema": {"type": "string", "format": "uri"},
            "data": {"$ref": "#/components/schemas/EventData"},
        },
    },
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
    "BatchAnswer": {
        "type": "object",
        "required": ["accepted", "refused", "results"],
        "properties": {
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
                        "unit": {"type": "string"},
                        "units": {"type": "array", "items": {"type": "string"}},
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
            "next": {"type": ["string", "null"], "description": "`before` of the page that follows."},
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
                        "pointer": {"type": "string", "format": "json-pointer"},
                        "code": {"type": "string"},
                        "detail": {"type": "string"},
                    },
                },
            },
        },
    },
}
