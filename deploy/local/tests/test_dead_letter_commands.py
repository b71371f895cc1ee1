"""What the operator's commands make of the services' answers, and of services that give none."""

import json
from typing import Any

import pytest
from network_kit import FIRST, NOWHERE, SECOND, Running, StandIn, Terminal
from typer.testing import CliRunner

from ssenet import deadletters, replaying
from ssenet.deadletters import by_service, find
from ssenet.errors import CommandError
from ssenet.main import cli


def test_a_letter_is_found_though_another_service_does_not_answer(network: StandIn) -> None:
    assert find(network, FIRST)[0] == "coordination"

    assert by_service(network, [FIRST, SECOND]) == {"coordination": [FIRST], "notifications": [SECOND]}
    # Once for the first letter above, and once for both of these.
    assert network.asked.count("registry") == 2


def test_services_that_do_not_answer_are_named_where_a_letter_is_not_found(network: StandIn) -> None:
    with pytest.raises(CommandError) as refused:
        find(network, NOWHERE)

    assert refused.value.what == f"No dead letter {NOWHERE} was found, but registry does not answer."
    assert f"--data {network.folder.path}" in refused.value.hint


@pytest.mark.parametrize(
    ("command", "done"),
    [
        (["replay", "--all", "--yes", "--json"], {"outcomes": {"applied": 2}, "silent": ["registry"]}),
        (
            ["discard", "--all", "--yes", "--reason", "no use", "--json"],
            {"discarded": [FIRST, SECOND], "remaining": 0, "silent": ["registry"]},
        ),
    ],
)
@pytest.mark.usefixtures("network")
def test_the_letters_of_those_that_answer_are_ended_and_the_others_named(
    command: list[str], done: dict[str, Any]
) -> None:
    said = CliRunner().invoke(cli, ["deadletters", *command])

    assert json.loads(said.stdout).items() >= done.items()
    assert "registry does not answer" in said.stderr
    assert said.exit_code == 1


def test_what_a_program_reads_holds_neither_the_trial_nor_the_question(
    network: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    everything = deadletters.Filter.read(None, None, None, None, since=None, until=None)
    wanted = replaying.Replay([], everything, by="operator", reason="", rate=500)

    replaying.replay_them(network.folder, wanted, dry_run=False, yes=False, as_json=True)

    said = capsys.readouterr()
    assert json.loads(said.out)["outcomes"] == {"applied": 2}
    assert "would be applied" in said.err
    assert "Replay 2 letters? [y/N]" in said.err


@pytest.mark.usefixtures("network")
def test_nobody_is_asked_where_nobody_can_answer() -> None:
    said = CliRunner().invoke(cli, ["deadletters", "replay", "--all", "--json"])

    assert said.stdout == ""
    assert isinstance(said.exception, CommandError)
    assert said.exception.what == "Not a terminal; pass --yes to confirm."


@pytest.mark.usefixtures("network")
def test_a_trial_of_discarding_counts_and_ends_nothing() -> None:
    said = CliRunner().invoke(
        cli, ["deadletters", "discard", "--all", "--reason", "no use", "--dry-run", "--json"]
    )

    assert json.loads(said.stdout) == {
        "dry_run": True,
        "discarded": [],
        "remaining": 2,
        "silent": ["registry"],
    }


@pytest.mark.parametrize(("held", "following"), [([FIRST], None), ([FIRST, SECOND], FIRST)])
def test_a_list_for_programs_says_where_the_next_page_begins(
    network: StandIn, runs: Running, held: list[str], following: str | None
) -> None:
    runs(StandIn(network.folder, letters={"coordination": held}))

    said = CliRunner().invoke(cli, ["deadletters", "list", "--service", "coordination", "--json"])

    assert json.loads(said.stdout)["next"] == following
