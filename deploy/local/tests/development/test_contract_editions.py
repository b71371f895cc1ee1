"""`contracts diff`, `publish` and `examples` say what differs, whom it hurts, and what to do."""

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.gate.checkout import FOLDER, Gate, faults_of_checkout
from contracts.gate.comparing import Change, Effect
from contracts.gate.editions import read_history
from ssenet.development import contract_editions
from ssenet.development.checks.run import all_checks
from ssenet.development.contract_editions import publish, show_diff, show_examples
from ssenet.terminal.errors import CommandError

OPENED = "coordination.task.opened.v1"
NOW = Gate.of_checkout()
LATEST = NOW.history.events[OPENED].latest.number

FIELD = "of_the_tests"
"""A name that no event has."""

Edited = Callable[[Callable[[dict[str, Any]], Any]], Gate]


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edited:
    """Let the command find a checkout whose task is edited, with a history of its own."""
    folder = Path(shutil.copytree(FOLDER, tmp_path / "published"))

    def edit(change: Callable[[dict[str, Any]], Any]) -> Gate:
        schema = copy.deepcopy(dict(NOW.schemas[OPENED]))
        change(schema)
        gate = replace(
            NOW, schemas={**NOW.schemas, OPENED: schema}, folder=folder, history=read_history(folder)
        )
        monkeypatch.setattr(contract_editions, "_gate", lambda: gate)
        return gate

    return edit


def _add_a_field(schema: dict[str, Any]) -> None:
    schema["properties"][FIELD] = {"type": "string"}


def _drop_due_on(schema: dict[str, Any]) -> None:
    del schema["properties"]["due_on"]
    schema["required"].remove("due_on")


def test_nothing_to_say_is_said_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_diff(None, as_json_text=False) == 0

    assert capsys.readouterr().out == f"{len(NOW.schemas)} contracts are as they were published.\n"


def test_a_break_is_shown_with_its_field_and_the_way_out(
    edited: Edited, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(_drop_due_on)

    assert show_diff(None, as_json_text=False) == 1

    said = " ".join(capsys.readouterr().out.split())
    assert f"{OPENED}: breaking" in said
    assert "1 due_on old readers require it" in said
    assert "make TaskOpenedV2" in said


def test_a_program_reads_the_differences_of_one_event(
    edited: Edited, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(_add_a_field)

    assert show_diff(OPENED, as_json_text=True) == 0

    document = json.loads(capsys.readouterr().out)
    [contract] = document["contracts"]
    assert (document["breaks"], contract["type"], contract["status"]) == (False, OPENED, "grown")
    assert {
        "edition": LATEST,
        "field": FIELD,
        "rule": "field",
        "reason": "is new and optional",
        "breaks": False,
        "hurts": "nobody",
    } in contract["changes"]


def test_a_class_that_writes_something_else_than_its_schema_says_breaks(
    edited: Edited, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = Change("reason", "written", "it is not always written", Effect.EVERYONE)
    gate = replace(edited(_add_a_field), unlike={OPENED: [lost]})
    monkeypatch.setattr(contract_editions, "_gate", lambda: gate)

    assert show_diff(OPENED, as_json_text=False) == 1
    assert "reason it is not always written everyone" in " ".join(capsys.readouterr().out.split())
    assert show_diff(OPENED, as_json_text=True) == 1
    [contract] = json.loads(capsys.readouterr().out)["contracts"]
    assert [(each["edition"], each["field"]) for each in contract["changes"]][-1] == (None, "reason")
    with pytest.raises(CommandError, match="Nothing was published"):
        publish(None)


def test_publishing_says_what_it_recorded(edited: Edited, capsys: pytest.CaptureFixture[str]) -> None:
    gate = edited(_add_a_field)

    assert publish(None) == 0

    assert f"published {OPENED}: {FIELD}: is new and optional" in capsys.readouterr().out
    assert read_history(gate.folder).events[OPENED].latest.number == LATEST + 1


def test_publishing_refuses_what_breaks(edited: Edited) -> None:
    edited(_drop_due_on)

    with pytest.raises(CommandError, match="Nothing was published") as refusal:
        publish(None)

    assert "due_on" in refusal.value.hint


def test_an_event_in_use_is_not_retired(edited: Edited) -> None:
    edited(_add_a_field)

    with pytest.raises(CommandError, match="still has a class"):
        publish(OPENED)


def test_the_examples_are_listed_with_the_edition_they_came_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_examples("partner.assistance.requested.v1", as_json_text=True) == 0
    [senegal] = [one for one in json.loads(capsys.readouterr().out) if one["name"] == "senegal-fr"]
    assert (senegal["languages"], senegal["edition"]) == (["fr"], 1)

    assert show_examples(None, as_json_text=False) == 0
    assert capsys.readouterr().out.count("holds") == len(NOW.examples)


def test_a_misspelt_event_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(CommandError, match="no event") as refusal:
        show_diff("coordination.task.open.v1", as_json_text=False)

    assert OPENED in refusal.value.hint


def test_the_check_asks_the_gate() -> None:
    [check] = [check for check in all_checks() if check.name == "contracts keep what was published"]

    assert check.run() == "\n".join(faults_of_checkout())
