"""Every word of the pages stands in four languages."""

import re
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from gateway.members.pages import request_layout
from gateway.web.translations import catalogue

PACKAGE = Path(str(files("gateway")))
LANGUAGES = ("fr", "es", "ar")
PLURALS = {"fr": 2, "es": 2, "ar": 6}
PLACE = re.compile(r"%\((\w+)\)")
# A form for one, two or none of a thing may say it in a word instead of the figure.
WORDS_FOR_FIGURES = {"num"}
Id = str | tuple[str, ...]


@cache
def _messages() -> frozenset[Id]:
    found = extract_from_dir(
        PACKAGE,
        method_map=[("**.py", "python"), ("*/templates/**.html", "jinja2")],
        options_map={"*/templates/**.html": {"newstyle_gettext": "true", "silent": "false"}},
        keywords={"_": None, "gettext": None, "ngettext": (1, 2), "msg": None},
    )
    return frozenset(message for _, _, message, _, _ in found) | frozenset(request_layout.messages())


@cache
def _catalogue(language: str) -> Catalog:
    with (PACKAGE / "locales" / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def _forms(message: object) -> tuple[str, ...]:
    return (message,) if isinstance(message, str) else tuple(message)  # type: ignore[arg-type]


def test_the_pages_have_words() -> None:
    assert len(_messages()) > 150


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_member_reads_every_word_in_their_language(language: str) -> None:
    known = {message.id: message for message in _catalogue(language) if message.id}

    assert _messages() - known.keys() == set()
    assert known.keys() - _messages() == set(), "words that no page says any more"
    for message in known.values():
        assert all(_forms(message.string)), message.id
        assert not message.fuzzy, message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_has_its_plural_form(language: str) -> None:
    catalog = _catalogue(language)

    assert catalog.num_plurals == PLURALS[language]
    for message in catalog:
        if message.pluralizable:
            assert len(_forms(message.string)) == PLURALS[language], message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_loses_or_invents_a_value(language: str) -> None:
    for message in _catalogue(language):
        wanted = set(PLACE.findall(" ".join(_forms(message.id))))
        for form in _forms(message.string):
            places = set(PLACE.findall(form))
            spared = WORDS_FOR_FIGURES if message.pluralizable else set[str]()
            assert places <= wanted, (message.id, form)
            assert wanted - places <= spared, (message.id, form)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (1, "متأخرة يومًا واحدًا"),
        (2, "متأخرة يومين"),
        (3, "متأخرة 3 أيام"),
        (11, "متأخرة 11 يومًا"),
        (100, "متأخرة 100 يوم"),
        (103, "متأخرة 103 أيام"),
    ],
)
def test_arabic_counts_as_arabic_does(days: int, words: str) -> None:
    told = catalogue("ar").ngettext("%(num)s day overdue", "%(num)s days overdue", days)

    assert told % {"num": days} == words


@pytest.mark.parametrize("domain", ["messages", "problems"])
def test_the_catalogues_are_written_by_one_hand(domain: str) -> None:
    def words(language: str) -> str:
        return (PACKAGE / "locales" / language / "LC_MESSAGES" / f"{domain}.po").read_text(encoding="utf-8")

    french = re.sub(r"^msgid.*$", "", words("fr"), flags=re.MULTILINE)
    assert re.findall(r".*\w'\w.*", french) == []
    assert re.findall(r"^msgstr.* [:;?!].*", french, flags=re.MULTILINE) == []
    assert "\N{ARABIC LETTER ALEF}\N{ARABIC FATHATAN}" not in words("ar")
    assert "n%100>=11 ? 4 : 5" in words("ar")
    assert "socio" not in re.sub(r"socioecon", "", words("es"))
