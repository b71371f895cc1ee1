"""Whoever adds a partner event by the how-to is told of each piece that is missing, and where it belongs."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ssenet.development.checks.run import all_checks
from ssenet.project import ROOT

HOW_TO = ROOT / "docs" / "how-to" / "add-a-partner-event.md"
PIECES: dict[str, str] = dict(
    re.findall(
        r"^`([\w./-]+)`\n```\w+\n(.*?)```$", HOW_TO.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
)
MODULE = "contracts/src/contracts/partner/financing.py"
LIST = "contracts/src/contracts/data/financing_forms.json"
RULES = "services/coordination/src/coordination/data/rules.yaml"
CHANGELOG = "contracts/CHANGELOG.md"
SPANISH = "services/gateway/src/gateway/locales/es/LC_MESSAGES/messages.po"
EVENT = "partner.financing.offered.v1"

WHOLE = "partner events are whole"
GENERATED = "generated files are up to date"
PUBLISHED = "contracts keep what was published"
TRANSLATED = "catalogues are complete in four languages"
OURS = (WHOLE, GENERATED, PUBLISHED, TRANSLATED)

SAY = """
import sys
from ssenet.development.checks.run import all_checks
print(*(check.run() for check in all_checks() if check.name in sys.argv[1:]), sep="\\n")
"""


class Copy:
    """A copy of the project, run by the environment of this one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for part in ("contracts", "services", "deploy/local/src", "deploy/nats"):
            shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("tests", "__pycache__"))

    def add(self, name: str, text: str) -> None:
        path = self.root / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(before + text, encoding="utf-8")

    def run(self, *arguments: str) -> str:
        sources = ("contracts", "services/coordination", "services/gateway", "deploy/local")
        path = os.pathsep.join(str(self.root / part / "src") for part in sources)
        done = subprocess.run(
            [sys.executable, "-P", *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    def check(self, *names: str) -> str:
        return self.run("-c", SAY, *names).strip()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The how-to done to the end."""
    copy = Copy(tmp_path_factory.mktemp("project"))
    for name, text in PIECES.items():
        copy.add(name, text)
    copy.run("-m", "ssenet", "contracts", "generate")
    copy.run("-m", "ssenet", "contracts", "publish")
    return copy


@pytest.fixture
def edited(copy: Copy) -> Iterator[Copy]:
    """The copy, put back as it was after the test."""
    before = {name: (copy.root / name).read_bytes() for name in PIECES}
    yield copy
    for name, text in before.items():
        (copy.root / name).write_bytes(text)


def test_the_checks_asked_here_are_those_of_the_command() -> None:
    assert set(OURS) <= {check.name for check in all_checks()}


def test_a_partner_event_is_written_in_eight_files_at_most() -> None:
    assert {MODULE, LIST, RULES, CHANGELOG, SPANISH} <= PIECES.keys()
    assert len(PIECES) <= 8


def test_the_event_of_the_how_to_is_whole(copy: Copy) -> None:
    assert copy.check(*OURS) == ""
    assert f"types: [{EVENT}]" in (copy.root / "deploy/nats/services/coordination.yaml").read_text("utf-8")
    assert (copy.root / f"contracts/examples/{EVENT}/kenya-sw.json").is_file()


def without(text: str, piece: str) -> str:
    """The text without what the pattern finds, which it must find."""
    left, times = re.subn(piece, "", text, count=1, flags=re.DOTALL | re.MULTILINE)
    assert times, piece
    return left


@pytest.mark.parametrize(
    ("name", "piece", "check", "said"),
    [
        (RULES, r"  - code: spread-offer.*", WHOLE, rf"{EVENT} has no rule, .*: add one to {RULES}"),
        (
            RULES,
            r"^      es: \"Oferta.*?$",
            WHOLE,
            rf"{RULES}: the title of rule spread-offer is missing in Spanish",
        ),
        (
            RULES,
            r"^    durable: coordination-open-financing.*?$",
            WHOLE,
            "rule spread-offer: durable: Field required",
        ),
        (
            MODULE,
            r" = Field\(title=\"Offered by\"\)",
            WHOLE,
            rf"{EVENT}: the field 'offered_by' has no label.*{MODULE}",
        ),
        (MODULE, r"^    event_name = .*?$", WHOLE, rf"{EVENT} has no name: write `event_name`.*{MODULE}"),
        (MODULE, r"^    examples = .*", WHOLE, rf"{EVENT} has no example: write `examples`.*{MODULE}"),
        (
            MODULE,
            r"^        Example\(\n            \"peru-es.*?^        \),$",
            WHOLE,
            f"{EVENT} has 2 examples, in ar, sw",
        ),
        (
            MODULE,
            r"^    data_rules = .*?$",
            WHOLE,
            r"whether 'closes_on' may lie before 'opens_on': write InOrder",
        ),
        (LIST, r",\n    {\"code\": \"loan\".*?}", WHOLE, rf"{EVENT}: form may be loan, which {LIST} has not"),
        (LIST, r", \"es\": \"Préstamo\"", WHOLE, rf"{LIST}: loan has no label in es"),
        (
            CHANGELOG,
            r"^- Partner event, version 1: financing offered.*?$",
            WHOLE,
            f"{EVENT} is not in {CHANGELOG}",
        ),
        (
            SPANISH,
            r"^msgid \"Offered by\"\nmsgstr .*?$",
            TRANSLATED,
            f"'Offered by', the label of offered_by of {EVENT}",
        ),
        (
            SPANISH,
            r"^msgid \"Financing offered\"\nmsgstr .*?$",
            TRANSLATED,
            f"the name of {EVENT}, is missing",
        ),
        (MODULE, r", \"BO\"", GENERATED, f"contracts/examples/{EVENT}/peru-es.json"),
        (LIST, r"ción(?=\")", PUBLISHED, rf"Raise `version` to 2 in {LIST}"),
    ],
)
def test_a_piece_that_is_missing_is_named_with_its_place(
    edited: Copy, name: str, piece: str, check: str, said: str
) -> None:
    path = edited.root / name
    path.write_text(without(path.read_text(encoding="utf-8"), piece), encoding="utf-8")

    found = edited.check(check)

    assert re.search(said, found)
    assert "Traceback" not in found


def test_a_missing_code_list_is_named(edited: Copy) -> None:
    (edited.root / LIST).unlink()
    found = edited.check(WHOLE)

    assert found == f"{EVENT}: form holds codes without labels: write {LIST}, each code in en, fr, es and ar"


def test_a_class_alone_is_told_of_all_the_rest_at_once(edited: Copy) -> None:
    module = without((edited.root / MODULE).read_text(encoding="utf-8"), r"^    data_rules = .*")
    module = re.sub(
        r"^    event_name = .*\n| = Field\((default=[^,]*, )?title=.*\)$", "", module, flags=re.MULTILINE
    )
    (edited.root / MODULE).write_text(module, encoding="utf-8")
    for name in (RULES, CHANGELOG):
        text = (edited.root / name).read_text(encoding="utf-8")
        (edited.root / name).write_text(text.removesuffix(PIECES[name]), encoding="utf-8")
    (edited.root / LIST).unlink()

    found = edited.check(WHOLE)

    assert all(line.startswith(EVENT) for line in found.splitlines())
    labels = [
        f"field {name!r} has no label"
        for name in ("offered_by", "form", "countries", "opens_on", "closes_on")
    ]
    others = ["has no name", "has no example", LIST, "InOrder", CHANGELOG, RULES]
    assert [one for one in labels + others if one not in found] == []
    assert len(found.splitlines()) == len(labels + others)


def test_what_was_neither_generated_nor_published_is_named(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    for name, text in PIECES.items():
        copy.add(name, text)

    said = copy.check(GENERATED, PUBLISHED)

    assert "deploy/nats/services/coordination.yaml does not say what the subscribers hear" in said
    assert f"contracts/schemas/{EVENT}.json" in said
    assert "Run ./ssenet contracts generate" in said
    assert f"{EVENT}: new" in said
    assert "Run ./ssenet contracts publish" in said
