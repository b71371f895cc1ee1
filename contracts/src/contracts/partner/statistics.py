"""Figures on cooperatives or on the wider SSE."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.data_rules import DataRule, NotAhead
from contracts.exact import Figure, WebAddress, WholeNumber
from contracts.findings import Finding
from contracts.partner import Example, PartnerEvent, ShortName
from contracts.words import CountryCode, EntityType, IsicSection, LabelledBy, Model, Title


class StatisticalFigure(Model):
    """One figure of a return, with the breakdowns it holds for."""

    indicator: ShortName
    value: Figure
    unit: ShortName
    entity_type: EntityType | None = None
    isic_section: IsicSection | None = None
    sex: Annotated[Literal["female", "male", "total"], LabelledBy("sexes")] | None = None


@dataclass(frozen=True)
class NoFigureTwice(DataRule):
    """Two values for one cell of the table leave the reader without any."""

    code: str = field(default="figure-repeated", kw_only=True)
    message: str = field(
        default=(
            "The figure %(value)s stands twice with the same unit and breakdown, at positions %(first)s "
            "and %(second)s."
        ),
        kw_only=True,
    )

    @property
    def fields(self) -> tuple[str]:
        return ("figures",)

    def findings(
        self,
        value: "StatisticsReportedV1",
        pointer: str,
        today: date | None,  # noqa: ARG002 - true on any day
    ) -> Iterator[Finding]:
        cells = sorted(
            (
                (
                    figure.indicator.casefold(),
                    figure.unit.casefold(),
                    figure.entity_type or "",
                    figure.isic_section or "",
                    figure.sex or "total",
                ),
                index,
            )
            for index, figure in enumerate(value.figures)
        )
        for (cell, first), (next_cell, second) in pairwise(cells):
            if cell == next_cell:
                yield self.finding(
                    f"{pointer}/figures/{second}",
                    value=value.figures[second].indicator,
                    first=str(first),
                    second=str(second),
                )


class StatisticsReportedV1(PartnerEvent):
    """A statistical office or SSE body reports figures on cooperatives or on the wider SSE (para 10)."""

    type: ClassVar[str] = "partner.statistics.reported.v1"
    event_name = "Statistics reported"

    title: Title
    scope: Annotated[Literal["cooperatives", "sse"], LabelledBy("scopes")] = Field(title="Scope")
    country: CountryCode = Field(title="Country")
    reference_year: WholeNumber = Field(ge=1990, le=2100, title="Year of reference")
    reported_by: ShortName = Field(title="Reported by")
    figures: tuple[StatisticalFigure, ...] = Field(min_length=1, max_length=2000)
    address: WebAddress | None = Field(default=None, title="Web address")

    data_rules = (NoFigureTwice(), NotAhead("reference_year"))

    examples = (
        Example(
            "costa-rica-es",
            id="censo-coop-2025",
            source="https://estadistica.cr.example/cooperativas",
            time="2026-10-15T16:00:00Z",
            data={
                "title": {"language": "es", "text": "Censo de cooperativas 2025: resultados principales"},
                "scope": "cooperatives",
                "country": "CR",
                "reference_year": 2025,
                "reported_by": "Oficina nacional de estadística, Costa Rica",
                "figures": [
                    {
                        "indicator": "Cooperativas activas",
                        "value": "612",
                        "unit": "cooperativas",
                        "entity_type": "cooperative",
                    },
                    {
                        "indicator": "Personas asociadas",
                        "value": "512340",
                        "unit": "personas",
                        "entity_type": "cooperative",
                        "sex": "female",
                    },
                    {
                        "indicator": "Personas asociadas",
                        "value": "548910",
                        "unit": "personas",
                        "entity_type": "cooperative",
                        "sex": "male",
                    },
                    {
                        "indicator": "Trabajo generado: personas ocupadas",
                        "value": "21875",
                        "unit": "personas",
                        "entity_type": "cooperative",
                        "sex": "total",
                    },
                    {
                        "indicator": "Cooperativas activas, agricultura",
                        "value": "148",
                        "unit": "cooperativas",
                        "entity_type": "cooperative",
                        "isic_section": "A",
                    },
                ],
                "address": "https://estadistica.cr.example/cooperativas/censo-2025",
            },
        ),
        Example(
            "italy-it",
            id="coop-2024-def",
            source="https://statistica.it.example/economia-sociale",
            time="2026-10-22T11:30:00+02:00",
            data={
                "title": {"language": "it", "text": "Istituzioni dell'economia sociale, anno 2024"},
                "scope": "sse",
                "country": "IT",
                "reference_year": 2024,
                "reported_by": "Istituto nazionale di statistica, Italia",
                "figures": [
                    {
                        "indicator": "Cooperative attive",
                        "value": "57310",
                        "unit": "unità",
                        "entity_type": "cooperative",
                    },
                    {
                        "indicator": "Associazioni",
                        "value": "310450",
                        "unit": "unità",
                        "entity_type": "association",
                    },
                    {
                        "indicator": "Fondazioni",
                        "value": "8420",
                        "unit": "unità",
                        "entity_type": "foundation",
                    },
                    {
                        "indicator": "Società di mutuo soccorso",
                        "value": "1180",
                        "unit": "unità",
                        "entity_type": "mutual_society",
                    },
                    {
                        "indicator": "Addetti nelle cooperative sociali",
                        "value": "462700",
                        "unit": "persone",
                        "entity_type": "cooperative",
                        "isic_section": "R",
                        "sex": "total",
                    },
                ],
            },
        ),
        Example(
            "jordan-ar",
            id="إحصاء-2025",
            source="https://statistics.gov.jo.example/cooperatives",
            time="2026-11-01T08:00:00+03:00",
            data={
                "title": {"language": "ar", "text": "إحصاءات الجمعيات التعاونية لعام 2025"},
                "scope": "cooperatives",
                "country": "JO",
                "reference_year": 2025,
                "reported_by": "دائرة الإحصاءات، الأردن",
                "figures": [
                    {
                        "indicator": "الجمعيات التعاونية العاملة",
                        "value": "1406",
                        "unit": "جمعية",
                        "entity_type": "cooperative",
                    },
                    {
                        "indicator": "الأعضاء",
                        "value": "38215",
                        "unit": "عضو",
                        "entity_type": "cooperative",
                        "sex": "female",
                    },
                    {
                        "indicator": "الأعضاء",
                        "value": "91480",
                        "unit": "عضو",
                        "entity_type": "cooperative",
                        "sex": "male",
                    },
                    {
                        "indicator": "نسبة النساء في الهيئات الإدارية",
                        "value": "23.4",
                        "unit": "في المائة",
                        "entity_type": "cooperative",
                    },
                ],
            },
        ),
        Example(
            "korea-ko",
            id="survey-2025-ko",
            source="https://statistics.kr.example/social-economy",
            time="2026-11-11T01:30:00Z",
            data={
                "title": {"language": "ko", "text": "2025년 협동조합 실태조사 주요 결과"},
                "scope": "cooperatives",
                "country": "KR",
                "reference_year": 2025,
                "reported_by": "국가 통계 기관, 대한민국",
                "figures": [
                    {
                        "indicator": "운영 중인 협동조합",
                        "value": "11240",
                        "unit": "개",
                        "entity_type": "cooperative",
                    },
                    {
                        "indicator": "조합원",
                        "value": "498000",
                        "unit": "명",
                        "entity_type": "cooperative",
                        "sex": "total",
                    },
                    {
                        "indicator": "취업자 중 여성",
                        "value": "28410",
                        "unit": "명",
                        "entity_type": "cooperative",
                        "sex": "female",
                    },
                ],
            },
        ),
        Example(
            "tanzania-sw",
            id="takwimu-ushirika-2025",
            source="https://takwimu.tz.example/ushirika",
            time="2026-11-08T06:45:00Z",
            data={
                "title": {"language": "sw", "text": "Takwimu za vyama vya ushirika, 2025"},
                "scope": "cooperatives",
                "country": "TZ",
                "reference_year": 2025,
                "reported_by": "Ofisi ya taifa ya takwimu, Tanzania",
                "figures": [
                    {
                        "indicator": "Vyama vya ushirika vya mazao",
                        "value": "4120",
                        "unit": "vyama",
                        "entity_type": "cooperative",
                        "isic_section": "A",
                    },
                    {
                        "indicator": "Vyama vya akiba na mikopo",
                        "value": "1985",
                        "unit": "vyama",
                        "entity_type": "cooperative",
                        "isic_section": "L",
                    },
                    {
                        "indicator": "Wanachama",
                        "value": "6840000",
                        "unit": "watu",
                        "entity_type": "cooperative",
                        "sex": "total",
                    },
                ],
            },
        ),
    )
