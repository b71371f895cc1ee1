"""The AsyncAPI 3.0 document: every channel, who sends on it and who receives."""

from typing import Any

import yaml

from contracts.catalogue import EVENTS
from contracts.event import SUBJECTS, Event
from contracts.generate.topology import Topology
from contracts.schema import DIALECT, description_of, title_of

HEADER = "# Generated from the event classes; change those and run ./ssenet contracts generate\n"
JSON_SCHEMA = "application/schema+json;version=draft-2020-12"
PARAMETERS = {
    "from": "The site that announces: `hq`, or an office's.",
    "to": "The site the event is meant for: `all`, or one site.",
    "slot": "`00` to `15`: the CRC-32 of the envelope's `subject` (UTF-8), modulo 16. Consumers are split by it.",
}


class _Dumper(yaml.SafeDumper):
    """Without anchors and aliases: every reader of the document follows `$ref`, few follow `*id001`."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def asyncapi_text(topology: Topology, *, version: str) -> str:
    """Give the whole document as YAML, always in the same bytes."""
    dumped = yaml.dump(
        document(topology, version=version),
        Dumper=_Dumper,
        allow_unicode=True,
        sort_keys=False,
        width=110,
    )
    return HEADER + dumped


def document(topology: Topology, *, version: str) -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of the network on decent work and the social and solidarity economy",
            "version": version,
            "description": (
                "Facts that the services announce to each other over NATS JetStream. Each travels as a "
                "CloudEvents 1.0 envelope in structured JSON; `data` holds the event. A reader ignores "
                "fields that it does not know."
            ),
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {event_type: _channel(event) for event_type, event in EVENTS.items()},
        "operations": _operations(topology),
        "components": {
            "messages": {event_type: _message(event) for event_type, event in EVENTS.items()},
            "parameters": {name: {"description": what} for name, what in PARAMETERS.items()},
        },
    }


def _channel(event: type[Event]) -> dict[str, Any]:
    return {
        "address": f"{SUBJECTS}.{{from}}.{{to}}.{event.type}.{{slot}}",
        "title": title_of(event),
        "description": description_of(event),
        "parameters": {name: {"$ref": f"#/components/parameters/{name}"} for name in PARAMETERS},
        "messages": {event.__name__: {"$ref": f"#/components/messages/{event.type}"}},
    }


def _message(event: type[Event]) -> dict[str, Any]:
    payload = {
        "$schema": DIALECT,
        "allOf": [
            {"$ref": "schemas/envelope.json"},
            {
                "properties": {
                    "type": {"const": event.type},
                    "dataschema": {"const": event.dataschema()},
                    "data": {"$ref": f"schemas/{event.type}.json"},
                }
            },
        ],
    }
    return {
        "name": event.type,
        "title": title_of(event),
        "summary": description_of(event).partition("\n")[0],
        "contentType": "application/cloudevents+json",
        "payload": {"schemaFormat": JSON_SCHEMA, "schema": payload},
    }


def _operations(topology: Topology) -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for event_type, event in EVENTS.items():
        announcer = topology.announcer_of(event_type)
        operations[f"{announcer}.announces.{event_type}"] = _operation("send", event) | {
            "x-service": announcer,
        }
        for service, durable in topology.listeners_of(event_type):
            operations[f"{durable}.hears.{event_type}"] = _operation("receive", event) | {
                "x-service": service,
                "x-nats-durable": durable,
            }
    return operations


def _operation(action: str, event: type[Event]) -> dict[str, Any]:
    channel = f"#/channels/{event.type}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{event.__name__}"}],
    }
