"""Research that the constituents are to validate."""

from typing import ClassVar

from pydantic import Field

from contracts.data_rules import InOrder
from contracts.exact import Day, WebAddress
from contracts.partner import Example, PartnerEvent
from contracts.words import CountryCode, LanguageTag, Text, Theme, Title


class ResearchPublishedV1(PartnerEvent):
    """A partner published research that the constituents are to validate (paras 8-9)."""

    type: ClassVar[str] = "partner.research.published.v1"
    event_name = "Research published"

    title: Title
    abstract: Text
    address: WebAddress = Field(title="Web address")
    countries: tuple[CountryCode, ...] = Field(default=(), max_length=250, title="Countries")
    themes: tuple[Theme, ...] = Field(default=(), max_length=5, title="Themes")
    languages: tuple[LanguageTag, ...] = Field(min_length=1, max_length=100, title="Languages")
    published_on: Day = Field(title="Published on")
    validation_wanted_by: Day | None = Field(default=None, title="Validation wanted by")

    data_rules = (
        InOrder(
            "published_on",
            "validation_wanted_by",
            code="validated-before-published",
            message="The validation is wanted by %(value)s, before the publication on %(start)s.",
        ),
    )

    examples = (
        Example(
            "brazil-pt",
            id="relatorio-2026-3",
            source="https://nucleo-economia-solidaria.br.example",
            time="2026-10-28T17:40:00-03:00",
            data={
                "title": {
                    "language": "pt-BR",
                    "text": "Cooperativas de catadores e transição justa nas cidades brasileiras",
                },
                "abstract": {
                    "language": "pt-BR",
                    "text": (
                        "O relatório compara contratos entre prefeituras e cooperativas de materiais "
                        "recicláveis em doze cidades. Analisa renda, segurança e saúde no trabalho, "
                        "participação das mulheres na direção e o efeito da automação da triagem."
                    ),
                },
                "address": "https://nucleo-economia-solidaria.br.example/relatorios/2026-3",
                "countries": ["BR"],
                "themes": ["just_transition", "informal_to_formal"],
                "languages": ["pt-BR"],
                "published_on": "2026-10-27",
            },
        ),
        Example(
            "cameroon-fr",
            id="cahier-51",
            source="https://observatoire-ess.cm.example/cahiers",
            time="2026-10-20T14:25:10+01:00",
            data={
                "title": {
                    "language": "fr",
                    "text": (
                        "Mutuelles de santé et travailleurs de l'économie informelle en Afrique centrale"
                    ),
                },
                "abstract": {
                    "language": "fr",
                    "text": (
                        "Enquête menée auprès de 64 mutuelles du Cameroun, du Gabon et du Congo. Elle "
                        "montre ce qui retient les commerçantes de cotiser, le poids des groupements "
                        "d'épargne existants et les conditions d'une articulation avec la couverture "
                        "santé universelle."
                    ),
                },
                "address": "https://observatoire-ess.cm.example/cahiers/51.pdf",
                "countries": ["CM", "GA", "CG"],
                "themes": ["informal_to_formal"],
                "languages": ["fr"],
                "published_on": "2026-09-30",
                "validation_wanted_by": "2027-01-15",
            },
        ),
        Example(
            "india-hi",
            id="wp-2026-08",
            source="https://rural-studies.ac.in.example/working-papers",
            time="2026-10-12T06:00:00Z",
            data={
                "title": {
                    "language": "hi",
                    "text": "स्वयं सहायता समूह और देखभाल कार्य: तीन राज्यों का अध्ययन",
                },
                "abstract": {
                    "language": "hi",
                    "text": (
                        "यह अध्ययन बताता है कि महिला स्वयं सहायता समूह बच्चों और बुज़ुर्गों की देखभाल की "
                        "सेवाएँ कैसे चलाते हैं, उनकी आय और कार्य की शर्तें क्या हैं, और सहकारी समिति के "
                        "रूप में पंजीकरण से क्या बदलता है।"
                    ),
                },
                "address": "https://rural-studies.ac.in.example/working-papers/2026-08",
                "countries": ["IN"],
                "themes": ["care_economy"],
                "languages": ["hi", "en"],
                "published_on": "2026-10-12",
                "validation_wanted_by": "2026-12-18",
            },
        ),
        Example(
            "morocco-ar",
            id="بحث-2026-05",
            source="https://centre-etudes-cooperatives.ma.example/",
            time="2026-11-02T09:00:00+01:00",
            data={
                "title": {
                    "language": "ar",
                    "text": "تعاونيات الأركان وسلاسل القيمة: من يستفيد من فائض القيمة؟",
                },
                "abstract": {
                    "language": "ar",
                    "text": (
                        "تتناول الدراسة أربعين تعاونية نسائية لإنتاج زيت الأركان، وتقارن أجور العاملات "
                        "وحصة التعاونيات من سعر البيع النهائي، وتقترح مؤشرات للعمل اللائق تُستعمل في عقود "
                        "الشراء مع الشركات المصدّرة."
                    ),
                },
                "address": "https://centre-etudes-cooperatives.ma.example/etudes/2026-05",
                "countries": ["MA"],
                "themes": ["supply_chains", "just_transition"],
                "languages": ["ar", "fr"],
                "published_on": "2026-11-01",
                "validation_wanted_by": "2027-01-20",
            },
        ),
    )
