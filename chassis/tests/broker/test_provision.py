"""The provisioner's command line, against a real broker."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from ledger import EntryMadeV1, postings, subscriptions
from ledger.messaging import TOPOLOGY, provisioner_of

from chassis.broker.connection import Broker, Outgoing, connect
from chassis.broker.nkeys import new_seed, public_key, public_keys
from chassis.broker.provision import main, provision
from chassis.broker.topology import PROVISIONER, Topology, accounts_block
from chassis.consumer.consumer import Consumer
from chassis.database.engine import Database
from chassis.lease.holder import LeaseHolder
from chassis.partitions import partitions_of
from chassis.testing import FreshDatabase, NatsSite, an_envelope, eventually, ready
from ssenet.processes.servers import Nats, start_nats


async def provisioning(*arguments: str, **environment: str) -> tuple[int, str]:
    command: Sequence[str] = (sys.executable, "-P", "-m", "chassis.broker.provision", *arguments)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment},
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    described = TOPOLOGY.model_dump(mode="json")
    (tmp_path / "services").mkdir()
    for service in described.pop("services"):
        (tmp_path / "services" / f"{service['service']}.yaml").write_text(yaml.safe_dump(service))
    (tmp_path / "streams.yaml").write_text(yaml.safe_dump(described))
    return tmp_path


async def test_the_provisioner_job_makes_what_is_described_and_nothing_the_second_time(
    folder: Path, ledger_nats: Nats, ledger_seeds: dict[str, str]
) -> None:
    told = {"NATS_URL": ledger_nats.url, "PROVISIONER_SEED": ledger_seeds[PROVISIONER]}

    first, _ = await provisioning(str(folder), **told)
    second, output = await provisioning(str(folder), **told)

    assert (first, second) == (0, 0), output
    assert output == "Streams and durables are as described.\n"


async def test_the_provisioner_lets_in_exactly_the_users_whose_keys_it_was_given(
    folder: Path, tmp_path: Path
) -> None:
    seeds = {name: new_seed() for name in (PROVISIONER, *(one.service for one in TOPOLOGY.services))}
    keys = [f"{name}={public_key(seed)}" for name, seed in seeds.items()]

    code, users = await provisioning("users", str(folder), *keys)

    assert code == 0
    server = start_nats(tmp_path / "nats", users)
    try:
        broker = await connect(server.url, service=PROVISIONER, seed=seeds[PROVISIONER])
        await broker.connection.flush()
        await broker.stop()
    finally:
        server.stop()


def test_a_block_of_users_holds_no_seed_and_nobody_anonymous(topology: Topology) -> None:
    seeds = {name: new_seed() for name in (PROVISIONER, *(one.service for one in topology.services))}

    block = accounts_block(topology, public_keys(seeds))

    assert not [name for name, seed in seeds.items() if seed in block]
    assert "no_auth_user" not in block


@pytest.mark.parametrize("arguments", [[], ["users"], ["users", "folder", "registry"], ["a", "b"]])
def test_the_provisioner_says_how_it_is_used_when_asked_wrongly(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, {}) == 2
    assert "usage" in capsys.readouterr().err


async def test_a_durable_split_anew_goes_on_where_it_stood_and_applies_nothing_twice(
    fresh_database: FreshDatabase, site: NatsSite
) -> None:
    ledger = await fresh_database("ledger")
    amounts = 0

    async with provisioner_of(site) as broker:
        try:
            for count in (1, 4, 2, 1):
                split = [one.model_copy(update={"partitions": count}) for one in TOPOLOGY.services]
                changed = await provision(
                    broker.jetstream, TOPOLOGY.model_copy(update={"services": tuple(split)})
                )
                assert (
                    await provision(broker.jetstream, TOPOLOGY.model_copy(update={"services": tuple(split)}))
                    == []
                )
                made = {one.name for one in partitions_of("ledger-post-entries", count)}
                assert not changed or made <= {line.split()[1] for line in changed if line.endswith("made")}
                async with consuming(ledger, broker, count):
                    await _put_into_stream(broker, range(amounts, amounts + 40))
                    amounts += 40
                    await eventually(lambda: _posted(ledger, amounts))  # noqa: B023 - awaited here
        finally:
            await provision(broker.jetstream, TOPOLOGY)

    assert sorted(await postings(ledger)) == list(range(160))


@asynccontextmanager
async def consuming(ledger: Database, broker: Broker, count: int) -> AsyncGenerator[None]:
    [subscription] = await ready(subscriptions())
    lease_holder = LeaseHolder(ledger)
    parts = partitions_of(subscription.durable, count)
    consumers = [
        Consumer(subscription, ledger, broker, lease_holder, stream="EVENTS", partition=part)
        for part in parts
    ]
    tasks = [asyncio.create_task(one.run()) for one in consumers]
    owning = asyncio.create_task(lease_holder.run())
    yield
    for one in consumers:
        one.stop()
    await asyncio.gather(*tasks)
    lease_holder.stop()
    await owning


async def _put_into_stream(broker: Broker, amounts: Iterable[int]) -> None:
    envelopes = [an_envelope(EntryMadeV1(amount=amount)) for amount in amounts]
    await broker.publish_atomic_batch(
        [Outgoing(one.nats_subject, str(one.id), one.model_dump_json().encode()) for one in envelopes]
    )


async def _posted(ledger: Database, count: int) -> bool:
    return len(await postings(ledger)) >= count
