"""What is generated agrees with the classes, and says itself who announces and who hears."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from contracts import generate
from contracts.catalogue import EVENTS
from contracts.generate import HOME, generated, stale, write
from contracts.generate.topology import read_topology
from contracts.schema import schemas

SERVICE = """\
service: listener
announces: [registry]
hears:
  - durable: listener-mirror-members
    types: [registry.member.joined.v1, registry.member.left.v1]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of its own, with one service on the broker."""
    services = tmp_path / "deploy" / "nats" / "services"
    services.mkdir(parents=True)
    (services / "listener.yaml").write_text(SERVICE, encoding="utf-8")
    home = tmp_path / "contracts"
    shutil.copytree(HOME / "examples", home / "examples")
    shutil.copy(HOME / "CHANGELOG.md", home)
    write(home)
    return home


def test_what_is_committed_agrees_with_the_classes(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0, capsys.readouterr().err


def test_generating_twice_writes_the_same_bytes() -> None:
    assert dict(generated()) == dict(generated())


def test_the_check_names_what_is_stale_and_the_command_to_run(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "CATALOGUE.md").write_text("old", encoding="utf-8")
    (checkout / "schemas" / "envelope.json").unlink()
    (checkout / "schemas" / "registry.member.renamed.v1.json").write_text("{}", encoding="utf-8")
    files = stale(checkout)
    monkeypatch.setattr(generate, "stale", lambda: files)

    assert generate.main(["--check"]) == 1

    said = capsys.readouterr().err
    for name in ("CATALOGUE.md", "schemas/envelope.json", "schemas/registry.member.renamed.v1.json"):
        assert f"contracts/{name}" in said
    assert "./ssenet contracts generate" in said


def test_writing_mends_what_is_stale_and_nothing_else(checkout: Path) -> None:
    (checkout / "CATALOGUE.md").write_text("old", encoding="utf-8")
    (checkout / "schemas" / "registry.member.renamed.v1.json").write_text("{}", encoding="utf-8")

    assert write(checkout) == ["CATALOGUE.md", "schemas/registry.member.renamed.v1.json"]
    assert stale(checkout) == []


@pytest.mark.parametrize("name", schemas())
def test_a_schema_is_json_schema_2020_12_with_a_name_of_its_own(name: str) -> None:
    schema = schemas()[name]

    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:ilo:sse:schema:{name.removesuffix('.json')}"
    assert schema["description"]
    assert [each["title"] for each in schemas().values()].count(schema["title"]) == 1


def test_a_schema_tells_which_code_list_a_field_is_of() -> None:
    properties = schemas()["partner.research.published.v1.json"]["properties"]

    assert properties["countries"]["items"]["x-code-list"] == "countries"
    assert properties["origin"]["readOnly"] is True


def test_the_asyncapi_document_says_who_sends_and_who_receives(checkout: Path) -> None:
    document = yaml.safe_load((checkout / "asyncapi.yaml").read_text(encoding="utf-8"))
    operations = document["operations"]

    assert document["asyncapi"] == "3.0.0"
    assert set(document["channels"]) == set(EVENTS)
    joined = "registry.member.joined.v1"
    assert document["channels"][joined]["address"] == f"sse.{{from}}.{{to}}.{joined}.{{slot}}"
    assert operations[f"listener.announces.{joined}"]["action"] == "send"
    assert (
        operations[f"listener-mirror-members.hears.{joined}"]["x-nats-durable"] == "listener-mirror-members"
    )


def test_every_reference_of_the_asyncapi_document_leads_somewhere(checkout: Path) -> None:
    document = yaml.safe_load((checkout / "asyncapi.yaml").read_text(encoding="utf-8"))

    for reference in _references(document):
        file, _, pointer = reference.partition("#")
        if file:
            assert (checkout / file).is_file(), reference
            continue
        target = document
        for step in pointer.strip("/").split("/"):
            target = target[step]


def test_the_catalogue_page_tells_announcer_listeners_and_examples(checkout: Path) -> None:
    page = (checkout / "CATALOGUE.md").read_text(encoding="utf-8")

    assert "Announced by listener; heard by `listener-mirror-members`." in page
    for event_type in EVENTS:
        assert f"\n## {event_type}\n" in page
        assert f"](examples/{event_type}/" in page


def test_a_missing_topology_leaves_each_type_to_its_first_word(tmp_path: Path) -> None:
    topology = read_topology(tmp_path / "nowhere")

    assert topology.announcer_of("registry.member.joined.v1") == "registry"
    assert topology.listeners_of("registry.member.joined.v1") == []


def test_the_broker_lets_one_service_announce_each_event() -> None:
    topology = read_topology(HOME.parent / "deploy" / "nats" / "services")
    announced = [owner for service in topology.services for owner in service.announces]
    heard = {each for service in topology.services for hearing in service.hears for each in hearing.types}

    assert len(announced) == len(set(announced))
    assert heard <= set(EVENTS)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref":
                yield item
            else:
                yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
