"""An academy, a course or a workshop, to be made known."""

from typing import ClassVar

from pydantic import Field

from contracts.data_rules import InOrder
from contracts.exact import Day, WebAddress
from contracts.partner import Example, PartnerEvent, ShortName
from contracts.words import CountryCode, LanguageTag, Text, Theme, Title


class TrainingAnnouncedV1(PartnerEvent):
    """An academy, a course or a workshop is announced (para 21)."""

    type: ClassVar[str] = "partner.training.announced.v1"
    event_name = "Training announced"

    title: Title
    description: Text
    organiser: ShortName = Field(title="Organised by")
    starts_on: Day = Field(title="Starts on")
    ends_on: Day = Field(title="Ends on")
    country: CountryCode | None = Field(default=None, title="Country")
    online: bool = Field(default=False, title="Online")
    themes: tuple[Theme, ...] = Field(default=(), max_length=5, title="Themes")
    languages: tuple[LanguageTag, ...] = Field(min_length=1, max_length=100, title="Languages")
    address: WebAddress | None = Field(default=None, title="Web address")

    data_rules = (
        InOrder(
            "starts_on",
            "ends_on",
            code="ends-before-it-starts",
            message="The end, %(value)s, lies before the start, %(start)s.",
        ),
    )

    examples = (
        Example(
            "egypt-ar",
            id="دورة-2027-02",
            source="https://taawon-academy.eg.example/courses",
            time="2026-11-15T11:15:00+02:00",
            data={
                "title": {
                    "language": "ar",
                    "text": "ورشة عمل: الاقتصاد الاجتماعي والتضامني واقتصاد الرعاية",
                },
                "description": {
                    "language": "ar",
                    "text": (
                        "ورشة تدريبية لمدة ثلاثة أيام لممثلي الحكومة ومنظمات أصحاب العمل والعمال حول "
                        "تأسيس تعاونيات خدمات الرعاية وشروط العمل فيها والحماية الاجتماعية للعاملات."
                    ),
                },
                "organiser": "أكاديمية التعاون، مصر",
                "starts_on": "2027-02-07",
                "ends_on": "2027-02-09",
                "country": "EG",
                "themes": ["care_economy"],
                "languages": ["ar"],
            },
        ),
        Example(
            "ethiopia-am",
            id="ስልጠና-04",
            source="https://cooperative-college.et.example/trainings",
            time="2026-11-09T05:00:00Z",
            data={
                "title": {"language": "am", "text": "የኅብረት ሥራ ማኅበራት አመራር ሥልጠና"},
                "description": {
                    "language": "am",
                    "text": (
                        "ለኅብረት ሥራ ማኅበራት የቦርድ አባላት የሚሰጥ የአምስት ቀን ሥልጠና፤ የሂሳብ አያያዝ፣ የአባላት ተሳትፎ እና የሴቶች አመራር።"
                    ),
                },
                "organiser": "Cooperative college, Ethiopia",
                "starts_on": "2027-01-18",
                "ends_on": "2027-01-22",
                "country": "ET",
                "themes": ["supply_chains"],
                "languages": ["am"],
            },
        ),
        Example(
            "online-en",
            id="course-a9717402",
            source="https://courses.training-centre.example",
            time="2026-11-05T09:30:00+01:00",
            data={
                "title": {
                    "language": "en",
                    "text": (
                        "Cooperatives and a just transition: online course for trade unions and employers"
                    ),
                },
                "description": {
                    "language": "en",
                    "text": (
                        "Six weeks, four hours a week, with tutors. Participants draft an action plan for "
                        "renewable energy, waste or transport cooperatives in their own country."
                    ),
                },
                "organiser": "International training centre, Turin",
                "starts_on": "2027-02-01",
                "ends_on": "2027-03-12",
                "online": True,
                "themes": ["just_transition"],
                "languages": ["en", "es", "fr"],
                "address": "https://courses.training-centre.example/a9717402",
            },
        ),
        Example(
            "senegal-fr",
            id="academie-ess-2027",
            source="https://academie-ess.sn.example/sessions",
            time="2026-11-02T10:00:00Z",
            data={
                "title": {
                    "language": "fr",
                    "text": "Académie de l'économie sociale et solidaire, Dakar 2027",
                },
                "description": {
                    "language": "fr",
                    "text": (
                        "Deux semaines pour les responsables publics, les organisations d'employeurs et "
                        "de travailleurs et les réseaux de l'ESS d'Afrique de l'Ouest: droit, "
                        "financement, statistiques, transition vers l'économie formelle."
                    ),
                },
                "organiser": "Réseau national des acteurs de l'économie sociale et solidaire, Sénégal",
                "starts_on": "2027-04-12",
                "ends_on": "2027-04-23",
                "country": "SN",
                "themes": ["informal_to_formal", "supply_chains"],
                "languages": ["fr", "pt"],
                "address": "https://academie-ess.sn.example/2027",
            },
        ),
    )
