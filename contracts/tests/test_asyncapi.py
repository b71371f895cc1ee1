"""The generated document is AsyncAPI 3.0 by the official schema, and keeps the rules which that cannot say."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from contracts.generate import HOME
from contracts.generate.asyncapi import document
from contracts.generate.topology import read_topology

OFFICIAL = Path(__file__).parent / "vendor" / "asyncapi" / "3.0.0.json"
VALIDATOR = Draft7Validator(json.loads(OFFICIAL.read_text(encoding="utf-8")))
DOCUMENT = document(read_topology(HOME.parent / "deploy" / "nats" / "services"), version="1.0.0")
CHANNEL = "coordination.task.opened.v1"

Edit = Callable[[dict[str, Any]], Any]


def faults_of(asyncapi: dict[str, Any]) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in VALIDATOR.iter_errors(asyncapi)]


def test_the_document_is_asyncapi_by_the_official_schema() -> None:
    assert faults_of(DOCUMENT) == []


MISTAKES: dict[str, Edit] = {
    "another version": lambda asyncapi: asyncapi.update(asyncapi="2.6.0"),
    "no version of its own": lambda asyncapi: asyncapi["info"].pop("version"),
    "a misspelt word": lambda asyncapi: asyncapi["channels"][CHANNEL].update(adress="misspelt"),
    "no action": lambda asyncapi: asyncapi["operations"][f"coordination.announces.{CHANNEL}"].pop("action"),
    "a parameter as of 2": lambda asyncapi: asyncapi["components"]["parameters"]["from"].update(schema={}),
}


@pytest.mark.parametrize("edit", MISTAKES.values(), ids=MISTAKES)
def test_the_schema_finds_what_is_not_asyncapi(edit: Edit) -> None:
    broken = copy.deepcopy(DOCUMENT)
    edit(broken)

    assert faults_of(broken)


def test_every_place_in_an_address_is_a_parameter_and_every_parameter_has_its_place() -> None:
    for channel in DOCUMENT["channels"].values():
        assert re.findall(r"\{(\w+)\}", channel["address"]) == list(channel["parameters"])


def test_an_operation_sends_or_receives_a_message_of_its_own_channel() -> None:
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"]
        name = channel.removeprefix("#/channels/")
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{channel}/messages/")
            assert message["$ref"].rpartition("/")[2] in DOCUMENT["channels"][name]["messages"]


def test_every_message_names_the_schema_its_events_carry() -> None:
    for name, message in DOCUMENT["components"]["messages"].items():
        [_, narrowed] = message["payload"]["schema"]["allOf"]
        schema = json.loads((HOME / narrowed["properties"]["data"]["$ref"]).read_text(encoding="utf-8"))
        assert narrowed["properties"]["type"]["const"] == name
        assert narrowed["properties"]["dataschema"]["const"] == schema["$id"]
