"""The code lists hold what their sources hold, in every language of the network."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import ValidationError

from contracts import codes, coordination, notifications, words
from contracts.catalogue import PARTNER_MODULES
from contracts.generate.code_lists import write_from_cldr
from contracts.words import Language, Role, TargetGroup, Text, Theme


def _enums_of(module: ModuleType) -> Iterator[type[StrEnum]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, StrEnum) and value.__module__ == module.__name__:
            yield value


every_list = pytest.mark.parametrize("code_list", codes.LISTS.values(), ids=codes.LISTS)


@every_list
def test_every_code_has_a_label_in_the_four_languages(code_list: codes.CodeList) -> None:
    for code in code_list:
        for language in Language:
            label = code_list.label(code.code, language)
            assert label, f"{code.code} in {language}"
            assert label == label.strip(), f"{code.code} in {language}"


@every_list
def test_a_list_says_its_version_and_where_it_comes_from(code_list: codes.CodeList) -> None:
    assert code_list.version >= 1
    assert code_list.source


@every_list
def test_a_list_names_no_code_twice(code_list: codes.CodeList) -> None:
    rows = json.loads(files("contracts").joinpath("data", f"{code_list.name}.json").read_text("utf-8"))[
        "codes"
    ]

    assert len({row["code"] for row in rows}) == len(rows) == len(code_list)


def test_every_packaged_list_can_be_asked_for() -> None:
    packaged = {entry.name.removesuffix(".json") for entry in files("contracts").joinpath("data").iterdir()}

    assert packaged == set(codes.LISTS)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("countries", 249),
        ("isic_sections", 22),
        ("themes", 5),
        ("target_groups", 14),
        ("entity_types", 7),
        ("cooperative_types", 4),
        ("sse_principles", 4),
        ("pb_outputs", 31),
        ("conclusions_points", 44),
    ],
)
def test_a_list_is_as_long_as_its_source(name: str, size: int) -> None:
    assert len(codes.LISTS[name]) == size


def test_iso_639_1_is_complete_and_the_working_languages_are_marked() -> None:
    assert len([code for code in codes.languages if len(code.code) == 2]) == 183
    assert {code.code for code in codes.languages.tagged("working")} == set(Language)


@pytest.mark.parametrize(
    "module",
    [each for each in (words, *PARTNER_MODULES, coordination, notifications) if list(_enums_of(each))],
    ids=lambda each: each.__name__,
)
def test_every_value_of_an_enum_has_a_label(module: ModuleType) -> None:
    for enum in _enums_of(module):
        if enum is not Language:
            assert [code.code for code in codes.list_of_enum(enum)] == [member.value for member in enum]
        for member in enum:
            assert codes.label_of(member, "ar")


class Currency(StrEnum):
    """Of the tests."""


class Tax(StrEnum):
    """Of the tests."""


@pytest.mark.parametrize(
    ("enum", "name"),
    [(Role, "roles"), (TargetGroup, "target_groups"), (Currency, "currencies"), (Tax, "taxes")],
)
def test_an_enum_finds_its_labels_under_its_own_name(enum: type[StrEnum], name: str) -> None:
    assert codes.list_name_of(enum) == name


def test_the_themes_are_those_of_paragraph_24_in_its_order() -> None:
    tags = [tag for code in codes.LISTS["themes"] for tag in code.tags]

    assert tags == ["24(a)", "24(b)", "24(c)", "24(d)", "24(e)"]
    assert codes.label_of(Theme.JUST_TRANSITION, "fr").startswith("Transition juste")


def test_a_label_is_in_english_where_the_language_is_none_of_the_four() -> None:
    assert codes.label("countries", "SN", "fr") == "Sénégal"
    assert codes.label("countries", "SN", "de") == "Senegal"


def test_an_unknown_code_or_list_is_said_to_be_unknown() -> None:
    assert not codes.known("countries", "XX")
    with pytest.raises(codes.UnknownCodeError, match="countries has no code XX"):
        codes.label("countries", "XX", "en")
    with pytest.raises(codes.UnknownCodeError, match="there is no list planets"):
        codes.known("planets", "XX")


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("countries", "uk", "GB"),
        ("countries", "EL", "GR"),
        ("countries", "SEN", "SN"),
        ("countries", "Cote d'Ivoire", "CI"),
        ("countries", "Ivory Coast", None),
        ("countries", "Turkey", "TR"),
        ("countries", "السنغال", "SN"),
        ("countries", "Kazakstan", "KZ"),
        ("countries", "XX", None),
        ("languages", "eng", "en"),
        ("themes", "just-transition", "just_transition"),
        ("target_groups", "woman", "women"),
        ("entity_types", "co-operative", "cooperative"),
    ],
)
def test_a_near_miss_is_answered_with_the_code_that_was_meant(
    name: str, written: str, meant: str | None
) -> None:
    assert codes.suggest(name, written) == meant


@every_list
def test_a_code_is_never_corrected_into_another(code_list: codes.CodeList) -> None:
    for code in code_list:
        assert code_list.suggest(code.code) == code.code


def test_a_near_miss_is_looked_for_while_there_are_guesses_left() -> None:
    guesses = codes.Guesses(1)

    assert codes.suggest("countries", "Senegal", guesses) == "SN"
    assert codes.suggest("countries", "Kazakstan", guesses) == "KZ"
    assert codes.suggest("countries", "Kazakstan", guesses) is None
    # What somebody writes for a code is no guess.
    assert codes.suggest("countries", "uk", guesses) == "GB"


@pytest.mark.parametrize(
    "tag", ["fr", "FR", "pt-BR", "zh-Hans", "quz", "mos", "swh", "x-klingon", "i-default"]
)
def test_a_language_tag_passes_when_its_language_exists(tag: str) -> None:
    assert codes.known_language(tag)


@pytest.mark.parametrize(("tag", "meant"), [("eng", "en"), ("fra-CA", "fr-CA"), ("xx", None)])
def test_a_language_tag_that_is_no_bcp_47_is_put_right(tag: str, meant: str | None) -> None:
    assert not codes.known_language(tag)
    assert codes.suggest_language(tag) == meant


@pytest.mark.parametrize(
    "tag",
    [
        "fr",
        "FR",
        "fr-fr",
        "zh-Hant-TW",
        "sr-Latn-RS",
        "de-1996",
        "sl-rozaj-biske",
        "en-US-x-twain",
        "es-419",
        "zh-cmn",
        "de-DE-u-co-phonebk",
        "en-a-bbb",
        "x-klingon",
        "i-default",
        "en-GB-oed",
        "art-lojban",
        "zh-min-nan",
        "hy-Latn-IT-arevela",
        "sgn-BE-FR",
        "sl-IT-nedis",
        "de-CH-1901",
        "en-a-bbb-x-a-ccc",
        "az-Arab-x-AZE-derbend",
    ],
)
def test_whatever_bcp_47_has_a_form_for_is_a_language_tag(tag: str) -> None:
    assert Text(language=tag, text="x").language == tag


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "a",
        "abcd",
        "fr_FR",
        "fr-",
        "-fr",
        "fr--FR",
        "en-x",
        "x",
        "de-419-DE",
        "a-DE",
        "ar-a-",
        "fr-" + "a" * 9,
    ],
)
def test_what_bcp_47_has_no_form_for_is_no_language_tag(tag: str) -> None:
    with pytest.raises(ValidationError):
        Text(language=tag, text="x")


def test_choices_on_a_page_stand_in_the_order_of_their_labels() -> None:
    labels = [label for _, label in codes.countries.sorted_by_label("fr")]

    assert labels.index("Égypte") < labels.index("France")


def test_what_is_taken_anew_from_cldr_has_another_version_where_it_differs(tmp_path: Path) -> None:
    for name in ("countries", "languages"):
        shutil.copy(str(files("contracts").joinpath("data", f"{name}.json")), tmp_path)
    languages = (tmp_path / "languages.json").read_text(encoding="utf-8")
    older = (tmp_path / "countries.json").read_text(encoding="utf-8").replace("Senegal", "Sénégambia")
    (tmp_path / "countries.json").write_text(older, encoding="utf-8")

    write_from_cldr(tmp_path)

    assert (tmp_path / "languages.json").read_text(encoding="utf-8") == languages
    countries = json.loads((tmp_path / "countries.json").read_text(encoding="utf-8"))
    assert countries["version"] == codes.countries.version + 1


def test_services_need_no_babel_to_read_the_lists() -> None:
    program = "import sys; sys.modules['babel'] = None; import contracts.codes, contracts.checks"

    subprocess.run([sys.executable, "-c", program], check=True)
