"""Countries and languages taken once from Unicode CLDR through Babel; run by hand when CLDR has news.

Babel is a tool of the developer here: services read the committed JSON and never need it.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from contracts.generate.text import code_list_text

WORKING: Final = ("en", "fr", "es", "ar")
TWO_LETTERS: Final = 2

# In CLDR, but not assigned by ISO 3166-1: reservations, groupings and private use.
NOT_ISO_3166: Final = frozenset(
    ("AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ")
)
# `sh` was withdrawn from ISO 639-1; the others name no one language.
NOT_LANGUAGES: Final = frozenset(("mis", "mul", "root", "sh", "und", "zxx"))
# CLDR folds these into their macrolanguage, but BCP 47 lets an author name them: they are no mistake.
# fmt: off
LANGUAGES_IN_THEIR_OWN_RIGHT: Final = frozenset((
    "als", "arb", "ayr", "azj", "cmn", "cwd", "ekk", "esk", "fat", "fuc", "gaz", "gug", "ike", "khk",
    "kmr", "kng", "knc", "kpv", "lvs", "npi", "ojg", "ory", "pbu", "pes", "plt", "quz", "src", "swh",
    "uzn", "ydd", "zsm", "zyb",
))
# fmt: on

# Where CLDR's everyday name is not the one the Office writes, the United Nations' form stands instead.
NAMES_OF_THE_OFFICE: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "BN": ("Brunei Darussalam", "Brunéi Darussalam", "Brunei Darussalam", "بروني دار السلام"),
    "CD": (
        "Democratic Republic of the Congo",
        "République démocratique du Congo",
        "República Democrática del Congo",
        "جمهورية الكونغو الديمقراطية",
    ),
    "CG": ("Congo", "Congo", "Congo", "الكونغو"),
    "CI": ("Côte d'Ivoire", "Côte d'Ivoire", "Côte d'Ivoire", "كوت ديفوار"),
    "CV": ("Cabo Verde", "Cabo Verde", "Cabo Verde", "كابو فيردي"),
    "FM": (
        "Micronesia (Federated States of)",
        "Micronésie (États fédérés de)",
        "Micronesia (Estados Federados de)",
        "ميكرونيزيا (ولايات - الموحدة)",
    ),
    "HK": ("Hong Kong, China", "Hong-kong, Chine", "Hong Kong, China", "هونغ كونغ، الصين"),
    "KP": (
        "Democratic People's Republic of Korea",
        "République populaire démocratique de Corée",
        "República Popular Democrática de Corea",
        "جمهورية كوريا الشعبية الديمقراطية",
    ),
    "KR": ("Republic of Korea", "République de Corée", "República de Corea", "جمهورية كوريا"),
    "LA": (
        "Lao People's Democratic Republic",
        "République démocratique populaire lao",
        "República Democrática Popular Lao",
        "جمهورية لاو الديمقراطية الشعبية",
    ),
    "MD": ("Republic of Moldova", "République de Moldova", "República de Moldova", "جمهورية مولدوفا"),
    "MM": ("Myanmar", "Myanmar", "Myanmar", "ميانمار"),
    "MO": ("Macau, China", "Macao, Chine", "Macao, China", "ماكاو، الصين"),
    "PS": (
        "Occupied Palestinian Territory",
        "Territoire palestinien occupé",
        "Territorio Palestino Ocupado",
        "الأرض الفلسطينية المحتلة",
    ),
    "RU": ("Russian Federation", "Fédération de Russie", "Federación de Rusia", "الاتحاد الروسي"),
    "SY": (
        "Syrian Arab Republic",
        "République arabe syrienne",
        "República Árabe Siria",
        "الجمهورية العربية السورية",
    ),
    "TL": ("Timor-Leste", "Timor-Leste", "Timor-Leste", "تيمور - ليشتي"),
    "TR": ("Türkiye", "Türkiye", "Türkiye", "تركيا"),
    "TW": ("Taiwan, China", "Taiwan, Chine", "Taiwán, China", "تايوان، الصين"),
    "TZ": (
        "United Republic of Tanzania",
        "République-Unie de Tanzanie",
        "República Unida de Tanzanía",
        "جمهورية تنزانيا المتحدة",
    ),
    "US": (
        "United States of America",
        "États-Unis d'Amérique",
        "Estados Unidos de América",
        "الولايات المتحدة الأمريكية",
    ),
    "VA": ("Holy See", "Saint-Siège", "Santa Sede", "الكرسي الرسولي"),
    "VN": ("Viet Nam", "Viet Nam", "Viet Nam", "فييت نام"),
}

# What people write although ISO reserves or gives another code.
ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "GB": ("England", "Great Britain", "Scotland", "Wales"),
    "GR": ("EL",),
    "TR": ("Turkey",),
}


def write_from_cldr(folder: Path) -> None:
    """Write `countries.json` and `languages.json` from the CLDR that the installed Babel carries."""
    from babel import Locale, __version__
    from babel.core import get_global

    locales = {language: Locale(language) for language in WORKING}
    source = f"Unicode CLDR through Babel {__version__}"
    territories = {language: dict(locale.territories) for language, locale in locales.items()}
    countries = [
        _country(code, territories, get_global("territory_aliases"))
        for code in sorted(territories["en"])
        if len(code) == TWO_LETTERS and code.isalpha() and code not in NOT_ISO_3166
    ]
    names = {language: dict(locale.languages) for language, locale in locales.items()}
    languages = [
        _language(code, names, get_global("language_aliases"))
        for code in sorted(
            set[str].intersection(*map(set, names.values())), key=lambda code: (len(code), code)
        )
        if len(code) in {2, 3} and code not in NOT_LANGUAGES
    ]
    _write(folder, "countries", f"ISO 3166-1 alpha-2; names: {source}, and the Office's forms", countries)
    _write(
        folder, "languages", f"ISO 639-1, and ISO 639 three-letter codes that CLDR names; {source}", languages
    )


def _country(code: str, names: Mapping[str, Mapping[str, str]], aliases: Mapping[str, Any]) -> dict[str, Any]:
    labels = NAMES_OF_THE_OFFICE.get(code) or [names[language][code] for language in WORKING]
    everyday = {names[language][code] for language in WORKING} if code in NAMES_OF_THE_OFFICE else set[str]()
    others = [*_aliases_of(code, aliases), *ALIASES.get(code, ()), *sorted(everyday.difference(labels))]
    return {"code": code, **dict(zip(WORKING, labels, strict=True)), "aliases": others}


def _language(
    code: str, names: Mapping[str, Mapping[str, str]], aliases: Mapping[str, Any]
) -> dict[str, Any]:
    row: dict[str, Any] = {"code": code} | {language: names[language][code] for language in WORKING}
    others = [
        alias
        for alias in (_aliases_of(code, aliases) if len(code) == TWO_LETTERS else [])
        if alias not in names["en"] and alias not in LANGUAGES_IN_THEIR_OWN_RIGHT
    ]
    return row | ({"aliases": others} if others else {}) | ({"tags": ["working"]} if code in WORKING else {})


def _aliases_of(code: str, aliases: Mapping[str, Any]) -> list[str]:
    """Letter codes that CLDR replaces by this one alone: `GBR` and `UK` by `GB`, `eng` by `en`."""
    found = (alias for alias, target in aliases.items() if target in (code, [code]))
    return sorted(alias for alias in found if alias.isalpha() and len(alias) in {2, 3})


def _write(folder: Path, name: str, source: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Under the version it has, or the next one where anything changed."""
    path = folder / f"{name}.json"
    rows = list(rows)
    version = json.loads(path.read_text(encoding="utf-8"))["version"]
    if code_list_text(name, version=version, source=source, rows=rows) != path.read_text(encoding="utf-8"):
        version += 1
    path.write_text(code_list_text(name, version=version, source=source, rows=rows), encoding="utf-8")
