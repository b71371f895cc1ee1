"""The network's contract and what the services themselves say they hear and announce are one and the same."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from fastapi import FastAPI

import coordination.app
import coordination.settings
import gateway.app
import gateway.settings
import notifications.app
import notifications.settings
import registry.app
import registry.settings
from chassis.settings import ServiceSettings
from chassis.testing import Running
from contracts.event import SUBJECTS

CONTRACT = Path(__file__).parents[2] / "contracts" / "asyncapi.yaml"
GATEWAYS = {
    "registry_url": "http://registry.test",
    "coordination_url": "http://coordination.test",
    "notifications_url": "http://notifications.test",
    "service_token": "the-gateways-own",
    "public_url": "http://service.test",
}
SERVICES: dict[str, tuple[Callable[[Any], FastAPI], type[ServiceSettings], Mapping[str, str]]] = {
    "registry": (registry.app.build, registry.settings.Settings, {}),
    "coordination": (coordination.app.build, coordination.settings.Settings, {}),
    "notifications": (notifications.app.build, notifications.settings.Settings, {}),
    "gateway": (gateway.app.build, gateway.settings.Settings, GATEWAYS),
}

Operation = tuple[str, str, str, str]
"""What is done, by which durable, on which address, with which type."""


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_documents_the_operations_that_the_contract_gives_it(
    running: Running, service: str
) -> None:
    build, settings, more = SERVICES[service]

    async with running(build, settings, service, callers={"operator": "token"}, **more) as client:
        answer = await client.get("/asyncapi.json", headers={"Authorization": "Bearer token"})

    assert answer.status_code == 200, answer.text
    assert sorted(documented(answer.json())) == sorted(agreed(service))


@pytest.mark.parametrize(("token", "status"), [("", 401), ("for-the-gateway", 403)])
async def test_nobody_but_the_operator_is_told_what_a_service_hears(
    running: Running, token: str, status: int
) -> None:
    build, settings, more = SERVICES["registry"]

    async with running(build, settings, "registry", callers={"gateway": "for-the-gateway"}, **more) as client:
        answer = await client.get("/asyncapi.json", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == status


def agreed(service: str) -> list[Operation]:
    """The operations of a service as the network's contract has them."""
    document = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    found: list[Operation] = []
    for operation in document["operations"].values():
        if operation["x-service"] == service:
            channel = at(document, operation["channel"])
            [message] = [at(document, at(document, one)) for one in operation["messages"]]
            address = re.sub(r"\{\w+\}", "*", channel["address"])
            durable = operation.get("x-nats-durable", "")
            found.append((operation["action"], durable, address, message["name"]))
    return found


def documented(document: Any) -> list[Operation]:
    """The operations that a service's own document has, each once for the type that its address is of."""
    found: list[Operation] = []
    for operation in document["operations"].values():
        channel = at(document, operation["channel"])
        receives = operation["action"] == "receive"
        durable = (
            unquote(operation["channel"]["$ref"].rpartition("/")[2]).partition(":")[0] if receives else ""
        )
        # A service announces from its own site; the contract is that of every site.
        address = re.sub(rf"^{SUBJECTS}\.hq\.", f"{SUBJECTS}.*.", channel["address"])
        [message] = [at(document, at(document, one)) for one in operation["messages"]]
        payload = at(document, message["payload"])
        envelopes = [at(document, one) for one in payload.get("anyOf", [payload])]
        [kind] = [
            one["properties"]["type"]["const"]
            for one in envelopes
            if one["properties"]["type"]["const"] in address
        ]
        found.append((operation["action"], durable, address, kind))
    return found


def at(document: Any, reference: Any) -> Any:
    """What a reference refers to; what is none is what it is."""
    found = document
    if "$ref" not in reference:
        return reference
    for step in reference["$ref"].removeprefix("#/").split("/"):
        found = found[unquote(step)]
    return found
