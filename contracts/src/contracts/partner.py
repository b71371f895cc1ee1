"""Facts that partner systems announce through the gateway; coordination turns them into tasks."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from contracts.event import Event
from contracts.words import (
    Constituency,
    CountryCode,
    EntityType,
    LanguageTag,
    Model,
    Named,
    OrganisationCode,
    TargetGroup,
    Text,
    Theme,
    Title,
    WebAddress,
)

ShortName = Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]


class Origin(Model):
    """Which partner sent an event, and under which CloudEvents `id` and `source`; stamped by the gateway."""

    partner: OrganisationCode
    partner_name: str
    event_id: str
    source: str


class PartnerEvent(Event):
    """What every partner event shares: where it came from.

    The gateway overwrites whatever a sender puts there.
    """

    origin: Origin | None = Field(default=None, json_schema_extra={"readOnly": True})


class AssistanceRequestedV1(PartnerEvent):
    """A constituent asks the Office for legal or policy advice (paras 12-16). Coordination opens a task."""

    type: ClassVar[str] = "partner.assistance.requested.v1"

    title: Title
    description: Text
    country: CountryCode
    requested_by: ShortName
    constituency: Constituency
    theme: Theme | None = None
    target_groups: tuple[TargetGroup, ...] = ()
    needed_by: date | None = None


class ResearchPublishedV1(PartnerEvent):
    """A partner published research that the constituents are to validate (paras 8-9)."""

    type: ClassVar[str] = "partner.research.published.v1"

    title: Title
    abstract: Text
    address: WebAddress
    countries: tuple[CountryCode, ...] = ()
    themes: tuple[Theme, ...] = ()
    languages: tuple[LanguageTag, ...] = Field(min_length=1)
    published_on: date
    validation_wanted_by: date | None = None


class StatisticalFigure(Model):
    """One figure of a return, with the breakdowns it holds for."""

    indicator: ShortName
    value: Annotated[Decimal, Field(max_digits=24, decimal_places=6)]
    unit: ShortName
    entity_type: EntityType | None = None
    isic_section: Annotated[str, StringConstraints(pattern=r"^[A-V]$")] | None = None
    sex: Literal["female", "male", "total"] | None = None


class StatisticsReportedV1(PartnerEvent):
    """A statistical office or SSE body reports figures on cooperatives or on the wider SSE (para 10)."""

    type: ClassVar[str] = "partner.statistics.reported.v1"

    title: Title
    scope: Literal["cooperatives", "sse"]
    country: CountryCode
    reference_year: int = Field(ge=1990, le=2100)
    reported_by: ShortName
    figures: tuple[StatisticalFigure, ...] = Field(min_length=1, max_length=2000)
    address: WebAddress | None = None


class KnowledgeKind(StrEnum):
    """What a knowledge product is."""

    GOOD_PRACTICE = "good_practice"
    GUIDE = "guide"
    BRIEF = "brief"
    VIDEO = "video"
    WEBINAR = "webinar"
    INTERVIEW = "interview"
    TRAINING_MATERIAL = "training_material"


class KnowledgeSharedV1(PartnerEvent):
    """A partner shares a knowledge product or good practice (paras 11, 22)."""

    type: ClassVar[str] = "partner.knowledge.shared.v1"

    title: Title
    summary: Text
    kind: KnowledgeKind
    address: WebAddress
    countries: tuple[CountryCode, ...] = ()
    themes: tuple[Theme, ...] = ()
    languages: tuple[LanguageTag, ...] = Field(min_length=1)


class TrainingAnnouncedV1(PartnerEvent):
    """An academy, a course or a workshop is announced (para 21)."""

    type: ClassVar[str] = "partner.training.announced.v1"

    title: Title
    description: Text
    organiser: ShortName
    starts_on: date
    ends_on: date
    country: CountryCode | None = None
    online: bool = False
    themes: tuple[Theme, ...] = ()
    languages: tuple[LanguageTag, ...] = Field(min_length=1)
    address: WebAddress | None = None


class PartnershipProposedV1(PartnerEvent):
    """A partner proposes to work together (paras 25-26)."""

    type: ClassVar[str] = "partner.partnership.proposed.v1"

    title: Title
    description: Text
    level: Literal["global", "regional", "national"]
    parties: tuple[ShortName, ...] = Field(min_length=1, max_length=50)
    countries: tuple[CountryCode, ...] = ()
    themes: tuple[Theme, ...] = ()
    starts_on: date | None = None
    renews_on: date | None = None


class Identifier(Model):
    """A number that a register gave to a body: `FR-SIREN` `552 032 534`."""

    scheme: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9-]{1,39}$")]
    value: Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]


class EntityReportedV1(PartnerEvent):
    """A partner reports that an SSE entity exists, for the registry to record (para 17)."""

    type: ClassVar[str] = "partner.entity.reported.v1"

    names: tuple[Named, ...] = Field(min_length=1, max_length=20)
    entity_type: EntityType
    country: CountryCode
    place: ShortName | None = None
    identifiers: tuple[Identifier, ...] = ()
    isic_section: Annotated[str, StringConstraints(pattern=r"^[A-V]$")] | None = None
    address: WebAddress | None = None


class ConcernGround(StrEnum):
    """Why an entity may be a pseudo-SSE one (para 15; Recommendation 193, 8(1)(b))."""

    LABOUR_LAW_AVOIDED = "labour_law_avoided"
    DISGUISED_EMPLOYMENT = "disguised_employment"
    NO_DEMOCRATIC_CONTROL = "no_democratic_control"
    SURPLUS_DISTRIBUTED_TO_OWNERS = "surplus_distributed_to_owners"
    NOT_AUTONOMOUS = "not_autonomous"
    OTHER = "other"


class ConcernRaisedV1(PartnerEvent):
    """A partner fears that an entity uses the form of the SSE without its substance (para 15)."""

    type: ClassVar[str] = "partner.concern.raised.v1"

    entity_name: ShortName
    country: CountryCode
    grounds: tuple[ConcernGround, ...] = Field(min_length=1)
    description: Text
    identifiers: tuple[Identifier, ...] = ()
    evidence: tuple[WebAddress, ...] = Field(default=(), max_length=20)
