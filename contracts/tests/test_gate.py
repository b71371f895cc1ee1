"""What is published stays, every edition of it is compared, and what breaks one is refused with a way out."""

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import contracts
from contracts import gate
from contracts.gate.checkout import FOLDER, Gate, PublishingRefusedError, faults_of_checkout
from contracts.gate.editions import History, HistoryChangedError, read_history, record, strays
from contracts.gate.list_versions import ListVersion, versions_of_today
from contracts.gate.verdicts import Status, Verdict
from contracts.testing import Golden, golden_events

OPENED = "coordination.task.opened.v1"
PLAN = "coordination.plan.published.v1"
TODAY = date(2026, 12, 1)
NOW = Gate.of_checkout()
LATEST = NOW.history.events[OPENED].latest

FIELD, OTHER_FIELD, EXAMPLE, CODE = "of_the_tests", "also_of_the_tests", "of-the-tests", "of_the_tests"
"""Names that no event, example or code list has: whoever adds to them finds nothing of theirs in here."""

type_of_each = pytest.mark.parametrize("name", NOW.schemas)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of everything published, to publish to."""
    return Path(shutil.copytree(FOLDER, tmp_path / "published"))


def a_gate(folder: Path, **changes: Any) -> Gate:
    """The contracts of today against what is published in the folder."""
    return replace(NOW, history=read_history(folder), folder=folder, **changes)


def with_field(schema: Mapping[str, Any], name: str, about: Mapping[str, Any] | None) -> dict[str, Any]:
    """The schema with this optional field, or without it."""
    changed = copy.deepcopy(dict(schema))
    changed["properties"].pop(name, None)
    changed["required"] = [each for each in changed["required"] if each != name]
    if about is not None:
        changed["properties"][name] = about
    return changed


def opened_with(**fields: Mapping[str, Any] | None) -> dict[str, Any]:
    schema = NOW.schemas[OPENED]
    for name, about in fields.items():
        schema = with_field(schema, name, about)
    return {**NOW.schemas, OPENED: schema}


def verdict_on(gate: Gate, name: str) -> Verdict:
    [verdict] = [verdict for verdict in gate.verdicts() if verdict.type == name]
    return verdict


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.json")}


def test_the_contracts_of_today_keep_what_was_published_and_all_of_them_are() -> None:
    assert faults_of_checkout() == []
    gate.verify()


@type_of_each
def test_every_edition_is_compared_and_today_is_the_latest(name: str) -> None:
    published = NOW.history.events[name]
    asking = copy.deepcopy(dict(published.latest.schema))
    asking["properties"]["asked_once"] = {"type": "string"}
    asking["required"] = [*asking["required"], "asked_once"]
    first = replace(published.latest, number=0, text=json.dumps(asking))
    longer = replace(published, editions=(first, *published.editions))
    history = replace(NOW.history, events={**NOW.history.events, name: longer})

    verdict = verdict_on(replace(NOW, history=history), name)

    assert [edition for edition, _ in verdict.breaking()] == [first]
    assert verdict_on(NOW, name).status is Status.PUBLISHED


@type_of_each
def test_every_published_example_is_read_by_the_readers_of_every_edition(name: str) -> None:
    published = NOW.history.events[name]

    assert {golden.name for golden in golden_events(name)} == set(published.examples)
    for edition in published.editions:
        validator = Draft202012Validator(edition.schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        for golden in golden_events(name):
            validator.validate(golden.cloudevent["data"])


def test_a_break_names_the_field_the_reason_the_edition_and_the_way_out() -> None:
    broken = replace(NOW, schemas=opened_with(state={"type": "string"}))

    [said] = broken.breaks()

    assert f"{OPENED} breaks edition {LATEST.number} (published {LATEST.published}):" in said
    assert "state: old readers require it, and new events may leave it out" in said
    assert "state: new events may hold any string, and old readers take only 'opened', 'accepted'" in said
    assert "make TaskOpenedV2 (coordination.task.opened.v2), announced beside it" in said
    assert "docs/how-to/change-an-event.md" in said


def test_the_envelope_has_no_next_version() -> None:
    envelope = with_field(NOW.schemas["envelope"], "epoch", None)

    [said] = replace(NOW, schemas={**NOW.schemas, "envelope": envelope}).breaks()

    assert "epoch: old readers require it" in said
    assert "V2" not in said
    assert "add optional attributes only" in said


def test_a_name_that_was_once_used_for_something_else_is_never_free_again(folder: Path) -> None:
    text, number = opened_with(**{FIELD: {"type": "string"}}), opened_with(**{FIELD: {"type": "integer"}})
    a_gate(folder, schemas=text).publish(today=TODAY)
    a_gate(folder).publish(today=TODAY)

    verdict = verdict_on(a_gate(folder, schemas=number), OPENED)

    assert verdict.status is Status.BREAKING
    assert [edition.number for edition, _ in verdict.breaking()] == [LATEST.number + 1]
    assert [edition.number for edition in verdict.changes] == list(range(1, LATEST.number + 3))
    assert verdict_on(a_gate(folder, schemas=text), OPENED).status is Status.GROWN


def test_a_field_is_renamed_by_keeping_both_names_for_one_publication(folder: Path) -> None:
    text = {"type": "string"}
    old, both, new = (
        opened_with(**dict.fromkeys(names, text)) for names in ([FIELD], [FIELD, OTHER_FIELD], [OTHER_FIELD])
    )
    a_gate(folder, schemas=old).publish(today=TODAY)
    with pytest.raises(PublishingRefusedError, match=f"{FIELD}: it goes while {OTHER_FIELD} comes"):
        a_gate(folder, schemas=new).publish(today=TODAY)

    a_gate(folder, schemas=both).publish(today=TODAY)
    a_gate(folder, schemas=new).publish(today=TODAY)

    assert read_history(folder).events[OPENED].latest.number == LATEST.number + 3


def test_publishing_records_what_is_new_once_and_touches_nothing_else(folder: Path) -> None:
    before = everything_in(folder)
    example = Golden(OPENED, EXAMPLE, golden_events(OPENED)[0].text)
    lists = {**NOW.code_lists, "themes": NOW.code_lists["themes"] | {CODE}}
    grown = {
        "schemas": opened_with(**{FIELD: {"type": "boolean"}}),
        "examples": [*NOW.examples, example],
        "code_lists": lists,
    }

    said = a_gate(folder, **grown).publish(today=TODAY)

    assert said == [
        f"{OPENED}: {FIELD}: is new and optional; examples {EXAMPLE}",
        f"code list themes: {CODE}",
    ]
    assert a_gate(folder, **grown).publish(today=TODAY) == []
    after = everything_in(folder)
    changed = {name for name in after if after[name] != before.get(name)}
    number = LATEST.number + 1
    assert changed == {f"{OPENED}/{number}.json", "lock.json", "code_lists.json"}
    published = read_history(folder).events[OPENED]
    assert published.latest.published == TODAY
    assert (published.examples[EXAMPLE].edition, published.examples["senegal"].edition) == (number, 1)


def test_new_words_are_no_new_edition(folder: Path) -> None:
    reworded = {**NOW.schemas, PLAN: {**NOW.schemas[PLAN], "description": "The plan took effect."}}

    assert a_gate(folder, schemas=reworded).publish(today=TODAY) == []


def test_publishing_what_breaks_records_nothing(folder: Path) -> None:
    before = everything_in(folder)
    broken = a_gate(folder, schemas=opened_with(**{FIELD: {"type": "integer"}}, due_on=None))

    with pytest.raises(PublishingRefusedError, match="due_on"):
        broken.publish(today=TODAY)

    assert everything_in(folder) == before


def _edit(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace("string", "integer"), encoding="utf-8")


@pytest.mark.parametrize("harm", [_edit, Path.unlink])
@pytest.mark.parametrize("name", [f"{PLAN}/1.json", "code_lists.json"])
def test_what_is_published_cannot_be_changed_unnoticed(
    folder: Path, name: str, harm: Callable[[Path], None]
) -> None:
    (folder / "code_lists.json").write_text('{"kinds": ["string"]}\n') if harm is _edit else None
    harm(folder / name)

    with pytest.raises(HistoryChangedError, match=name.replace(".", r"\.")):
        read_history(folder)


def _edit_lock(folder: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    lock = json.loads((folder / "lock.json").read_text(encoding="utf-8"))
    edit(lock["events"])
    (folder / "lock.json").write_text(json.dumps(lock), encoding="utf-8")


@pytest.mark.parametrize(("place", "number"), [(0, 1), (-1, LATEST.number + 1)])
def test_an_edition_that_a_later_one_or_an_example_speaks_of_does_not_leave_the_lock_unnoticed(
    folder: Path, place: int, number: int
) -> None:
    example = Golden(OPENED, EXAMPLE, golden_events(OPENED)[0].text)
    grown = opened_with(**{FIELD: {"type": "string"}})
    a_gate(folder, schemas=grown, examples=[*NOW.examples, example]).publish(today=TODAY)
    _edit_lock(folder, lambda events: events[OPENED]["editions"].pop(place))

    with pytest.raises(HistoryChangedError, match=rf" {OPENED}/{number}\.json\. "):
        read_history(folder)


def test_publishing_writes_over_no_edition_whose_line_in_the_lock_is_lost(folder: Path) -> None:
    text, number = opened_with(**{FIELD: {"type": "string"}}), opened_with(**{FIELD: {"type": "integer"}})
    a_gate(folder, schemas=text).publish(today=TODAY)
    _edit_lock(folder, lambda events: events[OPENED]["editions"].pop())
    before = everything_in(folder)

    with pytest.raises(
        PublishingRefusedError, match=f"{OPENED}/{LATEST.number + 1}.json has no line in lock.json"
    ):
        a_gate(folder, schemas=number).publish(today=TODAY)

    assert everything_in(folder) == before


def test_a_new_edition_is_numbered_after_the_last_and_never_written_over_another(folder: Path) -> None:
    def record_edition(text: str) -> None:
        record(folder, schemas={OPENED: text}, examples={}, code_lists={}, today=TODAY)

    record_edition("{}")
    _edit_lock(folder, lambda events: events[OPENED]["editions"].pop(0))
    record_edition("{}")
    assert (folder / OPENED / f"{LATEST.number + 2}.json").is_file()

    _edit_lock(folder, lambda events: events[OPENED]["editions"].pop())
    with pytest.raises(FileExistsError):
        record_edition("another")


def test_a_lock_that_a_merge_left_half_done_is_named_with_what_to_do(folder: Path) -> None:
    lock = folder / "lock.json"
    lock.write_text(f"<<<<<<< ours\n{lock.read_text(encoding='utf-8')}", encoding="utf-8")

    with pytest.raises(
        HistoryChangedError, match=r"published/lock\.json is not JSON .* as it stands on main"
    ):
        read_history(folder)


@pytest.mark.parametrize("left", [None, "{}", '{"events": {}, "code_lists": ""}'])
def test_a_history_that_is_gone_is_not_taken_for_one_that_never_began(folder: Path, left: str | None) -> None:
    shutil.rmtree(folder)
    if left is not None:
        folder.mkdir()
        (folder / "lock.json").write_text(left, encoding="utf-8")

    with pytest.raises(HistoryChangedError, match="bring the folder back"):
        read_history(folder)
    with pytest.raises(HistoryChangedError, match="bring the folder back"):
        replace(NOW, history=History({}, {}, {}), folder=folder).publish(today=TODAY)


def test_a_file_that_publishing_did_not_write_is_a_stray(folder: Path) -> None:
    stray = f"{PLAN}/{NOW.history.events[PLAN].latest.number + 1}.json"
    (folder / stray).write_text("{}", encoding="utf-8")

    assert strays(folder) == [stray]


def test_a_published_example_stays_as_its_senders_wrote_it() -> None:
    first, second, *others = NOW.examples
    changed = replace(first, text=f"{first.text}\n")

    said = "\n".join(replace(NOW, examples=[changed, *others]).breaks())

    assert f"examples/{first}.json is not what was published" in said
    assert f"examples/{second}.json is not what was published" in said


def test_an_example_that_the_class_does_not_read_is_named_with_the_field() -> None:
    strange = Golden(OPENED, "strange", golden_events(OPENED)[0].text.replace('"due_on"', '"until"'))

    said = "\n".join(replace(NOW, examples=[*NOW.examples, strange]).breaks())

    assert f"examples/{OPENED}/strange.json is not read by TaskOpenedV1 any more: due_on" in said


def test_a_code_list_grows_and_never_shrinks() -> None:
    themes = NOW.code_lists["themes"]
    grown = replace(NOW, code_lists={**NOW.code_lists, "themes": themes | {CODE}})
    shrunk = replace(NOW, code_lists={**NOW.code_lists, "themes": themes - {"crisis"}})

    assert grown.breaks() == []
    assert grown.unpublished() == [f"code list themes: {CODE}"]
    assert "code list themes: crisis" in shrunk.breaks()[0]


def _versions(**changes: tuple[int, str]) -> dict[str, ListVersion]:
    return {**NOW.list_versions, **{name: ListVersion(*version) for name, version in changes.items()}}


def test_a_code_list_that_changed_has_another_version(folder: Path) -> None:
    latest = max(NOW.history.list_versions["themes"])
    relabelled, raised = _versions(themes=(latest, "changed")), _versions(themes=(latest + 1, "changed"))

    [said] = a_gate(folder, list_versions=relabelled).breaks()

    assert said.startswith(f"code list themes is not what was published as its version {latest}")
    assert f"Raise `version` to {latest + 1} in contracts/src/contracts/data/themes.json" in said
    with pytest.raises(PublishingRefusedError, match="Raise `version`"):
        a_gate(folder, list_versions=relabelled).publish(today=TODAY)
    assert a_gate(folder, list_versions=raised).publish(today=TODAY) == [
        f"code list themes: version {latest + 1}"
    ]
    assert a_gate(folder, list_versions=raised).unpublished() == []
    assert f"Raise `version` to {latest + 2}" in "".join(
        a_gate(folder, list_versions=_versions(themes=(latest + 1, "again"))).breaks()
    )


@pytest.mark.parametrize("steps", [-1, 2])
def test_the_versions_of_a_code_list_follow_each_other(folder: Path, steps: int) -> None:
    raised = _versions(themes=(2, "changed"))
    a_gate(folder, list_versions=raised).publish(today=TODAY)

    [said] = a_gate(folder, list_versions=_versions(themes=(2 + steps, "another"))).breaks()

    assert f"code list themes says version {2 + steps}, and 2 is the latest published" in said


def test_a_label_that_changed_is_another_content_of_its_list(tmp_path: Path) -> None:
    themes = json.loads(
        (Path(contracts.__file__).parent / "data" / "themes.json").read_text(encoding="utf-8")
    )
    before = NOW.list_versions["themes"]

    themes["codes"][0]["ar"] += "."
    (tmp_path / "themes.json").write_text(json.dumps(themes), encoding="utf-8")

    assert versions_of_today(tmp_path)["themes"].number == before.number
    assert versions_of_today(tmp_path)["themes"].digest != before.digest


def test_a_published_event_is_understood_until_it_is_retired(folder: Path) -> None:
    fewer = {name: schema for name, schema in NOW.schemas.items() if name != PLAN}
    examples = [golden for golden in NOW.examples if golden.type != PLAN]
    with pytest.raises(LookupError, match="still has a class"):
        a_gate(folder).retire(PLAN, today=TODAY)
    assert verdict_on(a_gate(folder, schemas=fewer), PLAN).status is Status.GONE
    assert "bring it back, or retire it" in a_gate(folder, schemas=fewer).breaks()[0]

    a_gate(folder, schemas=fewer).retire(PLAN, today=TODAY)

    assert a_gate(folder, schemas=fewer, examples=examples).breaks() == []


def _let_due_on_be(annotation: str) -> Callable[[Path], None]:
    def edit(package: Path) -> None:
        module = package / "coordination.py"
        text = module.read_text(encoding="utf-8").replace("due_on: date", f"due_on: {annotation}")
        module.write_text(
            text.replace("import AwareDatetime", "import AwareDatetime, Field"), encoding="utf-8"
        )

    return edit


def _lose_what_was_published(package: Path) -> None:
    shutil.rmtree(package / "published")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_let_due_on_be("AwareDatetime"), [f"{OPENED} breaks edition 1", "due_on: ", "make TaskOpenedV2"]),
        (
            _let_due_on_be("date = Field(exclude=True)"),
            [f"{OPENED} is not written as it is read", "due_on: "],
        ),
        (_lose_what_was_published, ["bring the folder back"]),
    ],
)
def test_a_service_refuses_to_start_with_contracts_that_break_what_was_published(
    tmp_path: Path, harm: Callable[[Path], None], said: list[str]
) -> None:
    package = Path(shutil.copytree(Path(contracts.__file__).parent, tmp_path / "contracts"))
    harm(package)
    settings = {
        "DATABASE_URL": "postgresql://nowhere",
        "NATS_URL": "nats://nowhere",
        "NATS_SEED": "S",
        "PORT": "0",
    }
    environment = {f"REGISTRY_{name}": value for name, value in settings.items()}

    started = subprocess.run(
        [sys.executable, "-m", "registry"],
        env={**os.environ, **environment, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert started.returncode == 1
    assert started.stderr.startswith("registry does not start: its contracts break what was published.")
    assert all(each in started.stderr for each in said)
    assert "Traceback" not in started.stderr
