"""A stream that was made anew looks like any other: who published to the former one knows better, and says so."""

import asyncio
import shutil
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from ledger import EntryMadeV1, make_entries, postings, subscriptions
from ledger.messaging import TOPOLOGY, provisioner_of
from pydantic import SecretStr

from chassis.broker.connection import Outgoing, connect
from chassis.broker.nkeys import public_keys
from chassis.broker.provision import provision
from chassis.broker.stream_identity import ObservedStream, RecordedStream, what_is_lost
from chassis.broker.topology import accounts_block
from chassis.runtime.service import Service, create_service
from chassis.settings import ServiceSettings
from chassis.testing import Databases, NatsSite, an_envelope, eventually
from ssenet.processes.servers import Nats, start_nats

MADE_AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("known", "seen", "lost"),
    [
        (RecordedStream(), ObservedStream(MADE_AT, 0), None),
        (RecordedStream(MADE_AT, 7), ObservedStream(MADE_AT, 7), None),
        (RecordedStream(MADE_AT, 7), ObservedStream(MADE_AT, 6), "ends at 6 and had 7"),
        (RecordedStream(None, 7), ObservedStream(MADE_AT, 6), "ends at 6 and had 7"),
        (
            RecordedStream(MADE_AT, 7),
            ObservedStream(MADE_AT + timedelta(hours=1), 5000),
            "was made anew at 2026-11-23T10:00:00+00:00",
        ),
    ],
)
def test_a_stream_is_lost_when_it_is_another_or_shorter(
    known: RecordedStream, seen: ObservedStream, lost: str | None
) -> None:
    assert what_is_lost(known, seen) == lost


@dataclass
class Ledger:
    """The ledger's service, running on a broker that can be lost."""

    service: Service
    client: Any
    server: Nats
    configuration: str
    site: NatsSite

    async def lose_the_store(self) -> None:
        """The broker's disk is gone, and somebody has streams and durables made again."""
        await asyncio.to_thread(self.server.stop)
        shutil.rmtree(self.server.folder / "store")
        await eventually(lambda: not self.service.broker.connection.is_connected)
        self.server = await asyncio.to_thread(
            start_nats, self.server.folder, self.configuration, port=self.server.port
        )
        await self.provision()

    async def provision(self, *, anew: bool = False) -> None:
        async with provisioner_of(self.site) as broker:
            if anew:
                await broker.jetstream.delete_stream("EVENTS")
            await provision(broker.jetstream, TOPOLOGY)

    async def another_publishes(self, count: int) -> None:
        stranger = await connect(self.site.url, service="stranger", seed=self.site.seeds["stranger"])
        envelopes = [an_envelope(EntryMadeV1(amount=-1)) for _ in range(count)]
        await stranger.publish_atomic_batch(
            [Outgoing("sse.hq.all.stranger.entry.made.v1.00", str(one.id), b"{}") for one in envelopes]
        )
        await stranger.stop()

    async def stored(self) -> int:
        async with provisioner_of(self.site) as broker:
            return (await broker.jetstream.stream_info("EVENTS")).state.messages

    async def trouble(self) -> str:
        """What readiness says of the stream; empty where the service is ready."""
        answer = await self.client.get("/health/ready")
        return "" if answer.status_code == 200 else answer.json()["checks"].get("stream", "not asked")

    async def was_made_anew(self) -> bool:
        return "was made anew" in await self.trouble()

    async def is_ready(self) -> bool:
        return not await self.trouble()

    async def republish(self) -> Any:
        headers = {"Authorization": "Bearer token"}
        answer = await self.client.post("/internal/outbox/publish-again", headers=headers)
        assert answer.status_code == 200
        return answer.json()


@pytest.fixture
async def ledger(
    databases: Databases, ledger_seeds: dict[str, str], tmp_path: Path
) -> AsyncGenerator[Ledger]:
    configuration = accounts_block(TOPOLOGY, public_keys(ledger_seeds))
    server = start_nats(tmp_path / "nats", configuration)
    site = NatsSite(server.url, ledger_seeds, TOPOLOGY)
    url = await databases.create("ledger")
    settings = ServiceSettings(
        database_url=SecretStr(url),
        nats_url=site.url,
        nats_seed=SecretStr(ledger_seeds["ledger"]),
        port=0,
        callers={"operator": sha256(b"token").hexdigest()},
    )
    app = create_service("ledger", settings, subscriptions=subscriptions())
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://ledger.test") as client:
            found = Ledger(app.state.service, client, server, configuration, site)
            await found.provision()
            await eventually(found.is_ready)
            yield found
    found.server.stop()
    await databases.drop(url)


async def test_a_lost_stream_is_not_forgotten_when_others_have_filled_the_new_one(ledger: Ledger) -> None:
    database = ledger.service.database
    await ledger.service.wait_until_published(await make_entries(database, *range(5)))
    await eventually(lambda: _posted(ledger, 5))
    await ledger.lose_the_store()
    await ledger.another_publishes(120)
    await make_entries(database, *range(5, 125))

    await eventually(ledger.was_made_anew)
    with pytest.raises(TimeoutError):
        await ledger.service.wait_until_published(await make_entries(database, 125), timeout=1)
    assert await ledger.stored() == 120
    assert await ledger.was_made_anew()

    assert (await ledger.republish())["events"] == 5
    await eventually(ledger.is_ready)
    await eventually(lambda: _posted(ledger, 126))
    assert await postings(database) == list(range(126))
    assert await ledger.stored() == 120 + 126
    assert (await ledger.republish())["events"] == 126
    await eventually(ledger.is_ready)


async def test_what_a_relay_asked_before_all_was_published_again_has_no_effect_afterwards(
    ledger: Ledger,
) -> None:
    """It may have stood still since: then it would note the stream that was lost as the one there is."""
    relaying = sa.text("SELECT pid FROM pg_stat_activity WHERE application_name = 'ssenet-ledger-relay'")

    async def sessions() -> set[int]:
        async with ledger.service.database.reading() as session:
            return set(await session.scalars(relaying))

    before = await eventually(sessions)
    await ledger.republish()
    assert not before & await sessions()
    await eventually(sessions)
    await ledger.service.wait_until_published(await make_entries(ledger.service.database, 1))


async def test_a_stream_made_anew_under_an_open_connection_is_published_to_no_more(ledger: Ledger) -> None:
    await ledger.service.wait_until_published(await make_entries(ledger.service.database, 1))
    assert ledger.service.relay.may_forget
    await ledger.provision(anew=True)

    await eventually(ledger.was_made_anew)
    with pytest.raises(TimeoutError):
        await ledger.service.wait_until_published(await make_entries(ledger.service.database, 2), timeout=1)
    assert await ledger.stored() == 0
    # However long that lasts: what a refill needs is not forgotten.
    assert not ledger.service.relay.may_forget


async def _posted(ledger: Ledger, count: int) -> bool:
    return len(await postings(ledger.service.database)) == count
