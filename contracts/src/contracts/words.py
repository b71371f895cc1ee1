"""The small types that several events share: languages, texts, countries, codes of the plan, code lists."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar, Final, NewType
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from contracts.data_rules import Rules


@dataclass(frozen=True)
class InList:
    """Marks a string as a code of one of the lists in `contracts.codes`.

    The type itself checks the shape alone, so that a list may grow without a new version of the event;
    whether the list holds the code is asked where the event enters, in `contracts.checks`.
    """

    name: str

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"x-code-list": self.name}


@dataclass(frozen=True)
class LabelledBy:
    """Says where the labels of a value stand that is no enum; the schema says nothing of it, unlike of `InList`."""

    name: str


OrganisationId = NewType("OrganisationId", UUID)
MemberId = NewType("MemberId", UUID)
TaskId = NewType("TaskId", UUID)
ItemId = NewType("ItemId", UUID)

OrganisationCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Za-z0-9/ ._À-ÿ-]{0,39}$")]
"""Short code of an organisation, in the ILO's style for units and offices: `COOP`, `DWT/CO-Cairo`."""

COORDINATING_UNIT: Final = "COOP"
"""The unit that leads the network (para 27); its coordinators place what no rule could place."""

CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), InList("countries")]
"""ISO 3166-1 alpha-2."""

Short = Annotated[str, StringConstraints(max_length=300)]
"""A name, a label or a code that a service of ours wrote."""

LANGUAGE_TAG_PATTERN: Final = (
    "^("
    # Language and extended languages, script, region, variants, extensions (`u-co-phonebk`), private use (`x-twain`).
    "[A-Za-z]{2,3}(-[A-Za-z]{3}){0,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?"
    "(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*(-[0-9A-WY-Za-wy-z](-[A-Za-z0-9]{2,8})+)*(-[Xx](-[A-Za-z0-9]{1,8})+)?"
    # What is private altogether, and what was registered before there was a form.
    "|[Xx](-[A-Za-z0-9]{1,8})+|[Ii]-[A-Za-z]{3,8}|[Ee][Nn]-[Gg][Bb]-[Oo][Ee][Dd]"
    "|[Ss][Gg][Nn]-([Bb][Ee]-([Ff][Rr]|[Nn][Ll])|[Cc][Hh]-[Dd][Ee])"
    ")$"
)
"""Whatever is well-formed by RFC 5646, section 2.1."""

LanguageTag = Annotated[
    str, StringConstraints(max_length=100, pattern=LANGUAGE_TAG_PATTERN), InList("languages")
]
"""BCP 47, starting with an ISO 639 code; kept in the case it was sent in."""

ResultCode = Annotated[str, StringConstraints(pattern=r"^[1-3]\.[1-3]\.[1-9]$")]
"""Objective, output, row of the action plan's table: `2.1.1`."""

IsicSection = Annotated[
    str,
    StringConstraints(pattern=r"^[A-V]$"),
    Field(
        description="A section of ISIC Revision 5 (the list isic_sections); in Revision 4 some letters mean others."
    ),
    LabelledBy("isic_sections"),
]
"""A section of ISIC Rev.5."""


class Model(BaseModel):
    """A value inside an event: frozen, unknown fields ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    data_rules: ClassVar[Rules] = ()
    """What its types cannot say of its data."""


class Text(Model):
    """Words in one language, as their author wrote them."""

    language: LanguageTag
    text: Annotated[str, StringConstraints(min_length=1, max_length=20_000, strip_whitespace=True)]


class Title(Model):
    """One line in one language, as its author wrote it."""

    language: LanguageTag
    text: Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]


class Labels(Model):
    """The same words in the four working languages of the network."""

    en: Annotated[str, StringConstraints(max_length=2000)]
    fr: Annotated[str, StringConstraints(max_length=2000)]
    es: Annotated[str, StringConstraints(max_length=2000)]
    ar: Annotated[str, StringConstraints(max_length=2000)]

    def in_language(self, language: str) -> str:
        """Give the words in this language, or in English where it is none of the four."""
        return {"en": self.en, "fr": self.fr, "es": self.es, "ar": self.ar}.get(language, self.en)


class Language(StrEnum):
    """The working languages of the network."""

    EN = "en"
    FR = "fr"
    ES = "es"
    AR = "ar"


class Theme(StrEnum):
    """The five thematic areas (GB.346 paper, para 24 (a)-(e))."""

    CARE_ECONOMY = "care_economy"
    INFORMAL_TO_FORMAL = "informal_to_formal"
    JUST_TRANSITION = "just_transition"
    SUPPLY_CHAINS = "supply_chains"
    CRISIS = "crisis"


class TargetGroup(StrEnum):
    """Groups the plan names (paras 7(b), 14, 24)."""

    WOMEN = "women"
    YOUTH = "youth"
    INDIGENOUS_AND_TRIBAL_PEOPLES = "indigenous_and_tribal_peoples"
    PERSONS_WITH_DISABILITIES = "persons_with_disabilities"
    OLDER_WORKERS = "older_workers"
    MIGRANTS = "migrants"
    REFUGEES = "refugees"
    MINORITIES = "minorities"
    INTERNALLY_DISPLACED_PERSONS = "internally_displaced_persons"
    OTHER_FORCIBLY_DISPLACED_PERSONS = "other_forcibly_displaced_persons"
    UNEMPLOYED = "unemployed"
    CARE_ECONOMY_WORKERS = "care_economy_workers"
    RURAL_ECONOMY_WORKERS = "rural_economy_workers"
    INFORMAL_ECONOMY_WORKERS = "informal_economy_workers"


class EntityType(StrEnum):
    """Kinds of SSE entity (ILC 110 conclusions, 2022)."""

    COOPERATIVE = "cooperative"
    ASSOCIATION = "association"
    MUTUAL_SOCIETY = "mutual_society"
    FOUNDATION = "foundation"
    SOCIAL_ENTERPRISE = "social_enterprise"
    SELF_HELP_GROUP = "self_help_group"
    OTHER = "other"


class Constituency(StrEnum):
    """On whose behalf a request is made: the three groups of constituents, and SSE bodies."""

    GOVERNMENT = "government"
    EMPLOYERS = "employers"
    WORKERS = "workers"
    SSE_BODY = "sse_body"


class Role(StrEnum):
    """What a member may do in the network."""

    COORDINATOR = "coordinator"
    FOCAL_POINT = "focal_point"
    OPERATOR = "operator"


class OrganisationKind(StrEnum):
    """Headquarters unit, field office, or partner."""

    UNIT = "unit"
    OFFICE = "office"
    PARTNER = "partner"


class Named(Model):
    """A name in one language."""

    language: LanguageTag
    name: Annotated[str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)]


class Identifier(Model):
    """A number that a register gave to a body: `FR-SIREN` `552 032 534`."""

    scheme: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9-]{1,39}$")]
    value: Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
