"""What partner systems announce through the gateway: one module a noun, and here what all of them share.

An event is one class with all that belongs to it: its fields as a member reads them (`title`), the rules of its data
and its examples. It is found by standing here; nothing lists it. How to add one: `docs/how-to/add-a-partner-event.md`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from contracts.data_rules import Rules
from contracts.event import Event
from contracts.fields import languages_in
from contracts.words import Model, OrganisationCode, Short

ShortName = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]


@dataclass(frozen=True)
class Example:
    """One event as a partner posts it; its file, `contracts/examples/<type>/<name>.json`, is generated from it."""

    name: str
    id: str
    source: str
    time: str
    data: Mapping[str, Any]

    @property
    def languages(self) -> frozenset[str]:
        """The language tags of its texts and names."""
        return languages_in(self.data)

    def text(self, event_type: str) -> str:
        """Give the CloudEvent as it is posted, and as it is kept once it is published."""
        cloudevent = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": event_type,
            "time": self.time,
            "datacontenttype": "application/json",
            "data": self.data,
        }
        return json.dumps(cloudevent, ensure_ascii=False, indent=2) + "\n"


class Origin(Model):
    """Which partner sent an event, and under which CloudEvents `id` and `source`; stamped by the gateway."""

    partner: OrganisationCode
    partner_name: Short
    event_id: Annotated[str, StringConstraints(max_length=200)]
    source: Annotated[str, StringConstraints(max_length=500)]


class PartnerEvent(Event):
    """What every partner event shares: where it came from.

    The gateway overwrites whatever a sender puts there.
    """

    event_name: ClassVar[str] = ""
    """What a member reads above the event, in English; like the fields' titles it is translated by the gateway."""

    data_rules: ClassVar[Rules] = ()
    """What its types cannot say of its data; asked by `contracts.checks` before the event is taken."""

    not_shown: ClassVar[Mapping[str, str]] = {"origin": "the task says which partner sent the event"}
    """The fields that a member does not see, and why."""

    examples: ClassVar[tuple[Example, ...]] = ()
    """Three at least, in as many languages, and no field without one."""

    origin: Origin | None = Field(default=None, json_schema_extra={"readOnly": True})
