"""Edits of the schemas of real events, as they were first published, for the tests of the gate.

`given` first puts something into both sides that no event has yet: a union, a mapping.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contracts.gate.editions import read_history
from contracts.testing import Golden, golden_events

Node = dict[str, Any]
Edit = Callable[[Node], None]

HISTORY = read_history()

ASSISTANCE = "partner.assistance.requested.v1"
CONCERN = "partner.concern.raised.v1"
ENTITY = "partner.entity.reported.v1"
ENVELOPE = "envelope"
JOINED = "registry.member.joined.v1"
KNOWLEDGE = "partner.knowledge.shared.v1"
NOTIFIED = "notifications.notification.delivered.v1"
OPENED = "coordination.task.opened.v1"
ORGANISATION = "registry.organisation.registered.v1"
PARTNERSHIP = "partner.partnership.proposed.v1"
PLAN = "coordination.plan.published.v1"
RESEARCH = "partner.research.published.v1"
STATISTICS = "partner.statistics.reported.v1"
TRAINING = "partner.training.announced.v1"


def at(schema: Node, path: str) -> Node:
    """What is said of a field, through lists, references and `or null`; `figures[].value` is a path."""
    node = schema
    for step in path.replace("[]", ".[]").split(".") if path else ():
        node = _resolved(schema, node)
        node = node["items"] if step == "[]" else node["properties"][step]
    return _resolved(schema, node)


def _resolved(schema: Node, node: Node) -> Node:
    if "anyOf" in node and {"type": "null"} in node["anyOf"]:
        [node] = [branch for branch in node["anyOf"] if branch != {"type": "null"}]
    return schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def _holder(schema: Node, path: str) -> tuple[Node, str]:
    parent, _, name = path.rpartition(".")
    return at(schema, parent), name


def change(path: str, **keywords: Any) -> Edit:
    return lambda schema: at(schema, path).update(keywords)


def set_rule(path: str, keyword: str, value: Any) -> Edit:
    return change(path, **{keyword: value})


def without(path: str, *keywords: str) -> Edit:
    def edit(schema: Node) -> None:
        for keyword in keywords:
            del at(schema, path)[keyword]

    return edit


def become(path: str, node: Node) -> Edit:
    def edit(schema: Node) -> None:
        holder, name = _holder(schema, path)
        holder["properties"][name] = node

    return edit


def default(path: str, value: Any) -> Edit:
    def edit(schema: Node) -> None:
        holder, name = _holder(schema, path)
        holder["properties"][name]["default"] = value

    return edit


def no_default(path: str) -> Edit:
    def edit(schema: Node) -> None:
        holder, name = _holder(schema, path)
        del holder["properties"][name]["default"]

    return edit


def add(path: str, node: Node | None = None, *, required: bool = False) -> Edit:
    def edit(schema: Node) -> None:
        holder, name = _holder(schema, path)
        holder["properties"][name] = node or {"type": "string"}
        if required:
            holder.setdefault("required", []).append(name)

    return edit


def drop(path: str) -> Edit:
    def edit(schema: Node) -> None:
        holder, name = _holder(schema, path)
        del holder["properties"][name]
        if name in holder.get("required", ()):
            holder["required"].remove(name)

    return edit


def rename(path: str, to: str) -> Edit:
    def edit(schema: Node) -> None:
        holder, name = _holder(schema, path)
        holder["properties"][to] = holder["properties"].pop(name)
        holder["required"] = [to if each == name else each for each in holder["required"]]

    return edit


def move(path: str, to: str) -> Edit:
    """Take an optional field out of one value and put it, as it is, into another."""

    def edit(schema: Node) -> None:
        (old, name), (new, new_name) = _holder(schema, path), _holder(schema, to)
        new["properties"][new_name] = old["properties"].pop(name)

    return edit


def require(path: str) -> Edit:
    def edit(schema: Node) -> None:
        holder, name = _holder(schema, path)
        holder["required"].append(name)

    return edit


def release(path: str) -> Edit:
    def edit(schema: Node) -> None:
        holder, name = _holder(schema, path)
        holder["required"].remove(name)

    return edit


def or_null(path: str) -> Edit:
    def edit(schema: Node) -> None:
        holder, name = _holder(schema, path)
        holder["properties"][name] = {"anyOf": [holder["properties"][name], {"type": "null"}]}

    return edit


def not_null(path: str) -> Edit:
    def edit(schema: Node) -> None:
        holder, name = _holder(schema, path)
        [holder["properties"][name]] = [
            each for each in holder["properties"][name]["anyOf"] if each != {"type": "null"}
        ]

    return edit


def values(path: str, *, more: tuple[Any, ...] = (), fewer: tuple[Any, ...] = ()) -> Edit:
    def edit(schema: Node) -> None:
        node = at(schema, path)
        node["enum"] = [value for value in node["enum"] if value not in fewer] + list(more)

    return edit


def both(*edits: Edit) -> Edit:
    def edit(schema: Node) -> None:
        for each in edits:
            each(schema)

    return edit


def nothing(schema: Node) -> None:
    """What most edits are given."""


def inline(definition: str) -> Edit:
    """Write a definition out wherever it is referred to."""

    def edit(schema: Node) -> None:
        about = schema["$defs"].pop(definition)
        schema["properties"] = _inlined(schema["properties"], f"#/$defs/{definition}", about)

    return edit


def _inlined(value: Any, reference: str, about: Node) -> Any:
    if isinstance(value, list):
        return [_inlined(item, reference, about) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("$ref") == reference:
        return copy.deepcopy(about)
    return {key: _inlined(item, reference, about) for key, item in value.items()}


def rename_definition(old: str, new: str) -> Edit:
    def edit(schema: Node) -> None:
        about = schema["$defs"].pop(old)
        schema["properties"] = _inlined(schema["properties"], f"#/$defs/{old}", {"$ref": f"#/$defs/{new}"})
        schema["$defs"][new] = about

    return edit


def either(*branches: Node, how: str = "oneOf", **more: Any) -> Node:
    return {how: list(branches), **more}


def tagged(tag: str, **fields: Node) -> Node:
    return {
        "type": "object",
        "properties": {"kind": {"const": tag}, **fields},
        "required": ["kind", *fields],
    }


TEXT: Node = {"type": "string"}
WHOLE: Node = {"type": "integer"}
BY_POST, BY_PHONE = tagged("post", street=TEXT), tagged("phone", number=TEXT)
WITH_A_UNION = add("contact", either(BY_POST, BY_PHONE, discriminator={"propertyName": "kind"}))
WITH_A_MAP = add("counts", {"type": "object", "additionalProperties": WHOLE})
WITH_A_PAIR = add("place", {"type": "array", "prefixItems": [TEXT, WHOLE], "minItems": 2, "maxItems": 2})
WITH_A_TREE = both(
    add("parts", {"$ref": "#/$defs/Part"}),
    lambda schema: schema["$defs"].update(
        Part={
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
            },
        }
    ),
)


@dataclass(frozen=True)
class Case:
    name: str
    event: str
    edit: Edit
    field: str = ""
    rule: str = ""
    given: Edit = nothing

    def __str__(self) -> str:
        return self.name

    def examples(self) -> list[Golden]:
        """Those that were published with the schema."""
        known = HISTORY.events[self.event].examples
        return [
            each for each in golden_events(self.event) if each.name in known and known[each.name].edition == 1
        ]

    def schemas(self) -> tuple[Node, Node]:
        published = copy.deepcopy(dict(HISTORY.events[self.event].editions[0].schema))
        self.given(published)
        current = copy.deepcopy(published)
        self.edit(current)
        assert json.dumps(current) != json.dumps(published), "the edit changes nothing"
        return published, current
