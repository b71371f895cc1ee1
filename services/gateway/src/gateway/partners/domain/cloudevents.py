"""From a CloudEvent as it was sent to a typed event of the network, or to everything that is wrong with it."""

import base64
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import NamedTuple, Protocol, cast

import jiter
from annotated_types import MaxLen
from pydantic import BaseModel, ValidationError

from contracts.catalogue import PARTNER_EVENTS
from contracts.checks import problems_of
from contracts.codes import Guesses
from contracts.fields import types_of
from contracts.partner import PartnerEvent
from gateway.http.faults import MANY, Fault, RefusalError, Sentence, pointer
from gateway.partners.domain.attributes import Attributes, Name, name_in, read_attributes
from gateway.partners.domain.batches import Unread
from gateway.partners.domain.content import as_json, content_sha256, former_sha256s, own_data, without_nulls
from gateway.partners.domain.data_faults import faults_of
from gateway.partners.domain.ignored import ignored_fields
from gateway.partners.domain.json_text import Inexact, UnreadableError, parse_json, settle
from gateway.partners.domain.refusals import EVENT_BYTES, malformed, too_large

MOST_GUESSES = 10
"""Near misses that are looked for in one request, however many events it holds: each costs milliseconds."""
MOST_FAULTS = 1000
"""Faults named in the answer to a batch; from then on each event that is refused names its first alone."""

_START = 64 * 1024

MOST_ENTRIES = max(
    limit.max_length
    for event in PARTNER_EVENTS.values()
    for field in event.model_fields.values()
    for limit in field.metadata
    if isinstance(limit, MaxLen)
)
"""Entries of the longest list that any event may have."""

Path = tuple[str | int, ...]

_VERSIONED = re.compile(r"(?P<name>.+)\.v(?P<version>[0-9]{1,4})")


class Sender(Protocol):
    """Who sends, under which code and name, and the event types it may send."""

    @property
    def partner(self) -> str: ...

    @property
    def partner_name(self) -> str: ...

    @property
    def grants(self) -> Collection[str]: ...


class SentEvent(NamedTuple):
    """A partner's event that may be taken: what it says of itself, its typed data, and what tells it from another.

    A tuple, as all that is made for each event: a frozen dataclass takes three times as long.
    """

    attributes: Attributes
    data: PartnerEvent
    content_sha256: str
    formerly: frozenset[str]
    """What told it from another before: what is stored from then is compared with these, and nothing else is."""
    ignored: tuple[Fault, ...] = ()
    """The fields of its data that nobody reads, where that was asked."""

    def is_said_by(self, content_sha256: str) -> bool:
        """Tell whether this is what an event says that was stored, now or formerly."""
        return content_sha256 == self.content_sha256 or content_sha256 in self.formerly


@dataclass(frozen=True)
class RefusedEvent:
    """An event that is not taken, under which id and name it came, and why."""

    error: RefusalError
    id: str | None = None
    name: Name | None = None


def read_event(
    event: object,
    *,
    now: datetime,
    sender: Sender,
    guesses: Guesses | None = None,
    tell_ignored: bool = False,
) -> SentEvent:
    """Read an event in structured form; raises RefusalError with every fault that can be known at once.

    In the place of its `origin` stands who sent it. With `tell_ignored`, what nobody will read of it is named.
    """
    guesses = guesses or Guesses(MOST_GUESSES)
    if isinstance(event, dict):
        event = _with_data(cast("dict[str, object]", event))
    # Before anything is written as JSON again: deeper nesting than a JSON library writes is an error of its own.
    settled = settle(event)
    if not isinstance(event, dict):
        raise malformed(Fault("", "not-an-object", Sentence("An event is a JSON object.")))
    document = cast("dict[str, object]", event)
    attributes, faults = read_attributes(document, now=now)
    event_class = _class_of(document.get("type"), faults, guesses)
    # Who may not send a type learns nothing about its data.
    if event_class is not None and event_class.type not in sender.grants:
        raise RefusalError(
            403,
            "type-not-granted",
            Sentence("This key may not send events of this type. Ask the network's operators for the grant."),
            [
                Fault(
                    "/type",
                    "type-not-granted",
                    Sentence("The type %(type)s is not granted.", type=event_class.type),
                )
            ],
        )
    inexact = _inexact_faults(settled.inexact, event_class)
    said = own_data(document) if settled.is_plain else without_nulls(own_data(document))
    data, data_faults = _data(said, event_class, _origin(sender, attributes), now, guesses)
    # What was said of a number already is not said again.
    told = {fault.pointer for fault in inexact}
    faults += [*inexact, *(fault for fault in data_faults if fault.pointer not in told)]
    if faults or attributes is None or data is None:
        raise malformed(*faults)
    content = content_sha256(document, is_plain=settled.is_plain)
    former = former_sha256s(document, content, is_plain=settled.is_plain)
    ignored = (
        ignored_fields(cast("dict[str, object]", own_data(document)), data, guesses) if tell_ignored else []
    )
    return SentEvent(attributes, data, content, former, tuple(ignored))


def read_batch(
    events: Iterable[object], *, now: datetime, sender: Sender, tell_ignored: bool = False
) -> list[SentEvent | RefusedEvent]:
    """Read each event of a batch for itself: a bad one holds none of the others up.

    Raises RefusalError where one of them is not JSON, for then nobody can tell what the others are.
    """
    outcomes: list[SentEvent | RefusedEvent] = []
    guesses, faults_left = Guesses(MOST_GUESSES), MOST_FAULTS
    for index, event in enumerate(events):
        if isinstance(event, Unread) and len(event.text) > EVENT_BYTES:
            outcomes.append(RefusedEvent(too_large(), _id_at_the_start(event)))
            continue
        try:
            document = _document_of(event, index)
        except UnreadableError as error:
            outcomes.append(RefusedEvent(error.with_traceback(None)))
            continue
        try:
            outcomes.append(
                read_event(document, now=now, sender=sender, guesses=guesses, tell_ignored=tell_ignored)
            )
        except RefusalError as error:
            # Without the frames it came by: they would keep whatever was looked at, ten times the faults that are told.
            told = error.naming(max(1, faults_left)).with_traceback(None)
            faults_left -= len(told.faults)
            outcomes.append(RefusedEvent(told, _id_in(document), name_in(document)))
    return outcomes


def is_said_by(event: object, stored_sha256: str) -> bool:
    """Tell whether an event that may be wrong by now says what one says that was stored when it was right."""
    try:
        document = _document_of(event, 0)
        if isinstance(document, dict):
            document = _with_data(cast("dict[str, object]", document))
        settled = settle(document)
    except RefusalError:
        return False
    if not isinstance(document, dict):
        return False
    said = cast("dict[str, object]", document)
    content = content_sha256(said, is_plain=settled.is_plain)
    return stored_sha256 == content or stored_sha256 in former_sha256s(
        said, content, is_plain=settled.is_plain
    )


def _document_of(event: object, index: int) -> object:
    """Read an event of a batch where that was left for now."""
    if not isinstance(event, Unread):
        return event
    try:
        return parse_json(event.text, at=event.at, within=pointer(index))
    except UnreadableError as error:
        # In a batch, each event's faults point into the event.
        raise UnreadableError(Fault("", error.faults[0].code, error.faults[0].sentence)) from error


def _id_in(event: object) -> str | None:
    name = cast("Mapping[str, object]", event).get("id") if isinstance(event, Mapping) else None
    return name if isinstance(name, str) and not isinstance(name, Inexact) else None


def _id_at_the_start(event: Unread) -> str | None:
    """Find the id of an event that is too large to be read, where most senders write it."""
    try:
        return _id_in(jiter.from_json(event.text[:_START], partial_mode=True))
    except ValueError:
        return None


def _shortened(data: dict[str, object]) -> dict[str, object]:
    """Leave one entry too many in a list that is too long: each further one could be wrong in several ways."""
    lists = {
        name: cast("list[object]", value)[: MOST_ENTRIES + 1]
        for name, value in data.items()
        if isinstance(value, list) and len(cast("list[object]", value)) > MOST_ENTRIES
    }
    return data | lists if lists else data


def _inexact_faults(paths: Iterable[Path], event_class: type[PartnerEvent] | None) -> list[Fault]:
    """Refuse numbers that no double holds where the contract knows the field; elsewhere they are what they are."""
    return [
        Fault(
            pointer(*path),
            "inexact-number",
            Sentence("This number has more digits than a double holds. Send it as a string."),
        )
        for path in paths
        if path[0] == "data"
        and event_class
        and len(path) > 1
        and path[1] != "origin"
        and _is_read(event_class, [name for name in path[1:] if isinstance(name, str)])
    ]


def _is_read(model: type[BaseModel], names: Sequence[str]) -> bool:
    """Tell whether what these names lead to is a field of the contract, or something within one."""
    field = model.model_fields.get(names[0])
    if field is None:
        return False
    parts = [kind for kind in types_of(field) if issubclass(kind, BaseModel)]
    return not parts or len(names) == 1 or any(_is_read(part, names[1:]) for part in parts)


def _class_of(event_type: object, faults: list[Fault], guesses: Guesses) -> type[PartnerEvent] | None:
    if not isinstance(event_type, str) or not event_type:
        return None
    event_class = PARTNER_EVENTS.get(event_type)
    if event_class is None:
        faults.append(_unknown_type(event_type, guesses))
    return event_class


def _unknown_type(event_type: str, guesses: Guesses) -> Fault:
    match = _VERSIONED.fullmatch(event_type)
    if match and (versions := _versions_of(match["name"])):
        sentence = Sentence(
            "Version %(version)s of %(name)s does not exist; there is %(versions)s.",
            version=match["version"],
            name=match["name"],
            versions=", ".join(versions),
        )
        return Fault("/type", "unknown-version", sentence)
    near = get_close_matches(event_type[:200], PARTNER_EVENTS, n=1) if guesses.spend() else []
    if near:
        return Fault(
            "/type", "unknown-type", Sentence("No event has this type. Did you mean %(type)s?", type=near[0])
        )
    sentence = Sentence("No event has this type. There are: %(types)s.", types=", ".join(PARTNER_EVENTS))
    return Fault("/type", "unknown-type", sentence)


def _versions_of(name: str) -> list[str]:
    return [
        match["version"]
        for event_type in PARTNER_EVENTS
        if (match := _VERSIONED.fullmatch(event_type)) and match["name"] == name
    ]


def _origin(sender: Sender, attributes: Attributes | None) -> dict[str, object]:
    if attributes is None:
        return {}
    return {
        "origin": {
            "partner": sender.partner,
            "partner_name": sender.partner_name,
            "event_id": attributes.id,
            "source": attributes.source,
        }
    }


def _with_data(event: dict[str, object]) -> dict[str, object]:
    """Put data that libraries write as bytes (CloudEvents' JSON format, 3.1.1) where all others have theirs."""
    said = event.get("data_base64")
    if said is None:
        return event
    if event.get("data") is not None:
        sentence = Sentence("The data is given twice, in data and in data_base64.")
        raise malformed(Fault("/data_base64", "attribute-twice", sentence))
    try:
        data = base64.b64decode(said, validate=True) if isinstance(said, str) else None
    except ValueError:
        data = None
    if data is None:
        sentence = Sentence("This must be JSON in UTF-8, encoded in base64.")
        raise malformed(Fault("/data_base64", "not-base64", sentence))
    return {
        **{name: value for name, value in event.items() if name != "data_base64"},
        "data": parse_json(data, within="/data_base64"),
    }


def _data(
    data: object,
    event_class: type[PartnerEvent] | None,
    origin: dict[str, object],
    now: datetime,
    guesses: Guesses,
) -> tuple[PartnerEvent | None, list[Fault]]:
    if data is None:
        return None, [Fault("/data", "missing", Sentence("This field is required."))]
    if event_class is None:
        return None, []
    whole = data if not isinstance(data, dict) else _shortened(cast("dict[str, object]", data)) | origin
    try:
        # From JSON and strict: a number is no date, a string no number, and nothing is guessed.
        typed = event_class.model_validate_json(as_json(whole), strict=True)
    except ValidationError as error:
        return None, faults_of(error, data, guesses)
    return typed, [
        Fault(finding.pointer, finding.code, Sentence(finding.message, **finding.params))
        for finding in problems_of(typed, today=now.date(), guesses=guesses, most=MANY)
    ]
