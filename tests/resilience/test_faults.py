"""Seeded faults over the running network under load: nothing is lost, doubled or out of order, and all recovers."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from chassis.testing import eventually
from tests.resilience.conftest import SEEDS, replay
from tests.resilience.handling import Trouble
from tests.resilience.schedule import Kind
from tests.resilience.seeds import Arena, Outcome
from tests.resilience.skewed import BACKWARDS, HASTY, LOSSY
from tests.resilience.stage import Stage


async def test_the_network_keeps_its_promises_under_fire(
    seed: int, arena: Arena, outcomes: list[Outcome], request: pytest.FixtureRequest
) -> None:
    outcome = await arena.run(seed)
    outcomes.append(outcome)
    if request.config.getoption("--seeds"):
        _tell(request.config, f"\n{outcome} ")
    assert not outcome.violations, "\n".join(
        [str(outcome.schedule), *map(str, outcome.violations[:20]), f"kept: {arena.kept(seed)}", replay(seed)]
    )


def test_every_kind_of_fault_was_really_done(outcomes: list[Outcome]) -> None:
    """What is in the way of another fault is left out, but not always: over the seeds each kind was done."""
    if len(outcomes) < SEEDS:
        pytest.skip("a few seeds do not do everything")
    drawn = {fault.kind for one in outcomes for fault in one.schedule.faults}
    assert {fault.kind for one in outcomes for fault in one.done} == drawn
    assert drawn | {kind for one in outcomes for kind in one.left_out} == set(Kind)


async def test_disks_are_filled_too(arena: Arena) -> None:
    """Where no small disk can be mounted, the schedules go without: said here, so that it is seen."""
    stage = await arena.stage()
    if why := stage.impossible[Kind.FULL]:
        pytest.skip(f"full disks are left out of the schedules: {why}")
    assert set(stage.disks) == {"postgres", "nats"}


async def test_packets_are_lost_below_tcp_too(arena: Arena) -> None:
    """Nothing is reset and nothing is said; what waits is told again by TCP itself, and gets there."""
    stage = await arena.stage()
    if why := stage.impossible[Kind.DROP]:
        pytest.skip(f"lost packets are left out of the schedules: {why}")
    link = stage.links["coordination-nats"]
    before = set(link._pairs)
    link.drop()
    try:
        await eventually(lambda: _answers(stage, ready=False), timeout=10)
    finally:
        link.mend()
    await eventually(lambda: _answers(stage, ready=True), timeout=10)
    assert before
    assert before <= link._pairs


async def _answers(stage: Stage, *, ready: bool) -> bool:
    told = await asyncio.to_thread(stage.asked.ask, "coordination", "GET", "/status")
    return told["checks"]["broker"]["ok"] is ready


def _tell(config: pytest.Config, text: str) -> None:
    """Say it now, whatever is captured."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    capture: Any = config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled():
        reporter.write(text)


async def test_the_checker_finds_a_relay_that_takes_failures_for_acknowledgements(arena: Arena) -> None:
    """A real bug in a real service: what it announces while the broker is out of reach is lost."""
    stage = (await arena.observer()).stage
    async with planted(arena, "gateway", LOSSY):
        link = stage.links["gateway-nats"]
        link.cut()
        load = await arena.load(-1)
        await load.send(3)
        link.mend()
        found = await arena.examine(load)

    assert {"every_acknowledged_event_has_one_task", "every_outbox_row_reached_the_stream"} <= found


async def test_the_checker_finds_a_relay_that_publishes_the_newest_first(arena: Arena) -> None:
    """What is announced while the broker is out of reach goes out together, and then in the wrong order."""
    stage = (await arena.observer()).stage
    async with planted(arena, "registry", BACKWARDS):
        link = stage.links["registry-nats"]
        link.cut()
        load = await arena.load(-2)
        await load.rename()
        link.mend()
        found = await arena.examine(load)

    assert "the_stream_has_each_key_in_order" in found


async def test_the_checker_finds_an_owner_that_forgets_which_keys_wait(arena: Arena) -> None:
    """Later events of a key go ahead of one that waits, and nothing but the order of the effects shows it."""
    stage = (await arena.observer()).stage
    async with planted(arena, "notifications", HASTY):
        # Seldom enough that others of the key go ahead, and for long enough that they come meanwhile.
        stage.trouble(Trouble(seed=1, share=0.4, times=4))
        load = await arena.load(-3)
        await load.rename()
        stage.trouble(None)
        found = await arena.examine(load)

    assert found == {"every_durable_applied_each_key_in_order"}


async def test_the_checker_finds_a_gateway_that_takes_a_repeat_for_another_event(arena: Arena) -> None:
    """Without its unique key, it has no other way to know."""
    stage = (await arena.observer()).stage
    connection = await asyncpg.connect(stage.database_url("gateway"))
    try:
        await connection.execute(
            "ALTER TABLE received_events DROP CONSTRAINT uq_received_events_partner_source_sent_id"
        )
        load = await arena.load(-4)
        await load.repeat()
        found = await arena.examine(load)
    finally:
        await connection.close()
        # What it has stored twice keeps the key from being made again.
        await arena.close()

    assert found == {"every_sent_event_is_received_once"}


@asynccontextmanager
async def planted(arena: Arena, service: str, bug: str) -> AsyncGenerator[None]:
    """Run a service with a bug, and then without it again."""
    stage = await arena.stage()
    for what in (bug, None):
        stage.plant(service, what)
        await stage.restart(service)
        if what:
            yield
