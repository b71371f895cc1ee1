"""A request for advice, which an office answers."""

from typing import ClassVar

from pydantic import Field

from contracts.data_rules import NotPast
from contracts.exact import Day
from contracts.partner import Example, PartnerEvent, ShortName
from contracts.words import Constituency, CountryCode, TargetGroup, Text, Theme, Title


class AssistanceRequestedV1(PartnerEvent):
    """A constituent asks the Office for legal or policy advice (paras 12-16). Coordination opens a task."""

    type: ClassVar[str] = "partner.assistance.requested.v1"
    event_name = "Request for assistance"

    title: Title
    description: Text
    country: CountryCode = Field(title="Country")
    requested_by: ShortName = Field(title="Requested by")
    constituency: Constituency = Field(title="On behalf of")
    theme: Theme | None = Field(default=None, title="Theme")
    target_groups: tuple[TargetGroup, ...] = Field(default=(), max_length=14, title="Groups concerned")
    needed_by: Day | None = Field(default=None, title="Needed by")

    data_rules = (NotPast("needed_by"),)

    examples = (
        Example(
            "cambodia-km",
            id="REQ-KH-2026-12",
            source="https://agriculture.gov.kh.example/cooperatives",
            time="2026-11-10T03:15:30Z",
            data={
                "title": {"language": "km", "text": "សំណើសុំការប្រឹក្សាអំពីច្បាប់សហគមន៍កសិកម្ម"},
                "description": {
                    "language": "km",
                    "text": "យើងសុំការប្រឹក្សាអំពីការកែប្រែច្បាប់សហគមន៍កសិកម្ម និងការចូលរួមរបស់ស្ត្រី។",
                },
                "country": "KH",
                "requested_by": "Department in charge of agricultural cooperatives, Cambodia",
                "constituency": "government",
                "theme": "supply_chains",
                "target_groups": ["rural_economy_workers"],
            },
        ),
        Example(
            "colombia-es",
            id="sol-2026-000932",
            source="https://central-sindical.co.example/cooperacion",
            time="2026-11-05T15:47:22-05:00",
            data={
                "title": {
                    "language": "es",
                    "text": (
                        "Asesoría para organizar en cooperativas a las trabajadoras del cuidado a domicilio"
                    ),
                },
                "description": {
                    "language": "es",
                    "text": (
                        "Las afiliadas trabajan para varias familias, sin contrato escrito ni afiliación "
                        "a la seguridad social. La central quiere saber qué tipo de cooperativa conviene, "
                        "cómo evitar que se use como intermediación laboral y qué protección social les "
                        "corresponde según la ley vigente."
                    ),
                },
                "country": "CO",
                "requested_by": "Departamento de la mujer de una central sindical, Colombia",
                "constituency": "workers",
                "theme": "care_economy",
                "target_groups": ["women", "care_economy_workers", "migrants"],
            },
        ),
        Example(
            "kenya-en",
            id="CA/2026/77",
            source="https://cooperatives.go.ke.example/",
            time="2026-11-06T07:05:41Z",
            data={
                "title": {
                    "language": "en",
                    "text": "Review of the draft county regulations under the new cooperatives legislation",
                },
                "description": {
                    "language": "en",
                    "text": (
                        "Counties will register and supervise primary cooperatives while the national "
                        "department keeps the apex bodies. We ask for comments on the draft model "
                        "regulations: democratic control by members, audit duties that small cooperatives "
                        "can afford, and the labour rights of workers in savings and credit cooperatives."
                    ),
                },
                "country": "KE",
                "requested_by": "State department responsible for cooperatives, Kenya",
                "constituency": "government",
                "theme": "supply_chains",
                "target_groups": ["rural_economy_workers", "youth"],
                "needed_by": "2027-03-01",
            },
        ),
        Example(
            "senegal-fr",
            id="DEM-2026-0417",
            source="https://ess.gouv.sn.example/demandes",
            time="2026-11-03T09:12:04Z",
            data={
                "title": {
                    "language": "fr",
                    "text": (
                        "Appui à la rédaction des textes d'application de la loi d'orientation sur "
                        "l'économie sociale et solidaire"
                    ),
                },
                "description": {
                    "language": "fr",
                    "text": (
                        "La loi d'orientation de 2021 prévoit l'agrément des organisations de l'économie "
                        "sociale et solidaire et un registre national. Le ministère prépare les décrets "
                        "d'application et souhaite un avis sur les critères d'agrément, la place des "
                        "groupements de femmes transformatrices et la conformité avec la recommandation "
                        "no 193. Une consultation des partenaires sociaux est prévue en février."
                    ),
                },
                "country": "SN",
                "requested_by": (
                    "Direction de l'économie sociale et solidaire, ministère chargé de la microfinance, "
                    "Sénégal"
                ),
                "constituency": "government",
                "theme": "informal_to_formal",
                "target_groups": ["women", "informal_economy_workers"],
                "needed_by": "2027-02-15",
            },
        ),
        Example(
            "tanzania-sw",
            id="ombi-0031",
            source="https://shirikisho-ushirika.tz.example/maombi",
            time="2026-11-09T10:20:00+03:00",
            data={
                "title": {
                    "language": "sw",
                    "text": "Ushauri kuhusu ushirika wa wafanyakazi wa sekta isiyo rasmi",
                },
                "description": {
                    "language": "sw",
                    "text": (
                        "Waendesha pikipiki na wachuuzi wa masoko wanataka kuunda vyama vya ushirika ili "
                        "wapate mikopo na bima ya afya. Tunaomba ushauri kuhusu usajili, uongozi wa "
                        "kidemokrasia na ushiriki wa vijana na wanawake."
                    ),
                },
                "country": "TZ",
                "requested_by": "Shirikisho la vyama vya ushirika, Tanzania",
                "constituency": "sse_body",
                "theme": "informal_to_formal",
                "target_groups": ["informal_economy_workers", "youth", "women"],
            },
        ),
        Example(
            "tunisia-ar",
            id="2026/ت/118",
            source="https://social-economy.gov.tn.example/requests",
            time="2026-11-04T08:30:00+01:00",
            data={
                "title": {
                    "language": "ar",
                    "text": "طلب مشورة بشأن النصوص التطبيقية لقانون الاقتصاد الاجتماعي والتضامني",
                },
                "description": {
                    "language": "ar",
                    "text": (
                        "صدر القانون المتعلق بالاقتصاد الاجتماعي والتضامني سنة 2020، وما زالت نصوصه "
                        "التطبيقية قيد الإعداد. نرجو إبداء الرأي في شروط إسناد صفة مؤسسة الاقتصاد "
                        "الاجتماعي والتضامني، وفي تمثيل الشركات الأهلية والتعاضديات الفلاحية، وفي التشاور "
                        "مع منظمات أصحاب العمل والعمال."
                    ),
                },
                "country": "TN",
                "requested_by": "الإدارة العامة للاقتصاد الاجتماعي والتضامني، تونس",
                "constituency": "government",
                "theme": "informal_to_formal",
                "target_groups": ["youth", "women"],
                "needed_by": "2027-01-31",
            },
        ),
    )
