"""What each service may do at the broker, by the real description: its own subjects and durables, nothing else."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from chassis.broker.connection import Outgoing, connect
from chassis.broker.nkeys import public_keys
from chassis.broker.provision import provision_site
from chassis.broker.topology import PROVISIONER, ServiceDescription, Topology, accounts_block
from chassis.ids import new_id
from chassis.testing import eventually
from ssenet.processes.servers import Nats, start_nats

SERVICES = ("registry", "coordination", "notifications", "gateway")
STREAMS = ("EVENTS", "ADVISORIES")
STREAM_CALLS = ("CREATE", "UPDATE", "INFO", "PURGE", "DELETE", "MSG.GET", "MSG.DELETE", "SNAPSHOT", "RESTORE")
CONSUMER_CALLS = ("CREATE", "DURABLE.CREATE", "DELETE", "PAUSE")
UNHEARD = (">", "*.>", "sse.>", "sse.hq.>", "$JS.>", "$JS.ACK.>", "$JS.API.>", "$JS.EVENT.>", "$SYS.>")
END = "nobody.may.publish.this"
REFUSAL = "permissions violation for "


def uses_of(durable: str) -> list[str]:
    """What is published to use a durable: to ask after it, to be delivered, to acknowledge or give up."""
    return [
        f"$JS.API.CONSUMER.INFO.EVENTS.{durable}",
        f"$JS.API.CONSUMER.MSG.NEXT.EVENTS.{durable}",
        f"$JS.API.CONSUMER.RESET.EVENTS.{durable}",
        f"$JS.ACK.EVENTS.{durable}.1.1.1.1790000000000000000.0",
        f"$JS.ACK._.account.EVENTS.{durable}.1.1.1.1790000000000000000.0",
    ]


def forbidden_publishing(topology: Topology, service: str) -> list[str]:
    """Everything this service may not say: others' events and durables, and the administration of streams."""
    others = [one for one in topology.services if one.service != service]
    [own] = [one for one in topology.services if one.service == service]
    subjects = [
        f"sse.hq.{to}.{word}.thing.done.v1.00"
        for one in others
        for word in one.announces
        for to in ("all", "field")
    ]
    # Neither in another site's name, nor under a word nobody announces.
    subjects += [f"sse.field.all.{own.announces[0]}.thing.done.v1.00", "sse.hq.all.stranger.thing.done.v1.00"]
    subjects += [use for one in others for heard in one.hears for use in uses_of(heard.durable)]
    subjects += [f"_INBOX_{one.service}.guess" for one in others]
    for stream in STREAMS:
        subjects += [f"$JS.API.STREAM.{call}.{stream}" for call in STREAM_CALLS if call != "INFO"]
        subjects += [f"$JS.API.DIRECT.GET.{stream}", f"$JS.API.DIRECT.GET.{stream}.sse.hq.all.registry.x.v1"]
        subjects += [f"$JS.API.CONSUMER.{call}.{stream}" for call in ("CREATE", "LIST", "NAMES")]
        durables = ["own", *(heard.durable for heard in own.hears)]
        subjects += [f"$JS.API.CONSUMER.{c}.{stream}.{name}" for c in CONSUMER_CALLS for name in durables]
        subjects += [f"$JS.API.CONSUMER.CREATE.{stream}.{name}.sse.>" for name in durables]
    return [
        *subjects,
        "$JS.API.STREAM.INFO.ADVISORIES",
        "$JS.API.INFO",
        "$JS.API.STREAM.NAMES",
        "$JS.API.STREAM.LIST",
        "$SYS.REQ.SERVER.PING",
    ]


def forbidden_hearing(topology: Topology, service: str) -> list[str]:
    """Everything this service may not listen to: the events themselves, and answers meant for others."""
    others = [one.service for one in topology.services if one.service != service] + [PROVISIONER]
    return [*UNHEARD, "_INBOX.>", *(f"_INBOX_{other}.>" for other in others)]


@asynccontextmanager
async def connected(url: str, seed: str, refused: list[str]) -> AsyncGenerator[Client]:
    """A client that writes down what the server refuses it."""

    async def note(error: Exception) -> None:
        refused.append(str(error).lower())

    client = Client()
    await client.connect(url, nkeys_seed_str=seed, inbox_prefix="_INBOX_none", error_cb=note)
    try:
        yield client
    finally:
        await client.close()


async def let_through(url: str, topology: Topology, service: str, seed: str) -> list[str]:
    """What the server lets the service do although it must not."""
    refused: list[str] = []
    speaking, hearing = forbidden_publishing(topology, service), forbidden_hearing(topology, service)
    async with connected(url, seed, refused) as client:
        for subject in speaking:
            await client.publish(subject, b"{}")
        for subject in hearing:
            await client.subscribe(subject, cb=_ignore)
        # The server answers in order. (A ping would not do: the client sends it ahead of what still waits.)
        await client.publish(END, b"")
        await eventually(lambda: any(END in one for one in refused), timeout=5)
    said = "\n".join(refused)
    asked = {f'publish to "{subject}"': subject for subject in speaking}
    asked |= {f'subscription to "{subject}"': subject for subject in hearing}
    return [what for what in asked if f"{REFUSAL}{what}".lower() not in said]


async def _ignore(_message: Msg) -> None:
    """Nothing may arrive here."""


@pytest.fixture(scope="module")
def broker_server(
    tmp_path_factory: pytest.TempPathFactory, topology: Topology, nats_seeds: Mapping[str, str]
) -> Iterator[Nats]:
    """A server of this module's own: what is published here must reach no other test's durables."""
    users = accounts_block(topology, public_keys(nats_seeds))
    server = start_nats(tmp_path_factory.mktemp("permissions"), users)
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def url(broker_server: Nats, topology: Topology, nats_seeds: Mapping[str, str]) -> str:
    await provision_site(topology, url=broker_server.url, seed=nats_seeds[PROVISIONER])
    return broker_server.url


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_may_do_nothing_that_is_anothers(
    url: str, topology: Topology, nats_seeds: Mapping[str, str], service: str
) -> None:
    assert await let_through(url, topology, service, nats_seeds[service]) == []


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_announces_under_its_own_words(
    url: str, topology: Topology, nats_seeds: Mapping[str, str], service: str
) -> None:
    [described] = [one for one in topology.services if one.service == service]
    subjects = [
        f"sse.hq.{to}.{word}.thing.done.v1.00" for word in described.announces for to in ("all", "field")
    ]
    broker = await connect(url, service=service, seed=nats_seeds[service])
    try:
        stored = await broker.publish_atomic_batch(
            [Outgoing(subject, str(new_id()), b"{}") for subject in subjects]
        )
    finally:
        await broker.stop()

    assert len(stored) == len(subjects)


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "registry"])
async def test_a_service_is_delivered_by_its_own_durables_and_acknowledges(
    url: str, topology: Topology, nats_seeds: Mapping[str, str], service: str
) -> None:
    [described] = [one for one in topology.services if one.service == service]
    provisioner = await connect(url, service=PROVISIONER, seed=nats_seeds[PROVISIONER])
    broker = await connect(url, service=service, seed=nats_seeds[service])
    try:
        for heard in described.hears:
            await provisioner.publish_one(Outgoing(f"sse.hq.all.{heard.types[0]}.00", str(new_id()), b"{}"))
            pulling = await broker.jetstream.pull_subscribe_bind(heard.durable, stream="EVENTS")
            [message] = await pulling.fetch(1, timeout=5)
            await message.ack_sync()
            told = await broker.jetstream.consumer_info("EVENTS", heard.durable)
            assert (told.num_ack_pending, told.delivered.consumer_seq if told.delivered else 0) == (0, 1)
    finally:
        await broker.stop()
        await provisioner.stop()


class Widened(Topology):
    """The real description, with one permission too many for every service."""

    kind: str = "publish"
    more: str = ""

    def permissions(self, service: ServiceDescription) -> dict[str, dict[str, list[str]]]:
        given = super().permissions(service)
        given[self.kind]["allow"].append(self.more)
        return given


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("publish", "sse.>"),
        ("publish", "$JS.ACK.>"),
        ("publish", "$JS.API.CONSUMER.MSG.NEXT.EVENTS.*"),
        ("publish", "$JS.API.STREAM.PURGE.EVENTS"),
        ("publish", "$JS.API.DIRECT.GET.>"),
        ("subscribe", "sse.>"),
        ("subscribe", "_INBOX_gateway.>"),
    ],
)
async def test_one_permission_too_many_is_found(
    tmp_path: Path, topology: Topology, nats_seeds: Mapping[str, str], kind: str, more: str
) -> None:
    described: dict[str, Any] = topology.model_dump()
    widened = Widened.model_validate({**described, "kind": kind, "more": more})
    server = start_nats(tmp_path, accounts_block(widened, public_keys(nats_seeds)))
    try:
        found = await let_through(server.url, topology, "notifications", nats_seeds["notifications"])
    finally:
        server.stop()

    assert found
    assert all(_matches(more, what.split('"')[1]) for what in found), found


def _matches(pattern: str, subject: str) -> bool:
    """Whether a subject is one of a pattern's, by NATS' own rule."""
    wanted, words = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted, words = wanted[:-1], words[: len(wanted) - 1]
    return len(wanted) == len(words) and all(a in {"*", b} for a, b in zip(wanted, words, strict=True))
