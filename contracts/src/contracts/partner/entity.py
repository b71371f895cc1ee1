"""An SSE entity that a partner knows of."""

from typing import ClassVar

from pydantic import Field

from contracts.exact import WebAddress
from contracts.partner import Example, PartnerEvent, ShortName
from contracts.words import CountryCode, EntityType, Identifier, IsicSection, Named


class EntityReportedV1(PartnerEvent):
    """A partner reports that an SSE entity exists, for the registry to record (para 17)."""

    type: ClassVar[str] = "partner.entity.reported.v1"
    event_name = "Entity reported"

    names: tuple[Named, ...] = Field(min_length=1, max_length=20, title="Names")
    entity_type: EntityType = Field(title="Kind of entity")
    country: CountryCode = Field(title="Country")
    place: ShortName | None = Field(default=None, title="Place")
    identifiers: tuple[Identifier, ...] = Field(default=(), max_length=50, title="Identifiers")
    isic_section: IsicSection | None = Field(default=None, title="Economic activity")
    address: WebAddress | None = Field(default=None, title="Web address")

    examples = (
        Example(
            "france-fr",
            id="asso-778",
            source="https://chambre-ess.fr.example/annuaire",
            time="2026-11-10T13:10:00Z",
            data={
                "names": [{"language": "fr", "name": "Association des ateliers du réemploi"}],
                "entity_type": "association",
                "country": "FR",
                "place": "Saint-Étienne",
                "identifiers": [{"scheme": "FR-RNA", "value": "W000000000"}],
                "isic_section": "E",
            },
        ),
        Example(
            "georgia-ka",
            id="ent-ge-0088",
            source="https://register.coop.ge.example/entities",
            time="2026-10-18T07:20:00Z",
            data={
                "names": [
                    {"language": "ka", "name": "მეფუტკრეთა კოოპერატივი მთის თაფლი"},
                    {"language": "en", "name": "Mountain Honey Beekeepers' Cooperative"},
                ],
                "entity_type": "cooperative",
                "country": "GE",
                "place": "Mestia",
                "identifiers": [{"scheme": "GE-NAPR", "value": "400000088"}],
                "isic_section": "A",
            },
        ),
        Example(
            "india-hi",
            id="shg-2026-1187",
            source="https://shg-federation.in.example/groups",
            time="2026-11-01T04:30:00Z",
            data={
                "names": [
                    {"language": "hi", "name": "उजाला महिला स्वयं सहायता समूह"},
                    {"language": "en", "name": "Ujala Women's Self-Help Group"},
                ],
                "entity_type": "self_help_group",
                "country": "IN",
                "place": "Ranchi, Jharkhand",
                "isic_section": "C",
            },
        ),
        Example(
            "spain-eu",
            id="koop-2026-14",
            source="https://kooperatibak.eus.example/erregistroa",
            time="2026-11-03T09:00:00+01:00",
            data={
                "names": [
                    {"language": "eu", "name": "Itsasalde Zaintza Kooperatiba"},
                    {"language": "es", "name": "Cooperativa de cuidados Itsasalde"},
                ],
                "entity_type": "cooperative",
                "country": "ES",
                "place": "Bermeo",
                "identifiers": [{"scheme": "ES-CIF", "value": "F00000000"}],
                "isic_section": "R",
                "address": "https://itsasalde.eus.example/",
            },
        ),
        Example(
            "tunisia-ar",
            id="كيان-2026-31",
            source="https://mutuelles.tn.example/registre",
            time="2026-10-25T10:00:00+01:00",
            data={
                "names": [
                    {"language": "ar", "name": "التعاضدية الصحية لعمال البلديات"},
                    {"language": "fr", "name": "Mutuelle de santé des agents municipaux"},
                ],
                "entity_type": "mutual_society",
                "country": "TN",
                "place": "صفاقس",
                "identifiers": [{"scheme": "TN-RNE", "value": "0000031M"}],
                "isic_section": "L",
            },
        ),
    )
