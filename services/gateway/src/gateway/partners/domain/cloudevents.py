"""From a CloudEvent as it was sent to a typed event of the network, or to everything that is wrong with it."""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import cast

import orjson
from pydantic import ValidationError

from contracts.catalogue import PARTNER_EVENTS
from contracts.checks import problems_of
from contracts.partner import PartnerEvent
from gateway.http.faults import Fault, RefusalError, Sentence, pointer
from gateway.partners.domain.attributes import Attributes, read_attributes
from gateway.partners.domain.data_faults import faults_of
from gateway.partners.domain.refusals import EVENT_BYTES, malformed, too_large

MOST_LEVELS = 100
"""Objects and arrays within one another, the event itself counted; no event of the network comes near."""

_VERSIONED = re.compile(r"(?P<name>.+)\.v(?P<version>[0-9]{1,4})")


@dataclass(frozen=True)
class SentEvent:
    """A partner's event that may be taken: what it says of itself, its typed data, and what tells it from another."""

    attributes: Attributes
    data: PartnerEvent
    content_sha256: str


@dataclass(frozen=True)
class RefusedEvent:
    """An event that is not taken, and why."""

    error: RefusalError


def read_event(
    event: object, *, now: datetime, grants: Collection[str], check_size: bool = False
) -> SentEvent:
    """Read an event in structured form; raises RefusalError with every fault that can be known at once."""
    # Before anything is written as JSON again: deeper nesting than a JSON library writes is an error of its own.
    _check_depth(event)
    if check_size and len(orjson.dumps(event)) > EVENT_BYTES:
        raise too_large()
    if not isinstance(event, Mapping):
        raise malformed(Fault("", "not-an-object", Sentence("An event is a JSON object.")))
    document = cast("Mapping[str, object]", event)
    attributes, faults = read_attributes(document, now=now)
    event_class = _class_of(document.get("type"), faults)
    # Who may not send a type learns nothing about its data.
    if event_class is not None and event_class.type not in grants:
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
    data = _data(document, event_class, now, faults)
    if faults or attributes is None or data is None:
        raise malformed(*faults)
    return SentEvent(attributes, data, content_sha256(document))


def read_batch(
    events: Iterable[object], *, now: datetime, grants: Collection[str], check_sizes: bool
) -> list[SentEvent | RefusedEvent]:
    """Read each event of a batch for itself: a bad one holds none of the others up."""
    outcomes: list[SentEvent | RefusedEvent] = []
    for event in events:
        try:
            outcomes.append(read_event(event, now=now, grants=grants, check_size=check_sizes))
        except RefusalError as error:
            # Without the frames it came by: they would keep whatever was looked at, ten times the faults that are told.
            outcomes.append(RefusedEvent(error.with_traceback(None)))
    return outcomes


def content_sha256(event: Mapping[str, object]) -> str:
    """Tell two events with one id apart by what they say: type, subject and data, however the JSON was laid out.

    `time` and extensions such as `traceparent` are left out: senders stamp them anew on every attempt.
    """
    data = event.get("data")
    if isinstance(data, Mapping):
        data = {name: value for name, value in cast("Mapping[str, object]", data).items() if name != "origin"}
    content = [event.get("type"), event.get("subject"), data]
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _check_depth(event: object) -> None:
    waiting: list[tuple[object, tuple[str | int, ...]]] = [(event, ())]
    while waiting:
        value, path = waiting.pop()
        if isinstance(value, dict):
            inner: Iterable[tuple[str | int, object]] = cast("dict[str, object]", value).items()
        elif isinstance(value, list):
            inner = enumerate(cast("list[object]", value))
        else:
            continue
        if len(path) >= MOST_LEVELS:
            sentence = Sentence("Nested too deeply: the maximum is %(limit)s levels.", limit=MOST_LEVELS)
            raise malformed(Fault(pointer(*path), "too-deep", sentence))
        waiting += [(one, (*path, name)) for name, one in inner if isinstance(one, (dict, list))]


def _class_of(event_type: object, faults: list[Fault]) -> type[PartnerEvent] | None:
    if not isinstance(event_type, str) or not event_type:
        return None
    event_class = PARTNER_EVENTS.get(event_type)
    if event_class is None:
        faults.append(_unknown_type(event_type))
    return event_class


def _unknown_type(event_type: str) -> Fault:
    match = _VERSIONED.fullmatch(event_type)
    if match and (versions := _versions_of(match["name"])):
        sentence = Sentence(
            "Version %(version)s of %(name)s does not exist; there is %(versions)s.",
            version=match["version"],
            name=match["name"],
            versions=", ".join(versions),
        )
        return Fault("/type", "unknown-version", sentence)
    if near := get_close_matches(event_type[:200], PARTNER_EVENTS, n=1):
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


def _data(
    event: Mapping[str, object], event_class: type[PartnerEvent] | None, now: datetime, faults: list[Fault]
) -> PartnerEvent | None:
    if event.get("data_base64") is not None:
        faults.append(
            Fault("/data_base64", "not-json", Sentence("Data is taken as JSON, in the attribute data."))
        )
        return None
    if event.get("data") is None:
        faults.append(Fault("/data", "missing", Sentence("This field is required.")))
        return None
    if event_class is None:
        return None
    data = event["data"]
    if isinstance(data, Mapping):
        data = {name: value for name, value in cast("Mapping[str, object]", data).items() if name != "origin"}
    try:
        # From JSON and strict: a number is no date, a string no number, and nothing is guessed.
        typed = event_class.model_validate_json(orjson.dumps(data), strict=True)
    except ValidationError as error:
        faults += faults_of(error.errors(include_url=False))
        return None
    faults += [
        Fault(finding.pointer, finding.code, Sentence(finding.message, **finding.params))
        for finding in problems_of(typed, today=now.date())
    ]
    return typed
