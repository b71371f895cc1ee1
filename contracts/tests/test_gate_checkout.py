"""What `check` and publishing say of a checkout: each break, each thing that is new, and nothing twice."""

import copy
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from contracts.gate import checkout
from contracts.gate.checkout import COMMAND, FOLDER, Gate, PublishingRefusedError, faults_of_checkout
from contracts.gate.comparing import Change, Effect
from contracts.gate.editions import HistoryChangedError, digest_of, read_history, record
from contracts.gate.verdicts import Status, as_json
from contracts.testing import Golden, golden_events

OPENED, PLAN = "coordination.task.opened.v1", "coordination.plan.published.v1"
NEW = "registry.of_the_tests.began.v1"
TODAY = date(2026, 12, 1)
NOW = Gate.of_checkout()
EXAMPLE = golden_events(OPENED)[0]


def with_field(name: str, *, required: bool = False) -> dict[str, Any]:
    """The schemas of today, the task's with one more field."""
    schema = copy.deepcopy(dict(NOW.schemas[OPENED]))
    schema["properties"][name] = {"type": "string"}
    if required:
        schema["required"] = [*schema["required"], name]
    return {**NOW.schemas, OPENED: schema}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of everything published, to publish to."""
    return Path(shutil.copytree(FOLDER, tmp_path / "published"))


Found = Callable[[Gate], list[str]]


@pytest.fixture
def faults_of(monkeypatch: pytest.MonkeyPatch) -> Found:
    """What `check` says of a checkout that is as this gate sees it."""

    def faults(gate: Gate) -> list[str]:
        monkeypatch.setattr(Gate, "of_checkout", lambda: gate)
        monkeypatch.setattr(checkout, "FOLDER", gate.folder)
        return faults_of_checkout()

    return faults


def test_check_names_each_break_and_asks_nobody_to_publish_it(faults_of: Found) -> None:
    broken = replace(NOW, schemas=with_field("first", required=True), examples=[*NOW.examples, EXAMPLE])

    found = faults_of(replace(broken, code_lists={**NOW.code_lists, "themes": frozenset({"crisis"})}))

    [contract, codes] = found
    assert contract.startswith(f"{OPENED} breaks edition 1 ")
    assert "first: new readers require it" in contract
    assert codes.startswith("code list themes: ")
    assert COMMAND not in "".join(found)


def test_check_names_what_is_new_and_the_command_that_publishes_it(faults_of: Found) -> None:
    grown = replace(
        NOW,
        schemas={**with_field("first"), NEW: NOW.schemas[PLAN]},
        examples=[*NOW.examples, Golden(OPENED, "b", EXAMPLE.text), Golden(OPENED, "a", EXAMPLE.text)],
        code_lists={
            **NOW.code_lists,
            "themes": NOW.code_lists["themes"] | {"y", "x"},
            "zones": frozenset({"z"}),
        },
    )

    assert faults_of(grown) == [
        f"{OPENED}: first: is new and optional; examples b, a",
        f"{NEW}: new",
        "code list themes: x, y",
        "code list zones: z",
        f"This is not published yet. Run {COMMAND} and commit what it writes.",
    ]


def test_check_says_nothing_of_a_checkout_that_is_published(faults_of: Found) -> None:
    assert faults_of(NOW) == []


def test_check_names_files_that_publishing_did_not_write(faults_of: Found, folder: Path) -> None:
    for name in ("8.json", "7.json"):
        (folder / PLAN / name).write_text("{}", encoding="utf-8")

    found = faults_of(replace(NOW, folder=folder))

    assert [each.split(" has no line")[0] for each in found] == [f"published/{PLAN}/{n}.json" for n in (7, 8)]


def test_check_says_what_is_wrong_with_the_published_files_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def changed() -> Gate:
        raise HistoryChangedError("one was changed")

    monkeypatch.setattr(Gate, "of_checkout", changed)

    assert faults_of_checkout() == ["one was changed"]


# Publishing


def test_a_contract_of_which_nothing_was_published_is_new_and_becomes_its_first_edition(folder: Path) -> None:
    known = {name: about for name, about in NOW.history.events.items() if name != PLAN}
    gate = replace(NOW, history=replace(NOW.history, events=known), folder=folder)

    [verdict] = [each for each in gate.verdicts() if each.status is not Status.PUBLISHED]

    assert (verdict.type, verdict.status, verdict.is_to_publish, verdict.breaks) == (
        PLAN,
        Status.NEW,
        True,
        False,
    )
    assert dict(verdict.changes) == {}
    assert set(verdict.unrecorded) == {golden.name for golden in golden_events(PLAN)}


def test_several_new_contracts_and_examples_are_recorded_each_under_its_type(folder: Path) -> None:
    second = Golden(NEW, "second", '{"data": {}}')
    gate = replace(NOW, schemas={**with_field("first"), NEW: NOW.schemas[PLAN]}, folder=folder)
    gate = replace(gate, examples=[*NOW.examples, Golden(OPENED, "another", EXAMPLE.text)])

    said = gate.publish(today=TODAY)

    assert said == [f"{OPENED}: first: is new and optional; examples another", f"{NEW}: new"]
    history = read_history(folder)
    assert history.events[NEW].latest.number == 1
    assert history.events[NEW].latest.schema == NOW.schemas[PLAN]
    assert history.events[OPENED].latest.schema == gate.schemas[OPENED]
    about = history.events[OPENED].examples["another"]
    assert (about.edition, about.digest) == (history.events[OPENED].latest.number, digest_of(EXAMPLE.text))
    assert history.code_lists == NOW.history.code_lists
    assert second.name not in history.events[NEW].examples


def test_new_examples_alone_make_no_edition(folder: Path) -> None:
    gate = replace(NOW, examples=[*NOW.examples, Golden(OPENED, "another", EXAMPLE.text)], folder=folder)

    assert gate.publish(today=TODAY) == [f"{OPENED}: examples another"]

    published = read_history(folder).events[OPENED]
    assert published.latest == NOW.history.events[OPENED].latest
    assert "another" in published.examples


def test_publishing_refuses_with_all_that_is_broken_strays_first(folder: Path) -> None:
    (folder / PLAN / "7.json").write_text("{}", encoding="utf-8")
    gate = replace(NOW, schemas=with_field("first", required=True), folder=folder)

    with pytest.raises(PublishingRefusedError) as refusal:
        gate.publish(today=TODAY)

    stray, contract, *_ = str(refusal.value).splitlines()
    assert stray.startswith(f"published/{PLAN}/7.json has no line in lock.json")
    assert contract.startswith(f"{OPENED} breaks edition 1 ")


def test_what_is_recorded_is_in_the_order_of_its_names_whatever_order_it_came_in(folder: Path) -> None:
    lists = {"zones": frozenset("ba"), **NOW.code_lists, "areas": frozenset("c")}
    examples = [Golden(OPENED, name, EXAMPLE.text) for name in ("zz", "aa")]
    replace(NOW, code_lists=lists, examples=[*NOW.examples, *examples], folder=folder).publish(today=TODAY)

    codes = json.loads((folder / "code_lists.json").read_text(encoding="utf-8"))
    lock = json.loads((folder / "lock.json").read_text(encoding="utf-8"))
    assert list(codes) == sorted(codes)
    assert codes["zones"] == ["a", "b"]
    assert list(lock["events"]) == sorted(lock["events"])
    assert list(lock["events"][OPENED]["examples"]) == sorted(lock["events"][OPENED]["examples"])


def test_codes_are_added_to_those_that_were_published_and_none_is_taken_out(folder: Path) -> None:
    crisis = replace(NOW, code_lists={"themes": NOW.code_lists["themes"] | {"x"}}, folder=folder)
    assert [each for each in crisis.breaks() if "themes" in each] == []

    record(folder, schemas={}, examples={}, code_lists={"themes": frozenset({"x"})}, today=TODAY)

    codes = read_history(folder).code_lists
    assert codes["themes"] == NOW.code_lists["themes"] | {"x"}
    assert codes.keys() == NOW.code_lists.keys()


def test_an_event_that_was_never_published_cannot_be_retired(folder: Path) -> None:
    with pytest.raises(LookupError, match=f"{NEW} was never published"):
        replace(NOW, folder=folder).retire(NEW, today=TODAY)


def test_a_retired_event_is_asked_about_no_more_and_the_others_still_are(folder: Path) -> None:
    gone = {OPENED, PLAN}
    fewer: Mapping[str, Any] = {name: each for name, each in NOW.schemas.items() if name not in gone}
    replace(NOW, schemas=fewer, folder=folder).retire(PLAN, today=TODAY)

    history = read_history(folder)
    gate = replace(NOW, schemas=fewer, history=history, folder=folder)

    assert history.events[PLAN].retired == TODAY
    assert [each.type for each in gate.verdicts() if each.status is Status.GONE] == [OPENED]
    assert [name for name, _ in history.in_force if name in gone] == [OPENED]


# Examples


def test_each_example_is_held_to_its_class_and_to_the_edition_it_came_with() -> None:
    strange = Golden(NEW, "strange", "{}")
    changed = replace(NOW.examples[0], text="{}")
    gone = NOW.examples[1]
    gate = replace(NOW, examples=[changed, *NOW.examples[2:], strange])

    held = list(gate.examples_held())

    faults = {str(each.golden): each.fault for each in held if each.fault}
    assert list(faults) == [str(changed), str(strange), str(gone)]
    assert faults[str(changed)].startswith(f"examples/{changed}.json is not what was published")
    assert faults[str(strange)] == f"examples/{NEW}/strange.json is of no event"
    assert faults[str(gone)].startswith(f"examples/{gone}.json is not what was published")
    editions = {str(each.golden): each.edition for each in held}
    published = NOW.history.events[gone.type].examples[gone.name]
    assert (editions[str(strange)], editions[str(gone)]) == (None, published.edition)


def test_an_example_that_lacks_several_fields_is_named_with_each_of_them() -> None:
    document = json.loads(EXAMPLE.text)
    del document["data"]["due_on"], document["data"]["title"]["en"]
    strange = Golden(OPENED, "strange", json.dumps(document))

    [said] = [each for each in replace(NOW, examples=[*NOW.examples, strange]).breaks() if "strange" in each]

    assert said == f"examples/{OPENED}/strange.json is not read by TaskOpenedV1 any more: title.en, due_on"


# The verdict


def test_every_difference_is_given_to_programs_with_its_edition() -> None:
    gate = replace(NOW, schemas=with_field("first", required=True))
    [verdict] = [each for each in gate.verdicts() if each.type == OPENED]

    lost = Change("reason", "written", "it is not always written", Effect.EVERYONE)
    document = as_json(replace(verdict, unrecorded=("one",), unlike=(lost,)))

    asked = {"rule": "required", "reason": "new readers require it, and old events do not have it"}
    assert document == {
        "type": OPENED,
        "status": "breaking",
        "unpublished_examples": ["one"],
        "changes": [
            *(
                {"edition": each.number, "field": "first", **asked, "breaks": True, "hurts": "new readers"}
                for each in NOW.history.events[OPENED].editions
            ),
            {
                "edition": None,
                "field": "reason",
                "rule": "written",
                "reason": "it is not always written",
                "breaks": True,
                "hurts": "everyone",
            },
        ],
    }


def test_an_event_the_lock_names_without_any_edition_is_not_what_was_recorded(folder: Path) -> None:
    lock = json.loads((folder / "lock.json").read_text(encoding="utf-8"))
    lock["events"][OPENED] |= {"editions": [], "examples": {}}
    (folder / "lock.json").write_text(json.dumps(lock), encoding="utf-8")

    with pytest.raises(HistoryChangedError, match=rf" {OPENED}/1\.json\. "):
        read_history(folder)


def test_all_that_was_changed_is_named_at_once(folder: Path) -> None:
    for name in (f"{OPENED}/1.json", f"{PLAN}/1.json", "code_lists.json"):
        (folder / name).write_text("{}\n", encoding="utf-8")

    with pytest.raises(HistoryChangedError) as refusal:
        read_history(folder)

    assert f": {PLAN}/1.json, {OPENED}/1.json, code_lists.json. " in str(refusal.value)
