"""kill -9 of any one process under way: once it is back, every accepted event has its one task and its item."""

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from chassis.testing import eventually
from contracts.catalogue import PARTNER_EVENTS
from ssenet.data_folder.folder import DataFolder
from ssenet.network.client import the_network
from ssenet.partners.grants_and_keys import ensure, make_key
from tests.conftest import PARTNER, PARTNER_NAME, Running, ssenet, status
from tests.flows.test_from_partner_to_inbox import a_request, send

EVENTS = 24
KILLED_AFTER = 8


@pytest.fixture(scope="module")
def own_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A network of this module's own, since its processes are killed."""
    folder = tmp_path_factory.mktemp("killed")
    ssenet("up", "--detach", "--port", "0", "--data", str(folder))
    try:
        asked = the_network(DataFolder(folder))
        ensure(asked, PARTNER, name=PARTNER_NAME, grants=sorted(PARTNER_EVENTS))
        yield Running(folder, asked.state.url, make_key(asked, PARTNER))
    finally:
        ssenet("down", "--data", str(folder))


@pytest.mark.parametrize(
    "victim", ["postgres", "nats", "registry", "coordination", "notifications", "gateway"]
)
async def test_a_killed_process_loses_nothing_once_it_is_back(own_network: Running, victim: str) -> None:
    tasks_before = len(_tasks(own_network))
    async with own_network.as_partner() as partner:
        accepted: list[str] = []
        for number in range(EVENTS):
            if number == KILLED_AFTER:
                [process] = [one for one in status(own_network)["processes"] if one["name"] == victim]
                os.kill(process["pid"], signal.SIGKILL)
            accepted.append(await _send_until_accepted(partner, a_request()))
        await eventually(lambda: status(own_network)["ready"], timeout=30)
        for event_id in accepted:
            await eventually(lambda: _is_notified(partner, event_id), timeout=60)  # noqa: B023 - awaited here

    assert len(set(accepted)) == EVENTS
    assert len(_tasks(own_network)) - tasks_before == EVENTS
    for service in ("registry", "coordination", "notifications", "gateway"):
        told = own_network.asked.ask(service, "GET", "/status")
        assert (told["dead_letters"], told["outbox"]["unpublished"]) == (0, 0)


async def _send_until_accepted(partner: httpx.AsyncClient, event: dict[str, Any]) -> str:
    """What the how-to tells partners to do: repeat the same event until the answer is 202."""
    async with asyncio.timeout(60):
        while True:
            try:
                answer = await send(partner, event)
            except httpx.TransportError:
                await asyncio.sleep(0.1)
                continue
            if answer.status_code == 202:
                return str(answer.json()["event_id"])
            assert answer.status_code in {500, 503}, answer.text
            await asyncio.sleep(0.1)


async def _is_notified(partner: httpx.AsyncClient, event_id: str) -> bool:
    answer = await partner.get(f"/events/{event_id}")
    return answer.status_code == 200 and "notified" in [step["name"] for step in answer.json()["steps"]]


def _tasks(network: Running) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = network.asked.ask("coordination", "GET", "/tasks?limit=500")
    return tasks
