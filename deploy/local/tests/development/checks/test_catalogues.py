"""A message that a reader would miss is found."""

from pathlib import Path

import pytest

from ssenet.development.checks.catalogues import Elsewhere, catalogue_faults

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: {}\\n"\n\n'
PLURALS = {
    "fr": "nplurals=2; plural=(n > 1);",
    "es": "nplurals=2; plural=(n != 1);",
    "ar": "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5);",
}
ENTRY = 'msgid "Task for %(unit)s"\nmsgstr "%(unit)s"\n'


def a_package(folder: Path, **entries: str) -> Path:
    """A package with one message and a catalogue for each language."""
    (folder / "words.py").write_text('print(gettext("Task for %(unit)s"))\n', encoding="utf-8")
    for language, plural in PLURALS.items():
        messages = folder / "locales" / language / "LC_MESSAGES"
        messages.mkdir(parents=True)
        content = HEAD.format(plural) + entries.get(language, ENTRY)
        (messages / "messages.po").write_text(content, encoding="utf-8")
    return folder


def test_complete_catalogues_have_no_fault(tmp_path: Path) -> None:
    assert list(catalogue_faults(a_package(tmp_path))) == []


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("", "is missing"),
        ('msgid "Task for %(unit)s"\nmsgstr ""\n', "is not translated"),
        ('#, fuzzy\nmsgid "Task for %(unit)s"\nmsgstr "%(unit)s"\n', "fuzzy"),
        ('msgid "Task for %(unit)s"\nmsgstr "%(office)s"\n', "placeholders"),
        (f'{ENTRY}\nmsgid "One"\nmsgid_plural "%(n)s"\nmsgstr[0] "1"\nmsgstr[1] "2"\n', "is not translated"),
    ],
)
def test_a_message_that_a_reader_would_miss_is_a_fault(tmp_path: Path, entry: str, fault: str) -> None:
    [found] = catalogue_faults(a_package(tmp_path, ar=entry))

    assert fault in found
    assert "/ar/" in found


def test_a_message_named_elsewhere_must_be_in_every_language(tmp_path: Path) -> None:
    told = {"No such country.": Elsewhere("what a partner is told", "problems.po")}
    faults = list(catalogue_faults(a_package(tmp_path), also=told))

    assert len(faults) == len(PLURALS)
    assert all("problems.po: 'No such country.', what a partner is told, is missing" in one for one in faults)


def test_a_message_named_elsewhere_belongs_in_its_own_catalogue(tmp_path: Path) -> None:
    told = {"Task for %(unit)s": Elsewhere("the label of a unit", "problems.po")}

    assert len(list(catalogue_faults(a_package(tmp_path), also=told))) == len(PLURALS)
