"""What coordination makes of the events it hears, through the real apply-once path."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from coordination_kit import (
    DAKAR,
    IDS,
    Coordination,
    a_member,
    a_reported_entity,
    a_return,
    an_assistance_request,
    an_organisation,
    one_of_each,
)

from chassis.broker.topology import Topology
from chassis.database.tables import backbone
from chassis.inbox.applier import Outcome
from chassis.testing import an_envelope
from contracts.partner import PartnerEvent
from contracts.registry import MemberLeftV1, OrganisationUpdatedV1
from contracts.words import TaskId
from coordination.domain.tasks import Action, NotYourTaskError
from coordination.subscribers import subscriptions
from coordination.tables import Base
from coordination.tables.directory import MemberRow, OrganisationRow

TOPOLOGY = Path(__file__).resolve().parents[3] / "deploy" / "nats"


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: event.type)
async def test_each_partner_event_opens_its_task(coordination: Coordination, event: PartnerEvent) -> None:
    heard = await coordination.deliver(event)

    task = await coordination.task()
    assert (task.state, task.partner_event_id, task.partner_event_type) == ("opened", heard.id, event.type)
    assert task.partner_event == heard.data
    assert task.correlation_id == heard.correlationid
    assert (task.home_site, task.epoch, task.sequence) == ("hq", 1, 1)
    [(said, facts)] = await coordination.said_of_tasks()
    assert said.subject == str(facts.task_id) == str(task.id)


async def test_a_redelivered_request_opens_no_second_task(coordination: Coordination) -> None:
    heard = await coordination.deliver(an_assistance_request())
    await coordination.deliver.again(heard)
    await coordination.deliver.again(heard, heard)

    await coordination.task()
    assert len(await coordination.said_of_tasks()) == 1


async def test_a_request_whose_inbox_row_was_lost_opens_no_second_task(coordination: Coordination) -> None:
    heard = await coordination.deliver(an_assistance_request())
    async with coordination.database.transaction() as tx:
        await tx.session.execute(sa.delete(backbone.tables["inbox"]))
    await coordination.deliver.again(heard)

    await coordination.task()


async def test_a_batch_opens_one_task_per_event(coordination: Coordination) -> None:
    batch = [an_envelope(an_assistance_request(country)) for country in ("SN", "EG", "KI") * 20]

    await coordination.deliver.again(*batch)

    tasks = await coordination.tasks()
    assert {task.partner_event_id for task in tasks} == {one.id for one in batch}
    assert len(tasks) == len(await coordination.said_of_tasks()) == 60
    assert sum(task.needs_routing for task in tasks) == 20


async def test_a_country_that_no_office_covers_becomes_a_task_to_route(coordination: Coordination) -> None:
    await coordination.deliver(a_reported_entity("KI"))

    task = await coordination.task()
    assert (task.units, task.needs_routing) == (["COOP"], True)


async def test_a_partner_that_names_countries_covers_none(coordination: Coordination) -> None:
    await coordination.deliver(an_assistance_request("SN"))

    assert (await coordination.task()).units == ["DWT/CO-Dakar"]


async def test_a_request_that_overtakes_the_directory_waits_for_it(empty_coordination: Coordination) -> None:
    request = an_envelope(an_assistance_request())
    [too_early] = await empty_coordination.deliver.again(request, failing=True)
    assert too_early is Outcome.QUEUED

    await empty_coordination.hear_directory()
    await empty_coordination.deliver.retry()

    assert (await empty_coordination.task()).units == ["DWT/CO-Dakar"]


async def test_a_request_waits_while_half_of_the_directory_has_arrived(
    empty_coordination: Coordination,
) -> None:
    request = an_envelope(an_assistance_request())
    await empty_coordination.deliver(an_organisation("CO-Suva", covers=["FJ"], parent="RO-Asia"))
    [too_early] = await empty_coordination.deliver.again(request, failing=True)
    assert too_early is Outcome.QUEUED
    assert await empty_coordination.tasks() == []

    await empty_coordination.deliver(an_organisation("DWT/CO-Dakar", covers=["SN"]))
    await empty_coordination.deliver(an_organisation("RO-Asia"))
    await empty_coordination.deliver.retry()

    assert (await empty_coordination.task()).units == ["DWT/CO-Dakar"]


async def test_an_event_whose_facts_are_refused_is_dead_lettered_at_once(coordination: Coordination) -> None:
    unsayable = an_envelope(an_assistance_request())
    data = unsayable.data | {"title": {"language": "fr", "text": " "}}

    [refused] = await coordination.deliver.again(unsayable.model_copy(update={"data": data}), failing=True)

    assert refused is Outcome.DEAD_LETTERED
    assert await coordination.tasks() == []


async def test_what_needs_no_office_waits_for_no_directory(empty_coordination: Coordination) -> None:
    await empty_coordination.deliver(a_return("cooperatives"))

    assert (await empty_coordination.task()).result == "1.2.3"


async def test_an_office_that_takes_over_a_country_gets_the_next_request(coordination: Coordination) -> None:
    updated = an_organisation("DWT/CO-Cairo", covers=["EG", "KI"]).model_dump()
    await coordination.deliver(OrganisationUpdatedV1.model_validate(updated), sequence=2)
    await coordination.deliver(an_assistance_request("KI"))

    assert (await coordination.task()).units == ["DWT/CO-Cairo"]


async def test_a_late_event_does_not_undo_a_newer_one(coordination: Coordination) -> None:
    def covering(*countries: str) -> OrganisationUpdatedV1:
        content = an_organisation("CO-Suva", covers=countries).model_dump()
        return OrganisationUpdatedV1.model_validate(content)

    await coordination.deliver(covering("FJ", "KI"), sequence=3)
    await coordination.deliver(covering("FJ"), sequence=2)
    await coordination.deliver(covering("FJ", "TO"), sequence=1, epoch=2)
    await coordination.deliver(covering(), sequence=9, epoch=1)

    async with coordination.database.reading() as session:
        suva = await session.scalar(sa.select(OrganisationRow).where(OrganisationRow.code == "CO-Suva"))
    assert suva is not None
    assert (suva.covers, suva.epoch, suva.sequence) == (["FJ", "TO"], 2, 1)


async def test_one_batch_may_tell_of_one_organisation_many_times(coordination: Coordination) -> None:
    identity = IDS
    batch = [
        an_envelope(an_organisation("CO-Suva", covers=["FJ"] * n, identity=identity), sequence=n)
        for n in (2, 3, 1)
    ]
    await coordination.deliver.again(*batch)

    async with coordination.database.reading() as session:
        suva = await session.get(OrganisationRow, identity)
    assert suva is not None
    assert len(suva.covers) == 3


async def test_a_member_who_left_may_do_nothing_and_does_not_come_back(coordination: Coordination) -> None:
    task = await coordination.opened_task(an_assistance_request())
    left = MemberLeftV1.model_validate(a_member(DAKAR, "DWT/CO-Dakar").model_dump())
    await coordination.deliver(left, sequence=3)
    await coordination.deliver(a_member(DAKAR, "DWT/CO-Dakar"), sequence=2)

    with pytest.raises(NotYourTaskError):
        await coordination.act(TaskId(task), Action.ACCEPT, DAKAR)
    async with coordination.database.reading() as session:
        row = await session.get(MemberRow, DAKAR)
    assert row is not None
    assert row.is_gone


def test_the_described_durables_are_the_subscribed_ones() -> None:
    [described] = [one for one in Topology.read(TOPOLOGY).services if one.service == "coordination"]

    assert {one.durable: set(one.types) for one in described.hears} == {
        one.durable: {event.type for event in one.types} for one in subscriptions
    }
    assert described.announces == ("coordination",)


async def test_the_migrations_make_the_tables_the_code_describes(empty_coordination: Coordination) -> None:
    def is_ours(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or name in Base.metadata.tables

    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"include_name": is_ours})
        return list(compare_metadata(context, Base.metadata))

    async with empty_coordination.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
