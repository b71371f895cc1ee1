"""A proposal to work together."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.data_rules import InOrder
from contracts.exact import Day
from contracts.partner import Example, PartnerEvent, ShortName
from contracts.words import CountryCode, LabelledBy, Text, Theme, Title


class PartnershipProposedV1(PartnerEvent):
    """A partner proposes to work together (paras 25-26)."""

    type: ClassVar[str] = "partner.partnership.proposed.v1"
    event_name = "Partnership proposed"

    title: Title
    description: Text
    level: Annotated[Literal["global", "regional", "national"], LabelledBy("partnership_levels")] = Field(
        title="Level"
    )
    parties: tuple[ShortName, ...] = Field(min_length=1, max_length=50, title="Parties")
    countries: tuple[CountryCode, ...] = Field(default=(), max_length=250, title="Countries")
    themes: tuple[Theme, ...] = Field(default=(), max_length=5, title="Themes")
    starts_on: Day | None = Field(default=None, title="Starts on")
    renews_on: Day | None = Field(default=None, title="Renewed on")

    data_rules = (
        InOrder(
            "starts_on",
            "renews_on",
            code="renewed-before-it-starts",
            message="The renewal, %(value)s, lies before the start, %(start)s.",
        ),
    )

    examples = (
        Example(
            "global-en",
            id="moc-2026-02",
            source="https://interagency-sse.example/partnerships",
            time="2026-10-26T13:00:00Z",
            data={
                "title": {
                    "language": "en",
                    "text": "Joint programme on statistics of the social and solidarity economy, 2027-2029",
                },
                "description": {
                    "language": "en",
                    "text": (
                        "Three agencies offer to pool their country surveys, test the draft guidelines on "
                        "SSE statistics in eight countries and bring the findings to the 22nd "
                        "International Conference of Labour Statisticians."
                    ),
                },
                "level": "global",
                "parties": [
                    "Secretariat of an inter-agency task force on the SSE",
                    "Regional commission of the United Nations",
                    "International cooperative research network",
                ],
                "themes": ["informal_to_formal"],
                "starts_on": "2027-01-01",
                "renews_on": "2029-12-31",
            },
        ),
        Example(
            "gulf-levant-ar",
            id="مذكرة-3",
            source="https://arab-cooperative-union.example/memoranda",
            time="2026-11-16T09:45:00+03:00",
            data={
                "title": {
                    "language": "ar",
                    "text": "شراكة إقليمية لدعم التعاونيات في البلدان الخارجة من الأزمات",
                },
                "description": {
                    "language": "ar",
                    "text": (
                        "يقترح الاتحاد التعاوني واتحاد نقابات العمال برنامجاً مشتركاً لتبادل الخبرات بين "
                        "العراق واليمن والأردن في إنعاش سبل العيش وإشراك الشباب والنازحين."
                    ),
                },
                "level": "regional",
                "parties": ["اتحاد تعاوني إقليمي", "اتحاد نقابات عمال", "صندوق تنمية"],
                "countries": ["IQ", "YE", "JO"],
                "themes": ["crisis"],
                "starts_on": "2027-01-15",
                "renews_on": "2030-01-15",
            },
        ),
        Example(
            "kyrgyzstan-ru",
            id="предложение-15",
            source="https://soyuz-kooperativov.kg.example/",
            time="2026-11-06T12:00:00+06:00",
            data={
                "title": {
                    "language": "ru",
                    "text": "Сотрудничество по развитию сельскохозяйственных кооперативов",
                },
                "description": {
                    "language": "ru",
                    "text": (
                        "Союз кооперативов и федерация профсоюзов предлагают совместно обучать правления "
                        "кооперативов охране труда, учёту и участию женщин в управлении, а также "
                        "подготовить предложения к закону о кооперативах."
                    ),
                },
                "level": "national",
                "parties": ["Союз кооперативов, Кыргызстан", "Федерация профсоюзов, Кыргызстан"],
                "countries": ["KG"],
                "themes": ["supply_chains"],
                "starts_on": "2027-02-15",
            },
        ),
        Example(
            "sahel-fr",
            id="protocole-9",
            source="https://plateforme-ess.ne.example/accords",
            time="2026-11-17T08:00:00+01:00",
            data={
                "title": {
                    "language": "fr",
                    "text": "Fonds de garantie pour les coopératives de réfugiés et de communautés hôtes",
                },
                "description": {
                    "language": "fr",
                    "text": (
                        "Une institution de microfinance et une union de coopératives proposent un fonds "
                        "de garantie commun, avec un comité tripartite de suivi, dans deux régions du "
                        "Niger."
                    ),
                },
                "level": "national",
                "parties": [
                    "Union de coopératives, Niger",
                    "Institution de microfinance, Niger",
                    "Organisation d'employeurs, Niger",
                ],
                "countries": ["NE"],
                "themes": ["crisis", "informal_to_formal"],
                "starts_on": "2027-05-01",
                "renews_on": "2029-05-01",
            },
        ),
        Example(
            "southern-cone-es",
            id="convenio-07",
            source="https://mesa-cooperativa.uy.example/convenios",
            time="2026-11-04T14:20:00-03:00",
            data={
                "title": {
                    "language": "es",
                    "text": "Intercambio Sur-Sur entre cooperativas de vivienda y de cuidados",
                },
                "description": {
                    "language": "es",
                    "text": (
                        "Las federaciones proponen visitas mutuas, un fondo rotatorio y una caja de "
                        "herramientas común, en consulta con las organizaciones de empleadores y de "
                        "trabajadores de los tres países."
                    ),
                },
                "level": "regional",
                "parties": [
                    "Federación de cooperativas de vivienda, Uruguay",
                    "Confederación de cooperativas de trabajo, Argentina",
                    "Red de cooperativas de cuidados, Chile",
                ],
                "countries": ["UY", "AR", "CL"],
                "themes": ["care_economy"],
                "starts_on": "2027-03-01",
                "renews_on": "2028-03-01",
            },
        ),
    )
