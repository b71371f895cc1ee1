"""The context attributes of a CloudEvent, read strictly: each one's rule, and a fault for each that breaks it."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import NamedTuple, cast
from urllib.parse import urlsplit

from gateway.http.faults import MANY, Fault, Sentence, pointer
from gateway.partners.domain.json_text import Inexact

CLOCK_SLACK = timedelta(minutes=5)
"""How far a sender's clock may run ahead of ours."""

_ID_LENGTH = 200
_URI_LENGTH = 500
_SUBJECT_LENGTH = 300
_MEDIA_TYPE_LENGTH = 300
_LENGTHS = {
    "id": _ID_LENGTH,
    "source": _URI_LENGTH,
    "dataschema": _URI_LENGTH,
    "subject": _SUBJECT_LENGTH,
    "datacontenttype": _MEDIA_TYPE_LENGTH,
}
_INT32 = 2**31
_NAME = re.compile(r"[a-z0-9]+")
# What Unicode calls no characters: the last two of each plane, and 32 more.
_NO_CHARACTERS = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_CONTROL = re.compile(rf"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_NO_CHARACTERS}]")
_ANY = r"[A-Za-z0-9\-._~:/?@!$&'()*+,;=]|%[0-9A-Fa-f]{2}"
_URI = re.compile(
    # Brackets stand around an IPv6 address alone, and a fragment has no other in it.
    rf"(?:(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//(?:(?:{_ANY})*@)?\[[0-9A-Za-z:.]+\])?(?:{_ANY})*(?:#(?:{_ANY})*)?"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})")
_JSON = re.compile(
    # Of its parameters `charset` alone says something about JSON.
    r"\s*+(?:application|text)/(?:[\w.+-]+\+)?json\s*+"
    # Possessive: two ways of taking a blank are 2^n ways of taking n of them.
    r"(?:;\s*+(?:charset\s*+=\s*+\"?(?:utf-?8|us-ascii)\"?|(?!charset\b)[\w.+-]++\s*+=\s*+(?:[\w.+/-]++|\"[^\"]*+\"))?+\s*+)*+",
    re.IGNORECASE,
)
_FORMED = frozenset(("id", "specversion", "source", "dataschema", "datacontenttype"))
_TEXTS = ("specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema")
_REQUIRED = ("specversion", "id", "source", "type")
_KNOWN = frozenset((*_TEXTS, "data", "data_base64"))


class Attributes(NamedTuple):
    """What an event says of itself."""

    id: str
    source: str
    type: str
    time: datetime | None
    subject: str | None


class Name(NamedTuple):
    """What an event is known by among those of its sender."""

    source: str
    id: str


def is_json(media_type: str) -> bool:
    """Tell whether a media type is JSON in UTF-8, of which ASCII is a part."""
    return media_type == "application/json" or _JSON.fullmatch(media_type) is not None


def read_attributes(event: Mapping[str, object], *, now: datetime) -> tuple[Attributes | None, list[Fault]]:
    """Read the attributes of an event in structured form; with any fault there are no attributes."""
    texts: dict[str, str] = {}
    missing: list[Fault] = []
    of_kind: list[Fault] = []
    of_form: list[Fault] = []
    for name in _TEXTS:
        value = event.get(name)
        if type(value) is str:
            texts[name] = value
            if (fault := _fault_of(name, value)) is not None:
                of_form.append(fault)
        elif value is not None:
            of_kind.append(Fault(pointer(name), "not-a-string", Sentence("This must be a string.")))
        elif name in _REQUIRED:
            missing.append(Fault(pointer(name), "missing", Sentence("This attribute is required.")))
    faults = [*missing, *of_kind, *of_form]
    time, time_fault = _time(texts.get("time"), now)
    faults += time_fault
    if not event.keys() <= _KNOWN:
        faults += islice(_extension_faults(event), MANY)
    if faults:
        return None, faults
    return Attributes(texts["id"], texts["source"], texts["type"], time, texts.get("subject")), []


def name_in(event: object) -> Name | None:
    """Give the name of an event that may be wrong in all else; None where no event can have it."""
    if not isinstance(event, Mapping):
        return None
    said = cast("Mapping[str, object]", event)
    source, name = said.get("source"), said.get("id")
    if type(source) is not str or type(name) is not str:
        return None
    return None if _fault_of("source", source) or _fault_of("id", name) else Name(source, name)


def _fault_of(name: str, value: str) -> Fault | None:
    if not value:
        return Fault(pointer(name), "empty", Sentence("This must not be empty."))
    limit = _LENGTHS.get(name)
    if limit is not None and len(value) > limit:
        sentence = Sentence("Too long: the maximum length is %(limit)s.", limit=limit)
        return Fault(pointer(name), "too-long", sentence)
    # No control character is printable, which takes less time to tell.
    if not value.isprintable() and _CONTROL.search(value):
        return Fault(pointer(name), "control-character", Sentence("This must not hold control characters."))
    return _form_fault(name, value) if name in _FORMED else None


def _form_fault(name: str, value: str) -> Fault | None:
    if name == "id" and value in {".", ".."}:
        # Clients take these out of an address, percent-encoded or not (RFC 3986, section 6.2.2.3).
        sentence = Sentence(
            "An id of one dot or two cannot be asked for later: it would vanish from the address."
        )
        return Fault(pointer(name), "dots-alone", sentence)
    if name == "specversion" and value != "1.0":
        return Fault(
            pointer(name), "unknown-specversion", Sentence("Only CloudEvents version 1.0 is understood.")
        )
    if name == "source" and not is_uri_reference(value):
        sentence = Sentence("This must be a URI reference; percent-encode what does not belong in one.")
        return Fault(pointer(name), "not-a-uri-reference", sentence)
    if name == "dataschema" and not (is_uri_reference(value) and _SCHEME.match(value)):
        return Fault(pointer(name), "not-a-uri", Sentence("This must be an absolute URI."))
    if name == "datacontenttype" and not is_json(value):
        return Fault(pointer(name), "not-json", Sentence("Data is taken as application/json in UTF-8 only."))
    return None


@lru_cache(maxsize=256)
def is_uri_reference(value: str) -> bool:
    """Tell whether a value is one by RFC 3986: in ASCII, all else percent-encoded."""
    if not value or not _URI.fullmatch(value):
        return False
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return False
    # In a relative reference the first segment holds no colon; with one it would be read as a scheme.
    return bool(parts.scheme) or ":" not in value.split("/", 1)[0].split("?", 1)[0].split("#", 1)[0]


def _time(value: str | None, now: datetime) -> tuple[datetime | None, list[Fault]]:
    if not value:
        return None, []
    time = moment_of(value)
    if time is None:
        sentence = Sentence("This must be a time as RFC 3339 writes it, such as 2026-03-31T09:30:00Z.")
        return None, [Fault("/time", "not-a-time", sentence)]
    if time > now + CLOCK_SLACK:
        sentence = Sentence(
            "This lies more than %(minutes)s minutes in the future.",
            minutes=int(CLOCK_SLACK.total_seconds() // 60),
        )
        return None, [Fault("/time", "in-the-future", sentence)]
    return time, []


def moment_of(value: str) -> datetime | None:
    """Read a time as RFC 3339 writes it; None for anything else."""
    if not _RFC3339.fullmatch(value):
        return None
    # A leap second is a time for RFC 3339; Python counts it as the second before.
    spelled = value.upper().replace("Z", "+00:00")
    if spelled[17:19] == "60":
        spelled = f"{spelled[:17]}59{spelled[19:]}"
    try:
        return datetime.fromisoformat(spelled).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _extension_faults(event: Mapping[str, object]) -> Iterator[Fault]:
    for name, value in event.items():
        if name in _KNOWN or value is None:
            continue
        if not _NAME.fullmatch(name):
            sentence = Sentence("An attribute's name has lower-case letters a to z and digits only.")
            yield Fault(pointer(name), "attribute-name", sentence)
        elif isinstance(value, str) and not isinstance(value, Inexact):
            if _CONTROL.search(value):
                sentence = Sentence("This must not hold control characters.")
                yield Fault(pointer(name), "control-character", sentence)
        elif not isinstance(value, (bool, int)) or not -_INT32 <= value < _INT32:
            sentence = Sentence("An extension attribute is a string, a boolean or a 32-bit integer.")
            yield Fault(pointer(name), "attribute-value", sentence)
