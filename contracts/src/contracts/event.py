"""The envelope every event travels in (CloudEvents 1.0) and the base class of what it carries."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal, NewType, cast
from uuid import UUID
from zlib import crc32

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema, to_json

from contracts.rules import with_rules

EventId = NewType("EventId", UUID)

URN: Final = "urn:ilo:sse"
"""What the names of our schemas and problems begin with."""
SUBJECTS: Final = "sse"
"""What every subject on the broker begins with."""

SLOTS = 16
"""Into how many slots the aggregates fall. Part of the wire format: what is in the streams keeps its slot for ever."""


class _Padded:
    """Says that a number travels as text, and what it must be as a number."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        number = handler(cast("core_schema.BeforeValidatorFunctionSchema", schema)["schema"])
        return with_rules({"type": "string", "pattern": "^[0-9]{10}$"}, number=number)


# The CloudEvents `sequence` extension is a string that sorts as text, so the number is padded on the wire.
Sequence = Annotated[
    int,
    Field(ge=1, lt=10**10),
    BeforeValidator(lambda value: int(value) if isinstance(value, str) else value),
    PlainSerializer(lambda value: f"{value:010d}", return_type=str),
    _Padded(),
]


Attribute = Annotated[str, StringConstraints(max_length=300)]


class Event(BaseModel):
    """A fact, past tense, as the CloudEvents `data` of one `type`; frozen, and unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    """Literal on the wire: `<owner>.<noun>.<past_verb>.v<n>`, never derived from a name in the code."""

    @classmethod
    def dataschema(cls) -> str:
        """Name the JSON Schema of this event and version, as CloudEvents `dataschema`."""
        return f"{URN}:schema:{cls.type}"


class Envelope(BaseModel):
    """CloudEvents 1.0 in structured JSON, with the extensions that carry order, site, trace and cause.

    `subject` is the id of the aggregate the event is about. `epoch` and `sequence` order the changes of
    that aggregate; `site` is its home. `causationid` is the event that led to this one, `correlationid`
    the first of the chain. `to` says which site the event is meant for: `all`, or one site.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: EventId
    source: Attribute
    type: Attribute
    subject: Attribute
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: Attribute
    traceparent: Attribute | None = None
    sequence: Sequence
    site: Attribute
    epoch: int = Field(ge=1)
    to: Attribute = "all"
    causationid: EventId | None = None
    correlationid: EventId
    data: dict[str, Any]

    @property
    def nats_subject(self) -> str:
        """Where the event is published: `sse.<from>.<to>.<service>.<noun>.<past_verb>.v<n>.<slot>`."""
        return subject_of(self.type, site=self.site, to=self.to, slot=slot_of(self.subject))


class EnvelopeWriter:
    """Writes events of one announcer and one moment in the form that `Envelope` reads, with all that is not None.

    They are made by the thousand, so what is the same in all of them is written once, and of what is ours anyhow
    nothing is checked again: an `Envelope` for each takes six times as long.
    """

    def __init__(self, *, source: str, site: str, time: datetime) -> None:
        self._common = _fields({"source": source, "time": time, "site": site})
        self._of_type: dict[tuple[type[Event], str], str] = {}

    def write(
        self,
        event: Event,
        *,
        id: EventId,  # noqa: A002 - the attribute's name
        subject: str,
        traceparent: str | None,
        sequence: int,
        epoch: int,
        to: str,
        causationid: EventId | None,
        correlationid: EventId,
    ) -> str:
        """Write an event as JSON."""
        kind = type(event), to
        common = self._of_type.get(kind)
        if common is None:
            common = self._of_type[kind] = _fields(
                {
                    "specversion": "1.0",
                    "type": event.type,
                    "datacontenttype": "application/json",
                    "dataschema": event.dataschema(),
                    "to": to,
                }
            )
        cause = f',"causationid":"{causationid}"' if causationid is not None else ""
        trace = f',"traceparent":"{traceparent}"' if traceparent is not None else ""
        own = str(id)
        correlation = own if correlationid is id else str(correlationid)
        # Of these `subject` alone may hold anything: all others are made of digits, letters and hyphens.
        return (
            f'{{{common},{self._common},"id":"{own}","subject":{to_json(subject).decode()},"sequence":"{sequence:010d}",'
            f'"epoch":{epoch},"correlationid":"{correlation}"{cause}{trace},"data":{event.model_dump_json()}}}'
        )


def _fields(values: dict[str, Any]) -> str:
    return to_json(values).decode()[1:-1]


def subject_of(event_type: str, *, site: str = "*", to: str = "all", slot: str = "*") -> str:
    """Name the NATS subject of an event type, or the pattern for every announcing site and every slot."""
    return f"{SUBJECTS}.{site}.{to}.{event_type}.{slot}"


def subjects_of(owner: str, *, site: str) -> str:
    """Name all that one announces: the pattern for every event type of this owner, wherever it is meant for."""
    return f"{SUBJECTS}.{site}.*.{owner}.>"


def slot_of(aggregate_id: str) -> str:
    """Tell the slot of an aggregate, `00` to `15`: the same in every process, site and version."""
    return f"{crc32(aggregate_id.encode()) % SLOTS:02d}"


def utc(moment: datetime) -> datetime:
    """Refuse a naive time instead of guessing its zone."""
    if moment.tzinfo is None:
        raise ValueError("a time needs its UTC offset")
    return moment
