"""A knowledge product or good practice, to be spread."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from contracts.exact import WebAddress
from contracts.partner import Example, PartnerEvent
from contracts.words import CountryCode, LanguageTag, Text, Theme, Title


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
    event_name = "Knowledge shared"

    title: Title
    summary: Text
    kind: KnowledgeKind = Field(title="Kind")
    address: WebAddress = Field(title="Web address")
    countries: tuple[CountryCode, ...] = Field(default=(), max_length=250, title="Countries")
    themes: tuple[Theme, ...] = Field(default=(), max_length=5, title="Themes")
    languages: tuple[LanguageTag, ...] = Field(min_length=1, max_length=100, title="Languages")

    examples = (
        Example(
            "burkina-faso-fr",
            id="entretien-12",
            source="https://radios-rurales.bf.example/ess",
            time="2026-11-12T18:30:00Z",
            data={
                "title": {
                    "language": "fr",
                    "text": "Entretien: une union de productrices de beurre de karité négocie son prix",
                },
                "summary": {
                    "language": "fr",
                    "text": (
                        "La présidence de l'union explique comment le contrat collectif a été préparé, "
                        "avec l'appui du syndicat des travailleurs de l'agroalimentaire. Émission en "
                        "mooré, transcription en français."
                    ),
                },
                "kind": "interview",
                "address": "https://radios-rurales.bf.example/ess/12",
                "countries": ["BF"],
                "themes": ["supply_chains"],
                "languages": ["fr", "mos"],
            },
        ),
        Example(
            "china-zh",
            id="zs-2026-19",
            source="https://nongmin-hezuoshe.cn.example/ziliao",
            time="2026-10-16T03:00:00Z",
            data={
                "title": {"language": "zh-Hans", "text": "农民专业合作社民主管理培训手册"},
                "summary": {
                    "language": "zh-Hans",
                    "text": (
                        "本手册介绍成员大会、盈余分配、财务公开和妇女参与管理的做法,并附有案例和练习,供基"
                        "层培训使用。"
                    ),
                },
                "kind": "training_material",
                "address": "https://nongmin-hezuoshe.cn.example/ziliao/2026-19",
                "countries": ["CN"],
                "themes": ["supply_chains"],
                "languages": ["zh-Hans"],
            },
        ),
        Example(
            "ecuador-es",
            id="video-33",
            source="https://red-eps.ec.example/biblioteca",
            time="2026-10-30T20:05:00-05:00",
            data={
                "title": {"language": "es", "text": "Guarderías cooperativas: cuidar también es trabajo"},
                "summary": {
                    "language": "es",
                    "text": (
                        "Vídeo de doce minutos sobre dos cooperativas que atienden a hijas e hijos de "
                        "vendedoras de los mercados de Quito y Guayaquil. Con subtítulos en kichwa."
                    ),
                },
                "kind": "video",
                "address": "https://red-eps.ec.example/biblioteca/videos/33",
                "countries": ["EC"],
                "themes": ["care_economy", "informal_to_formal"],
                "languages": ["es", "qu"],
            },
        ),
        Example(
            "lebanon-ar",
            id="guide-lb-07",
            source="https://taawoun.lb.example/library",
            time="2026-11-07T12:00:00+02:00",
            data={
                "title": {"language": "ar", "text": "دليل عملي لتأسيس تعاونية للاجئين والمجتمعات المضيفة"},
                "summary": {
                    "language": "ar",
                    "text": (
                        "يشرح الدليل خطوات التأسيس والنظام الداخلي وتوزيع العائدات وإشراك اللاجئين في "
                        "العضوية ضمن الحدود التي يسمح بها القانون، مع نماذج جاهزة للاستخدام."
                    ),
                },
                "kind": "guide",
                "address": "https://taawoun.lb.example/library/guide-07",
                "countries": ["LB"],
                "themes": ["crisis"],
                "languages": ["ar"],
            },
        ),
        Example(
            "philippines-en",
            id="kp-0214",
            source="https://coop-union.ph.example/knowledge",
            time="2026-10-09T02:10:00Z",
            data={
                "title": {
                    "language": "en",
                    "text": "After the typhoon: how three cooperatives kept their members in work",
                },
                "summary": {
                    "language": "en",
                    "text": (
                        "A short account of emergency funds, shared cold storage and cash-for-work run by "
                        "fishing and electricity cooperatives, with the bylaws and accounting sheets that "
                        "other cooperatives can adapt."
                    ),
                },
                "kind": "good_practice",
                "address": "https://coop-union.ph.example/knowledge/after-the-typhoon",
                "countries": ["PH"],
                "themes": ["crisis"],
                "languages": ["en", "fil"],
            },
        ),
    )
