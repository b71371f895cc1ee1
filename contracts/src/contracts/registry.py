"""Facts that the registry announces. Each carries the whole state: a projection needs the newest alone."""

from typing import ClassVar

from pydantic import Field

from contracts.event import Event
from contracts.words import (
    CountryCode,
    Language,
    MemberId,
    Named,
    OrganisationCode,
    OrganisationId,
    OrganisationKind,
    Role,
    Short,
    Theme,
)


class OrganisationFacts(Event):
    """An organisation as the registry knows it now."""

    organisation_id: OrganisationId
    code: OrganisationCode
    kind: OrganisationKind
    names: tuple[Named, ...] = Field(max_length=20)
    parent: OrganisationCode | None = None
    country: CountryCode | None = None
    city: Short | None = None
    region: Short | None = None
    covers: tuple[CountryCode, ...] = Field(default=(), max_length=250)
    confirmed: bool


class OrganisationRegisteredV1(OrganisationFacts):
    """A unit, office or partner was entered. Coordination and notifications keep a copy."""

    type: ClassVar[str] = "registry.organisation.registered.v1"


class OrganisationUpdatedV1(OrganisationFacts):
    """What is known of an organisation changed. Coordination and notifications keep a copy."""

    type: ClassVar[str] = "registry.organisation.updated.v1"


class MemberFacts(Event):
    """A member account of the network: a role at a unit or office, never a person's name."""

    member_id: MemberId
    organisation: OrganisationCode
    role: Role
    label: Short
    language: Language
    time_zone: Short
    themes: tuple[Theme, ...] = Field(default=(), max_length=5)


class MemberJoinedV1(MemberFacts):
    """A member account was opened. Coordination and notifications keep a copy."""

    type: ClassVar[str] = "registry.member.joined.v1"


class MemberUpdatedV1(MemberFacts):
    """A member's unit, role, language or time zone changed."""

    type: ClassVar[str] = "registry.member.updated.v1"


class MemberLeftV1(MemberFacts):
    """A member account was closed: it is told nothing any more, and may do nothing."""

    type: ClassVar[str] = "registry.member.left.v1"
