"""What a letter cannot be made to say is refused in words, and what a person wrote in the editor is never lost."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from network_kit import FIRST, Running, StandIn, Terminal
from typer.testing import CliRunner, Result

from ssenet.data_folder.folder import DataFolder
from ssenet.main import cli
from ssenet.operators.edit_letter import _draft
from ssenet.terminal.errors import CommandError

LATIN = '{\n  "title": "Économie"\n}'.encode("latin-1")
NOT_UTF8 = "is not UTF-8: the byte 0xc9 in line 2 is of another encoding."
DEEP = b"[" * 5_000
EDIT = ("deadletters", "edit", FIRST, "--reason", "a wrong code")
Editor = Callable[[str], None]


@pytest.fixture
def network(runs: Running, tmp_path: Path) -> StandIn:
    return runs(StandIn(DataFolder(tmp_path), letters={"coordination": [FIRST]}))


@pytest.fixture
def drafts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where drafts lie while they are edited."""
    folder = tmp_path / "drafts"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Editor:
    """`editor(script)`: from now on the editor does that in Python, with the draft's path as `draft`."""

    def become(script: str) -> None:
        program = tmp_path / "editor.py"
        program.write_text(f"import pathlib, sys\ndraft = pathlib.Path(sys.argv[1])\n{script}")
        monkeypatch.setenv("VISUAL", f"{sys.executable} {program}")

    return become


def refused(said: Result) -> CommandError:
    assert isinstance(said.exception, CommandError), said.exception
    return said.exception


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (LATIN, NOT_UTF8),
        (DEEP, "is nested too deeply for an event."),
        (b'{"title": }', "is not valid JSON: Expecting value: line 1 column 11 (char 10)."),
    ],
)
def test_what_is_no_event_is_refused_with_the_name_of_its_file(
    network: StandIn, tmp_path: Path, content: bytes, why: str
) -> None:
    file = tmp_path / "mended.json"
    file.write_bytes(content)

    from_file = refused(CliRunner().invoke(cli, [*EDIT, "--file", str(file)]))
    from_input = refused(CliRunner().invoke(cli, [*EDIT, "--file", "-"], input=content))

    assert (from_file.what, from_file.exit_code) == (f"{file} {why}", 2)
    assert (from_input.what, from_input.exit_code) == (f"The standard input {why}", 2)
    assert network.stored == []


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("'x", "No closing quotation"),
        ("/no/such/editor", "No such file or directory"),
    ],
)
@pytest.mark.usefixtures("network", "drafts")
def test_an_editor_that_does_not_start_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, command: str, why: str
) -> None:
    monkeypatch.setenv("VISUAL", command)

    error = refused(CliRunner().invoke(cli, EDIT))

    assert (error.what, error.exit_code) == (f"The editor {command!r} does not start: {why}.", 2)


@pytest.mark.usefixtures("network")
def test_an_editor_that_takes_the_draft_away_is_refused(editor: Editor, drafts: Path) -> None:
    editor("draft.unlink()")

    error = refused(CliRunner().invoke(cli, EDIT))

    assert "left no file behind" in error.what
    assert error.exit_code == 2
    assert list(drafts.iterdir()) == []


@pytest.mark.parametrize(
    ("wrote", "why"),
    [
        (LATIN, f"What you wrote {NOT_UTF8}"),
        (b'{"title": "half', "is not valid JSON"),
        (DEEP, "is nested too deeply"),
    ],
)
@pytest.mark.usefixtures("network")
def test_what_cannot_be_stored_is_kept_and_where_is_said(
    editor: Editor, drafts: Path, wrote: bytes, why: str
) -> None:
    editor(f"draft.write_bytes({wrote!r})")

    said = CliRunner().invoke(cli, EDIT)

    assert why in refused(said).what
    [kept] = drafts.rglob("*.json")
    assert kept.read_bytes() == wrote
    assert str(kept) in said.stderr


def test_what_was_written_is_kept_where_the_service_dies_meanwhile(
    network: StandIn, runs: Running, editor: Editor, drafts: Path
) -> None:
    runs(StandIn(network.folder, letters=network.letters, answers={"coordination": 1}))
    editor("""draft.write_text('{"title": "Right"}')""")

    said = CliRunner().invoke(cli, EDIT)

    assert refused(said).what == "coordination does not answer."
    assert [one.read_text() for one in drafts.rglob("*.json")] == ['{"title": "Right"}']


def test_what_was_written_is_kept_where_the_command_is_interrupted(
    drafts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        with _draft("draft.json", b"{}") as draft:
            draft.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    [kept] = drafts.rglob("draft.json")
    assert kept.read_bytes() == b"half"
    assert str(kept) in capsys.readouterr().err


def test_faults_can_be_mended_in_the_editor_at_once(
    network: StandIn,
    editor: Editor,
    drafts: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    editor(
        f"latin = {LATIN!r}\n"
        "draft.write_bytes(latin.decode('latin-1').encode() if draft.read_bytes() == latin else latin)"
    )

    cli(EDIT, standalone_mode=False)

    assert network.stored == [{"title": "Économie"}]
    assert NOT_UTF8 in capsys.readouterr().err
    assert list(drafts.iterdir()) == []


@pytest.mark.parametrize("does", ["pass", "draft.write_text('{}'); sys.exit(1)"])
def test_nothing_is_stored_or_kept_where_the_editor_was_left_without_a_change(
    network: StandIn, editor: Editor, drafts: Path, does: str
) -> None:
    editor(does)

    said = CliRunner().invoke(cli, EDIT)

    assert said.stdout == "Nothing was changed.\n"
    assert network.stored == []
    assert list(drafts.iterdir()) == []
