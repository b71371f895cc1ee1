"""What the contracts publish, as partners are served it: schemas, code lists, examples, AsyncAPI and the changelog.

All of it comes out of the installed package, so it is what this process itself goes by.
"""

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from contracts import codes
from contracts.catalogue import PARTNER_EVENTS
from contracts.gate.editions import read_history

SCHEMA = "application/schema+json"
JSON = "application/json"
YAML = "application/yaml"
MARKDOWN = "text/markdown; charset=utf-8"
CLOUDEVENT = "application/cloudevents+json"


@dataclass(frozen=True)
class Document:
    """One document as it is served."""

    media_type: str
    body: bytes
    packed: bytes
    etag: str


def document(media_type: str, text: str) -> Document:
    """Make a document of a text; the same text has the same tag in every process."""
    body = text.encode()
    # mtime=0: the same content is the same bytes in every process.
    return Document(media_type, body, gzip.compress(body, 9, mtime=0), f'"{sha256(body).hexdigest()[:20]}"')


@cache
def documents() -> Mapping[str, Document]:
    """Every document by its path under `/contracts/`, in the order in which they are listed."""
    return {path: document(media_type, text) for path, media_type, text in _published()}


def _published() -> Iterator[tuple[str, str, str]]:
    served = files("contracts") / "served"
    yield "asyncapi.yaml", YAML, (served / "asyncapi.yaml").read_text(encoding="utf-8")
    yield "CHANGELOG.md", MARKDOWN, (served / "CHANGELOG.md").read_text(encoding="utf-8")
    for name, about in read_history().in_force:
        yield f"schemas/{name}.json", SCHEMA, about.latest.text
    for name in codes.LISTS:
        text = (files("contracts") / "data" / f"{name}.json").read_text(encoding="utf-8")
        yield f"codes/{name}.json", JSON, text
    for event_type, event in PARTNER_EVENTS.items():
        for example in event.examples:
            yield f"examples/{event_type}/{example.name}.json", CLOUDEVENT, example.text(event_type)
