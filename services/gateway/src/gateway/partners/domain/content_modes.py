"""The three ways a CloudEvent comes over HTTP, told apart; binary mode is put into structured form."""

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from urllib.parse import unquote_to_bytes

import orjson

from gateway.http.faults import Fault, RefusalError, Sentence, pointer
from gateway.partners.domain.attributes import is_json
from gateway.partners.domain.refusals import BATCH_BYTES, EVENT_BYTES, malformed

_MEDIA_TYPE = re.compile(r"\s*([\w!#$&^.+-]+/[\w!#$&^.+-]+)\s*(;.*)?", re.DOTALL)
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)\"?", re.IGNORECASE)
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Mode(Enum):
    """How the event is wrapped, and how much may come."""

    STRUCTURED = "structured"
    BINARY = "binary"
    BATCH = "batch"

    @property
    def limit(self) -> int:
        return BATCH_BYTES if self is Mode.BATCH else EVENT_BYTES


def mode_of(
    content_type: str | None, content_encoding: str | None, *, attributes_in_headers: bool = False
) -> Mode:
    """Tell the mode from the headers, or refuse with 415."""
    if content_type is None and attributes_in_headers:
        # The official library sends no Content-Type with an event that names none, which means JSON.
        content_type = "application/json"
    match = _MEDIA_TYPE.fullmatch(content_type or "")
    charset = _CHARSET.search(match[2] or "") if match else None
    utf8 = charset is None or charset[1].lower() in {"utf-8", "utf8", "us-ascii"}
    identity = content_encoding is None or content_encoding.strip().lower() in {"", "identity"}
    if match and utf8 and identity:
        media_type = match[1].lower()
        if media_type == "application/cloudevents+json":
            return Mode.STRUCTURED
        if media_type == "application/cloudevents-batch+json":
            return Mode.BATCH
        # Anything else that calls itself a CloudEvent is a format we do not read, never a binary-mode body.
        if is_json(media_type) and not media_type.startswith("application/cloudevents"):
            return Mode.BINARY
    raise RefusalError(
        415,
        "unsupported-media-type",
        Sentence(
            "Send application/cloudevents+json, application/cloudevents-batch+json, or application/json with "
            "ce- headers; in UTF-8 and not compressed."
        ),
    )


def parse_json(body: bytes) -> object:
    """Read JSON as the standard has it, or say where it stops being JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        # The one cause that senders can tell apart only by being told: the rest of the body never came.
        sentence = (
            Sentence("The JSON breaks off at line %(line)s, column %(column)s.", **_place(error))
            if error.msg == "unexpected end of data"
            else Sentence("This is not valid JSON at line %(line)s, column %(column)s.", **_place(error))
        )
        raise malformed(Fault("", "malformed-json", sentence)) from error


def _place(error: orjson.JSONDecodeError) -> dict[str, int]:
    return {"line": error.lineno, "column": error.colno}


def structured_from_headers(
    headers: Iterable[tuple[str, str]], content_type: str, body: bytes
) -> Mapping[str, object]:
    """Put a binary-mode request into structured form: attributes from `ce-` headers, data from the body."""
    event: dict[str, object] = {"datacontenttype": content_type}
    faults: list[Fault] = []
    for header, value in headers:
        if not header.startswith("ce-"):
            continue
        name = header.removeprefix("ce-")
        decoded = _decoded(value)
        if decoded is None:
            sentence = Sentence("A header's value is percent-encoded UTF-8.")
            faults.append(Fault(pointer(name), "header-encoding", sentence))
        elif name in event:
            sentence = Sentence("This attribute is given twice, or belongs in another header.")
            faults.append(Fault(pointer(name), "attribute-twice", sentence))
        elif name in {"data", "data_base64"}:
            faults.append(
                Fault(pointer(name), "attribute-name", Sentence("In binary mode the data is the body."))
            )
        else:
            event[name] = decoded
    if faults:
        raise malformed(*faults)
    event["data"] = parse_json(body)
    return event


def _decoded(value: str) -> str | None:
    quoted = value.strip()
    if len(quoted) > 1 and quoted[0] == quoted[-1] == '"':
        quoted = re.sub(r"\\(.)", r"\1", quoted[1:-1])
    if _PERCENT.search(quoted) or not quoted.isascii():
        return None
    try:
        return unquote_to_bytes(quoted).decode()
    except UnicodeDecodeError:
        return None
