"""Small schemas of each kind, and what a reader of one makes of what a writer of another may write."""

from typing import Any

from schema_edits import Node

from contracts.gate.forms import Document
from contracts.gate.reading import Finding, Side, findings_of

NULL: Node = {"type": "null"}
TRUTH: Node = {"type": "boolean"}


def between(written: Any, read: Any) -> list[Finding]:
    return findings_of(Side(Document(written), "writers"), Side(Document(read), "readers"))


def breaks(written: Any, read: Any) -> list[str]:
    """Where and by which rule a reader refuses or misreads what may be written."""
    return [f"{'.'.join(each.path)}: {each.code}" for each in between(written, read) if each.breaks]


def an_object(*required: str, **fields: Any) -> Node:
    return {"type": "object", "properties": fields, "required": list(required)}


def a_list(**rules: Any) -> Node:
    return {"type": "array", **rules}


def one_of(*values: Any) -> Node:
    return {"enum": list(values)}


def a_map(values: Any, **rules: Any) -> Node:
    return {"type": "object", "additionalProperties": values, **rules}
