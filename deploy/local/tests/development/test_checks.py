"""The checks find what they are there to find."""

from pathlib import Path

import pytest

from ssenet.development.checks.catalogues import catalogue_faults
from ssenet.development.checks.compose_file import compose_faults
from ssenet.development.checks.lock_file import lock_faults
from ssenet.development.checks.run import Check, run_checks
from ssenet.project import ROOT

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
    faults = list(catalogue_faults(a_package(tmp_path), also=["There is no such country."]))

    assert len(faults) == len(PLURALS)


GOOD = """
services:
  database:
    image: docker.io/library/postgres:18.1
    healthcheck: {test: [CMD, pg_isready]}
  registry:
    image: ssenet:1
    depends_on: {database: {condition: service_healthy}}
"""


def test_a_sound_compose_file_has_no_fault(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(GOOD, encoding="utf-8")

    assert list(compose_faults(tmp_path / "compose.yaml")) == []


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("services:", "servises:", "servises"),
        ("postgres:18.1", "postgres", "does not pin its image"),
        ("database: {condition", "data: {condition", "depends on data"),
        ("    healthcheck: {test: [CMD, pg_isready]}\n", "", "no health check"),
        ("image: ssenet:1", 'image: ssenet:1\n    ports: ["8080:8080"]', "every network"),
        ("image: ssenet:1", 'image: ssenet:1\n    volumes: ["./none:/x"]', "mounts ./none"),
    ],
)
def test_what_would_fail_on_a_server_is_a_fault(tmp_path: Path, good: str, bad: str, fault: str) -> None:
    (tmp_path / "compose.yaml").write_text(GOOD.replace(good, bad), encoding="utf-8")

    assert fault in "\n".join(compose_faults(tmp_path / "compose.yaml"))


def test_the_lock_holds_what_the_packages_ask_for() -> None:
    assert list(lock_faults(ROOT)) == []


def test_a_requirement_that_is_not_locked_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["part"]\n', encoding="utf-8")
    (tmp_path / "part" / "pyproject.toml").write_text(
        '[project]\nname = "part"\ndependencies = ["rich", "psutil>=7"]\n', encoding="utf-8"
    )
    (tmp_path / "uv.lock").write_text(
        '[[package]]\nname = "part"\n[package.metadata]\nrequires-dist = [{ name = "rich" }]\n',
        encoding="utf-8",
    )

    assert list(lock_faults(tmp_path)) == ["part: psutil is not in uv.lock; run `uv lock`"]


def test_one_failed_check_fails_the_whole_and_the_others_still_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    checks = [Check("spelling", lambda: "line 3: [teh]"), Check("order", lambda: "")]

    assert run_checks(checks) == 1

    printed = capsys.readouterr().out
    assert "failed  spelling" in printed
    assert "line 3: [teh]" in printed
    assert "ok      order" in printed
