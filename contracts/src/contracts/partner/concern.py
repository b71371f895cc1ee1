"""A fear that an entity is of the SSE in form alone."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from contracts.exact import WebAddress
from contracts.partner import Example, PartnerEvent, ShortName
from contracts.words import CountryCode, Identifier, Text


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
    event_name = "Concern about an entity"

    entity_name: ShortName = Field(title="Entity")
    country: CountryCode = Field(title="Country")
    grounds: tuple[ConcernGround, ...] = Field(min_length=1, max_length=6, title="Grounds")
    description: Text
    identifiers: tuple[Identifier, ...] = Field(default=(), max_length=50, title="Identifiers")
    evidence: tuple[WebAddress, ...] = Field(default=(), max_length=20, title="Evidence")

    examples = (
        Example(
            "brazil-pt",
            id="denuncia-0442",
            source="https://sindicato-alimentacao.br.example/denuncias",
            time="2026-11-02T12:45:00-03:00",
            data={
                "entity_name": "Cooperativa de Serviços Vale Verde",
                "country": "BR",
                "grounds": ["disguised_employment", "no_democratic_control"],
                "description": {
                    "language": "pt-BR",
                    "text": (
                        "Os trabalhadores do frigorífico foram dispensados e recontratados por meio da "
                        "cooperativa, nas mesmas funções e sob as mesmas chefias, sem férias nem décimo "
                        "terceiro. As assembleias são convocadas pela empresa tomadora."
                    ),
                },
            },
        ),
        Example(
            "colombia-es",
            id="alerta-2026-051",
            source="https://inspeccion-laboral.co.example/alertas",
            time="2026-10-21T19:00:00Z",
            data={
                "entity_name": "Cooperativa de trabajo asociado Puerto Nuevo",
                "country": "CO",
                "grounds": ["disguised_employment", "labour_law_avoided"],
                "description": {
                    "language": "es",
                    "text": (
                        "Ciento veinte personas asociadas cargan buques para una sola empresa, que fija "
                        "horarios y sanciones. No hubo asamblea en tres años y las compensaciones quedan "
                        "por debajo del salario mínimo."
                    ),
                },
                "identifiers": [{"scheme": "CO-NIT", "value": "900000000"}],
                "evidence": ["https://inspeccion-laboral.co.example/alertas/2026-051/acta.pdf"],
            },
        ),
        Example(
            "egypt-ar",
            id="بلاغ-77",
            source="https://workers-union.eg.example/reports",
            time="2026-11-08T10:30:00+02:00",
            data={
                "entity_name": "تعاونية النور للخدمات",
                "country": "EG",
                "grounds": ["surplus_distributed_to_owners", "not_autonomous"],
                "description": {
                    "language": "ar",
                    "text": (
                        "تذهب الفوائض كلها إلى ثلاثة مؤسسين، ولا يطّلع الأعضاء على الحسابات، وتعيّن شركة "
                        "خاصة مجلس الإدارة. نطلب التحقق من صفة التعاونية ومن حقوق العاملين فيها."
                    ),
                },
            },
        ),
        Example(
            "ghana-en",
            id="complaint-2026-19",
            source="https://employers-association.gh.example/complaints",
            time="2026-11-13T15:00:00Z",
            data={
                "entity_name": "Unity Haulage Cooperative Society",
                "country": "GH",
                "grounds": ["labour_law_avoided", "not_autonomous"],
                "description": {
                    "language": "en",
                    "text": (
                        "Member companies report that a haulage firm registered its drivers as a "
                        "cooperative, pays no social security contributions and undercuts lawful "
                        "enterprises. The drivers hold no shares and elect nobody."
                    ),
                },
                "evidence": ["https://employers-association.gh.example/complaints/2026-19"],
            },
        ),
    )
