"""What the operator's commands make of the services' answers, and of services that give none."""

import json
from dataclasses import replace
from typing import Any

import pytest
from network_kit import FIRST, NOWHERE, SECOND, THIRD, Running, StandIn, Terminal
from typer.testing import CliRunner

from ssenet.main import cli
from ssenet.network.client import RefusedError
from ssenet.operators import find_letters, replay_letters
from ssenet.operators.ask_services import Round
from ssenet.operators.find_letters import by_service, find
from ssenet.terminal.errors import CommandError


def test_a_letter_is_found_though_another_service_does_not_answer(network: StandIn) -> None:
    assert find(Round(network), FIRST)[0] == "coordination"

    assert by_service(network, [FIRST, SECOND]) == {"coordination": [FIRST], "notifications": [SECOND]}
    # Once for the first letter above, and once for both of these.
    assert network.asked.count("registry") == 2


def test_services_that_do_not_answer_are_named_where_a_letter_is_not_found(network: StandIn) -> None:
    with pytest.raises(CommandError) as refused:
        find(Round(network), NOWHERE)

    assert refused.value.what == f"No dead letter {NOWHERE} was found, but not every service answers."
    assert refused.value.hint.startswith("registry does not answer.\n")
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


REPLAYED = {"outcomes": {"applied": 2}, "silent": ["coordination"]}
DISCARDED = {"discarded": [FIRST, SECOND], "remaining": 1, "silent": ["coordination"]}


@pytest.mark.parametrize(
    ("command", "answers", "done"),
    [
        # The letters are counted, or each is found, and one is handled.
        (["replay", "--all"], 2, REPLAYED),
        (["replay", FIRST, SECOND, THIRD], 4, REPLAYED),
        (["discard", "--all", "--reason", "no use"], 2, DISCARDED),
        (["discard", FIRST, SECOND, THIRD, "--reason", "no use"], 5, DISCARDED),
    ],
)
def test_what_was_reached_is_told_though_a_service_dies_midway(
    network: StandIn, runs: Running, command: list[str], answers: int, done: dict[str, Any]
) -> None:
    letters = {"coordination": [FIRST, THIRD], "notifications": [SECOND]}
    runs(StandIn(network.folder, letters=letters, answers={"coordination": answers}))

    said = CliRunner().invoke(cli, ["deadletters", *command, "--yes", "--json"])

    assert json.loads(said.stdout).items() >= done.items()
    assert "coordination does not answer. Its letters, or the rest of them, are missing here." in said.stderr
    assert said.exit_code == 1


def test_who_fell_silent_in_the_trial_is_named_before_the_question_and_asked_again_after_it(
    network: StandIn, runs: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    found = runs(StandIn(network.folder, letters={"coordination": [FIRST]}, answers={"coordination": 1}))
    everything = find_letters.Filter.read(None, None, None, None, since=None, until=None)
    wanted = replay_letters.Replay([], everything, by="operator", reason="", rate=500)

    assert replay_letters.replay_them(network.folder, wanted, dry_run=False, yes=False, as_json=False) == 1

    said = capsys.readouterr().err
    assert said.index("coordination does not answer") < said.index("Replay 1 letters?")
    assert found.asked.count("coordination") == 3


@pytest.mark.parametrize("status", [500, 503])
def test_a_service_that_fails_hides_no_letters_of_the_others(
    network: StandIn, runs: Running, status: int
) -> None:
    failure = RefusedError(status, {"detail": "The service failed.", "trace_id": "4bf92f35"})
    runs(replace(network, answers={"registry": 0}, trouble=failure))

    said = CliRunner().invoke(cli, ["deadletters", "list", "--json"])

    assert [one["id"] for one in json.loads(said.stdout)["letters"]] == [SECOND, FIRST]
    assert "registry: The service failed. Trace: 4bf92f35. Its letters" in said.stderr
    assert said.exit_code == 1


def test_what_a_service_refuses_is_a_refusal_and_no_silence(network: StandIn, runs: Running) -> None:
    runs(replace(network, trouble=RefusedError(422, {"detail": "The request has fields to correct."})))

    said = CliRunner().invoke(cli, ["deadletters", "list"])

    assert isinstance(said.exception, RefusedError)


def test_what_a_program_reads_holds_neither_the_trial_nor_the_question(
    network: StandIn, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    everything = find_letters.Filter.read(None, None, None, None, since=None, until=None)
    wanted = replay_letters.Replay([], everything, by="operator", reason="", rate=500)

    replay_letters.replay_them(network.folder, wanted, dry_run=False, yes=False, as_json=True)

    said = capsys.readouterr()
    assert json.loads(said.out)["outcomes"] == {"applied": 2}
    assert "would be applied" in said.err
    assert "Replay 2 letters? [y/N]" in said.err


@pytest.mark.parametrize("command", [["replay"], ["discard", "--reason", "no use"]])
def test_where_nobody_can_answer_the_question_no_letter_is_tried_for_it(
    network: StandIn, command: list[str]
) -> None:
    said = CliRunner().invoke(cli, ["deadletters", *command, "--all", "--json"])

    assert said.stdout == ""
    assert isinstance(said.exception, CommandError)
    assert said.exception.what == "Not a terminal; pass --yes to confirm."
    # The letters were counted, and that was all.
    assert network.asked.count("coordination") == 1


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


HANDLERS = {"coordination": ["coordination-open-tasks"], "gateway": ["gateway-end-sessions"]}
MISSPELT = "coordination-open-taks"
COMMANDS = (["list"], ["replay", "--dry-run"], ["discard", "--dry-run", "--reason", "no use"])


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("handler", "said", "handlers"),
    [
        (MISSPELT, f"coordination has no handler '{MISSPELT}'.", ["coordination-open-tasks"]),
        ("open-tasks", "No service has a handler 'open-tasks'.", [one for [one] in HANDLERS.values()]),
    ],
)
def test_a_handler_that_no_service_has_is_refused_with_those_there_are(
    *, network: StandIn, runs: Running, command: list[str], handler: str, said: str, handlers: list[str]
) -> None:
    runs(StandIn(network.folder, handlers=HANDLERS))

    refused = CliRunner().invoke(cli, ["deadletters", *command, "--handler", handler]).exception

    assert isinstance(refused, CommandError)
    assert (refused.what, refused.exit_code) == (said, 2)
    assert refused.hint.splitlines()[1:] == [f"  {one}" for one in handlers]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("handler", "past"),
    [
        pytest.param("coordination-open-tasks", 0, id="it has no letter"),
        pytest.param("coordination-open-cases", 2, id="it existed once"),
    ],
)
def test_a_handler_that_has_or_had_something_to_do_is_none_that_was_misspelt(
    network: StandIn, runs: Running, command: list[str], handler: str, past: int
) -> None:
    runs(StandIn(network.folder, handlers=HANDLERS, past=past))

    said = CliRunner().invoke(cli, ["deadletters", *command, "--handler", handler])

    assert (said.exit_code, said.stdout) == (0, "There is no such dead letter waiting.\n")


def test_a_handler_is_not_called_misspelt_while_its_service_cannot_say(
    network: StandIn, runs: Running
) -> None:
    runs(StandIn(network.folder, handlers=HANDLERS, answers={"coordination": 1}))

    said = CliRunner().invoke(cli, ["deadletters", "list", "--handler", MISSPELT])

    assert said.exit_code == 1
    assert "coordination does not answer" in said.stderr
