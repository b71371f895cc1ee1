"""The three ways a CloudEvent comes over HTTP, told apart; binary mode is put into structured form."""

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from urllib.parse import unquote_to_bytes

from gateway.http.faults import Fault, RefusalError, Sentence, pointer
from gateway.partners.domain.attributes import is_json, is_uri_reference
from gateway.partners.domain.json_text import parse_json
from gateway.partners.domain.refusals import BATCH_BYTES, EVENT_BYTES, malformed

_MEDIA_TYPE = re.compile(r"\s*([\w!#$&^.+-]+/[\w!#$&^.+-]+)\s*(;.*)?", re.DOTALL)
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)\"?", re.IGNORECASE)
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BLANKS = " \t"
"""What may stand around a header's value; of UTF-8 that was read as Latin-1, more looks like a blank."""
_URIS = frozenset(("source", "dataschema"))


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
    if charset and not utf8:
        sentence = Sentence("The charset %(charset)s is not read here. Send UTF-8.", charset=charset[1][:40])
        raise RefusalError(415, "unsupported-media-type", sentence)
    raise RefusalError(
        415,
        "unsupported-media-type",
        Sentence(
            "Send application/cloudevents+json, application/cloudevents-batch+json, or application/json with "
            "ce- headers; in UTF-8 and not compressed."
        ),
    )


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
        if name in _URIS:
            decoded = _uri(value, decoded)
        if name == "datacontenttype" and decoded and _is_the_same_type(decoded, content_type):
            continue
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
    event["data"] = data = parse_json(body)
    if "specversion" not in event and isinstance(data, Mapping) and "specversion" in data:
        sentence = Sentence(
            "The body is a whole CloudEvent: send it as application/cloudevents+json. "
            "application/json is for its data alone, with the attributes in ce- headers."
        )
        raise malformed(Fault("", "whole-event", sentence))
    return event


def _decoded(value: str) -> str | None:
    """Read a header's value as the binding writes it, and as libraries do that encode nothing."""
    quoted = value.strip(_BLANKS)
    if len(quoted) > 1 and quoted[0] == quoted[-1] == '"':
        quoted = re.sub(r"\\(.)", r"\1", quoted[1:-1])
    try:
        # The server reads headers as Latin-1; nobody sends that, and some send UTF-8 as it is.
        sent = quoted.encode("latin-1")
        return (
            unquote_to_bytes(_BARE_PERCENT.sub("%25", quoted)).decode() if sent.isascii() else sent.decode()
        )
    except UnicodeError:
        return None


def _is_the_same_type(one: str, other: str) -> bool:
    """Tell whether both name one media type in UTF-8, however that is written."""
    first, second = (_MEDIA_TYPE.fullmatch(each) for each in (one, other))
    if one == other or first is None or second is None:
        return one == other
    return first[1].lower() == second[1].lower() and is_json(one) and is_json(other)


def _uri(value: str, decoded: str | None) -> str | None:
    """Take a URI as it stands where it is none once decoded: the libraries for Go and Java send it so."""
    stands = value.strip(_BLANKS)
    return decoded if (decoded and is_uri_reference(decoded)) or not is_uri_reference(stands) else stands
