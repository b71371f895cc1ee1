"""What a message says reaches the terminal whole, and can neither steer it nor pass for markup."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from network_kit import FIRST, Running, StandIn
from typer.testing import CliRunner

from ssenet import main
from ssenet.data_folder.folder import DataFolder
from ssenet.main import cli
from ssenet.operators import rebuild_projection
from ssenet.terminal.errors import CommandError

HOSTILE = "a[/red]b[bold]c:smile:\x1b[2J\x9b2J\r\nd\u202ee"
SHOWN = r"a[/red]b[bold]c:smile:\u001b[2J\u009b2J\r\nd\u202ee"
EVERYWHERE: dict[str, Any] = {
    "durable": HOSTILE,
    "type": HOSTILE,
    "dataschema": HOSTILE,
    "nats_subject": HOSTILE,
    "error_class": HOSTILE,
    "error": HOSTILE,
    "detail": HOSTILE,
    "outcome": "failed",
}
WITHIN: dict[str, Any] = {
    "attempts": [{"failed_at": "2026-11-23T09:00:00", "error": HOSTILE}],
    "records": [
        {"at": "2026-11-23T09:00:00", "action": "edited", "by": HOSTILE, "caller": "x", "reason": HOSTILE}
    ],
}


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")


def steering(text: str) -> set[str]:
    """What a terminal would obey, line ends apart."""
    return {one for one in text if unicodedata.category(one) in {"Cc", "Cf"}} - {"\n"}


@pytest.mark.parametrize(
    ("command", "times"),
    [
        (("list",), 3),
        (("show", FIRST), 9),
        (("replay", FIRST, "--dry-run"), 2),
    ],
)
def test_a_hostile_message_is_shown_as_it_is_and_hides_no_letter(
    runs: Running, tmp_path: Path, command: tuple[str, ...], times: int
) -> None:
    told = EVERYWHERE | (WITHIN if command[0] == "show" else {}) | {"payload": HOSTILE}
    runs(StandIn(DataFolder(tmp_path), letters={"coordination": [FIRST]}, told=told))

    said = CliRunner().invoke(cli, ["deadletters", *command])

    assert said.output.count(SHOWN) == times
    assert steering(said.output) == set()
    assert any(line.split()[0] == FIRST for line in said.output.splitlines() if line.strip())


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_an_event_is_shown_as_json_that_says_the_same(
    runs: Running, tmp_path: Path, as_json: list[str]
) -> None:
    payload = {HOSTILE: [HOSTILE, "Économie sociale : التعاونيات", "x" * 500]}
    runs(StandIn(DataFolder(tmp_path), letters={"coordination": [FIRST]}, told={"payload": payload}))

    said = CliRunner().invoke(cli, ["deadletters", "show", FIRST, *as_json]).output

    whole = said if as_json else said[said.index("{") :]
    assert (json.loads(whole)["payload"] if as_json else json.loads(whole)) == payload
    assert steering(said) == set()
    assert "التعاونيات" in said


def test_keys_that_a_rebuild_reports_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    report = {"members": {"rows": 1, "unreached": 1, "some": [HOSTILE]}}

    rebuild_projection._tell({"total": 3, "report": report}, None)

    said = capsys.readouterr().out
    assert f"  {SHOWN}\n" in said
    assert steering(said) == set()


def test_an_error_that_quotes_a_message_cannot_steer_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(**_: object) -> None:
        raise CommandError(f"{HOSTILE} is refused.", hint=f"/data/{HOSTILE}")

    monkeypatch.setattr(main, "cli", refused)
    with pytest.raises(SystemExit):
        main.app()

    said = capsys.readouterr().err
    assert f"{SHOWN} is refused." in said
    assert steering(said) == set()
