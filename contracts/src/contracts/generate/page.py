"""The catalogue page: every event in words, for people who decide whether to listen to it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contracts.catalogue import EVENTS, PARTNER_EVENTS
from contracts.event import Event
from contracts.generate.topology import Topology
from contracts.partner import PartnerEvent
from contracts.schema import description_of, schema_of

HEAD = """\
<!-- Generated from the event classes; change those and run ./ssenet contracts generate -->
# The events of the network

Every event travels as a CloudEvents 1.0 envelope in structured JSON ([schema](schemas/envelope.json)); the
tables below describe its `data`. Subject on the broker: `sse.<from>.<to>.<type>.<slot>`, where the slot (`00` to `15`)
is the CRC-32 of the envelope's `subject`, modulo 16. Readers ignore fields they
do not know. How to [change one](../docs/how-to/change-an-event.md); how to
[add one of partners](../docs/how-to/add-a-partner-event.md).
"""


def page_text(topology: Topology, examples: Mapping[str, Sequence[str]]) -> str:
    """Give the whole page; `examples` names the example files of each type."""
    overview = ["| event | what happened | announced by | heard by |", "| --- | --- | --- | --- |"]
    overview.extend(_row(event, topology) for event in EVENTS.values())
    sections = [_section(event, topology, examples.get(event.type, ())) for event in EVENTS.values()]
    return "\n".join([HEAD, *overview, "", *sections, *_values()])


def _row(event: type[Event], topology: Topology) -> str:
    listeners = dict.fromkeys(service for service, _ in topology.listeners_of(event.type))
    cells = (
        f"[{event.type}](#{_anchor(event.type)})",
        _cell(description_of(event).partition("\n")[0]),
        topology.announcer_of(event.type),
        ", ".join(listeners) or "nobody yet",
    )
    return f"| {' | '.join(cells)} |"


def _section(event: type[Event], topology: Topology, examples: Sequence[str]) -> str:
    links = " · ".join(f"[{name}](examples/{event.type}/{name})" for name in examples)
    durables = (
        ", ".join(f"`{durable}`" for _, durable in topology.listeners_of(event.type)) or "no durable yet"
    )
    sent_by = " Partner systems send it through the gateway." if event.type in PARTNER_EVENTS else ""
    return "\n".join(
        [
            f"## {event.type}",
            "",
            f"**{_name(event)}.** {' '.join(description_of(event).split())}{sent_by}",
            "",
            f"Announced by {topology.announcer_of(event.type)}; heard by {durables}.",
            "",
            *_fields(schema_of(event)),
            "",
            f"[Schema](schemas/{event.type}.json) · examples: {links}",
            "",
        ]
    )


def _name(event: type[Event]) -> str:
    """Name it as a member reads it, or as its type does where no member ever does."""
    if issubclass(event, PartnerEvent):
        return event.event_name
    _, noun, verb, _ = event.type.split(".")
    return f"{noun} {verb}".replace("_", " ").capitalize()


def _values() -> Iterator[str]:
    """Describe the objects and code lists that fields refer to, each once."""
    definitions: dict[str, Mapping[str, Any]] = {}
    for event in EVENTS.values():
        definitions |= schema_of(event).get("$defs", {})
    yield "## Values inside events"
    for name, about in sorted(definitions.items()):
        yield f"\n### {name}\n\n{' '.join(str(about.get('description', '')).split())}\n"
        if "properties" in about:
            yield "\n".join(_fields(about))
        else:
            yield f"One of {', '.join(f'`{value}`' for value in about['enum'])}."
    yield ""


def _fields(schema: Mapping[str, Any]) -> list[str]:
    required = set(schema.get("required", ()))
    rows = [
        f"| `{name}` | {_cell(_kind(about))} | {'yes' if name in required else ''} |"
        for name, about in schema.get("properties", {}).items()
        if not about.get("readOnly")
    ]
    return ["| field | holds | required |", "| --- | --- | --- |", *rows]


def _kind(about: Mapping[str, Any]) -> str:
    if "$ref" in about:
        name = str(about["$ref"]).rpartition("/")[2]
        return f"[{name}](#{_anchor(name)})"
    if "anyOf" in about:
        # A number may be written as a string, and an optional field may be null: the first form says enough.
        return _kind(next(each for each in about["anyOf"] if each.get("type") != "null"))
    if about.get("type") == "array":
        return f"list of {_kind(about['items'])}"
    if "enum" in about:
        return " or ".join(f"`{value}`" for value in about["enum"])
    if "x-code-list" in about:
        return f"code of [{about['x-code-list']}](src/contracts/data/{about['x-code-list']}.json)"
    return str(about.get("format") or about.get("type") or "any value")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _anchor(heading: str) -> str:
    """Name the anchor as code hosts make it: lower case, without dots."""
    return heading.lower().replace(".", "")
