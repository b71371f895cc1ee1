"""Coordination's use cases, on real tables."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from coordination_kit import (
    ACTEMP,
    ACTRAV,
    CAIRO,
    COORDINATOR,
    DAKAR,
    STRANGER,
    Coordination,
    a_concern,
    an_assistance_request,
)

from chassis.testing import announced
from contracts.coordination import TaskFacts, TaskState
from contracts.words import TaskId
from coordination import packaged, workflows
from coordination.domain.plan import Plan
from coordination.domain.tasks import Action, NoSuchTaskError, NotYourTaskError, WrongStateError
from coordination.tables import plan as plans
from coordination.tables import tasks
from coordination.workflows.tasks import UnknownUnitsError


def a_revised_plan() -> Plan:
    content = packaged.plan().model_dump(mode="json")
    content["tree"]["objectives"][0]["short"]["en"] = "Insight"
    return Plan.model_validate(content)


def test_a_tasks_events_name_all_that_is_said_of_it_and_nothing_is_dropped() -> None:
    said_with_each_deed = {"actor", "reason"}

    assert {*tasks.facts_of(tasks.TaskRow())} == {*TaskFacts.model_fields} - said_with_each_deed


async def publish(coordination: Coordination, plan: Plan) -> int | None:
    async with coordination.database.transaction() as tx:
        return await workflows.publish_plan(tx, plan)


async def count(coordination: Coordination, table: type[Any]) -> int:
    async with coordination.database.reading() as session:
        return await session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


async def test_a_plan_is_stored_whole_and_announced_once(empty_coordination: Coordination) -> None:
    assert await publish(empty_coordination, packaged.plan()) == 1
    assert await publish(empty_coordination, packaged.plan()) is None

    [said] = await announced(empty_coordination.database)
    assert said.type == "coordination.plan.published.v1"
    assert said.data == {
        "code": "SSE-SAP-2023-2029",
        "version": 1,
        "objectives": 3,
        "outputs": 9,
        "results": 17,
    }
    parts = (plans.PlanObjective, plans.PlanOutput, plans.PlanResult, plans.PlanLink)
    assert [await count(empty_coordination, part) for part in parts] == [3, 9, 17, 97 + 88]


async def test_processes_that_start_together_publish_one_plan(empty_coordination: Coordination) -> None:
    versions = await asyncio.gather(*(publish(empty_coordination, packaged.plan()) for _ in range(4)))

    assert sorted(versions, key=str) == [1, None, None, None]


async def test_a_revised_plan_is_a_new_version_and_the_earlier_one_stays(
    empty_coordination: Coordination,
) -> None:
    await publish(empty_coordination, packaged.plan())
    assert await publish(empty_coordination, a_revised_plan()) == 2
    # A process of the earlier release, started late, does not turn the plan back.
    assert await publish(empty_coordination, packaged.plan()) is None

    async with empty_coordination.database.reading() as session:
        found = await plans.newest(session)
        versions = (
            await session.scalars(sa.select(plans.PlanVersion).order_by(plans.PlanVersion.version))
        ).all()
    assert found is not None
    assert found[1].version == 2
    assert [Plan.model_validate(version.document) for version in versions] == [
        packaged.plan(),
        a_revised_plan(),
    ]
    assert [(one.subject, one.sequence) for one in await announced(empty_coordination.database)] == [
        (str(found[0].id), 1),
        (str(found[0].id), 2),
    ]


async def test_estimates_keep_their_digits(empty_coordination: Coordination) -> None:
    await publish(empty_coordination, packaged.plan())

    async with empty_coordination.database.reading() as session:
        query = sa.select(plans.PlanObjective.estimate_usd_million).order_by(plans.PlanObjective.code)
        estimates = (await session.scalars(query)).all()
    assert [str(estimate) for estimate in estimates] == ["15.6", "17.2", "4.7"]


async def test_a_task_remembers_who_did_what_and_when(coordination: Coordination) -> None:
    task = await coordination.opened_task(an_assistance_request())
    coordination.clock.advance(timedelta(hours=2))
    await coordination.act(task, Action.ACCEPT, DAKAR)
    coordination.clock.advance(timedelta(days=1))
    await coordination.act(task, Action.START, DAKAR)
    await coordination.act(task, Action.COMPLETE, DAKAR, "The opinion was sent.")

    history = await coordination.history()
    assert [(one.action, one.state, one.member_organisation) for one in history] == [
        ("open", "opened", None),
        ("accept", "accepted", "DWT/CO-Dakar"),
        ("start", "started", "DWT/CO-Dakar"),
        ("complete", "completed", "DWT/CO-Dakar"),
    ]
    assert history[1].at - history[0].at == timedelta(hours=2)
    assert history[3].reason == "The opinion was sent."


async def test_every_change_of_a_task_is_announced_with_all_its_facts(coordination: Coordination) -> None:
    task = await coordination.opened_task(an_assistance_request())
    await coordination.act(task, Action.ACCEPT, DAKAR)
    await coordination.act(task, Action.DECLINE, DAKAR, "Nobody here speaks Wolof.")

    said = await coordination.said_of_tasks()
    assert [(one.type, one.sequence, facts.state) for one, facts in said] == [
        ("coordination.task.opened.v1", 1, TaskState.OPENED),
        ("coordination.task.accepted.v1", 2, TaskState.ACCEPTED),
        ("coordination.task.declined.v1", 3, TaskState.DECLINED),
    ]
    last = said[-1][1]
    assert (last.task_id, last.units, last.country, last.partner) == (
        task,
        ("DWT/CO-Dakar",),
        "SN",
        "P-UNION",
    )
    assert last.reason == "Nobody here speaks Wolof."
    assert last.actor is not None
    assert (last.actor.member_id, last.actor.label) == (DAKAR, "focal point, DWT/CO-Dakar")


async def test_what_members_do_stays_in_the_chain_of_the_partners_event(coordination: Coordination) -> None:
    heard = await coordination.deliver(an_assistance_request())
    await coordination.act(TaskId((await coordination.task()).id), Action.ACCEPT, DAKAR)

    opened, accepted = [envelope for envelope, _ in await coordination.said_of_tasks()]
    assert opened.causationid == heard.id
    assert opened.correlationid == accepted.correlationid == heard.id


async def test_a_list_of_tasks_leaves_the_partners_events_where_they_are(coordination: Coordination) -> None:
    await coordination.opened_task(an_assistance_request())

    async with coordination.database.reading() as session:
        [row] = await tasks.found(
            session, state=None, organisation=None, needs_routing=None, before=None, limit=500
        )

    assert "partner_event" in sa.inspect(row).unloaded


async def test_a_repeated_action_announces_nothing(coordination: Coordination) -> None:
    task = await coordination.opened_task(an_assistance_request())
    await coordination.act(task, Action.ACCEPT, DAKAR)
    await coordination.act(task, Action.ACCEPT, DAKAR)

    assert [one.type for one, _ in await coordination.said_of_tasks()] == [
        "coordination.task.opened.v1",
        "coordination.task.accepted.v1",
    ]


async def test_members_who_act_at_once_do_so_one_after_the_other(coordination: Coordination) -> None:
    task = await coordination.opened_task(an_assistance_request())
    await asyncio.gather(*(coordination.act(task, Action.ACCEPT, DAKAR) for _ in range(5)))

    assert len(await coordination.said_of_tasks()) == 2


async def test_a_joint_review_waits_for_the_bureau_that_has_not_finished(coordination: Coordination) -> None:
    task = await coordination.opened_task(a_concern())
    for action in (Action.ACCEPT, Action.START, Action.COMPLETE):
        await coordination.act(task, action, ACTEMP)
    half = await coordination.task()
    assert (half.state, half.waiting_for) == ("started", ["ACTRAV"])

    for action in (Action.ACCEPT, Action.START, Action.COMPLETE):
        await coordination.act(task, action, ACTRAV)
    done = await coordination.task()
    assert (done.state, done.waiting_for) == ("completed", [])
    completions = [f for one, f in await coordination.said_of_tasks() if one.type.endswith("completed.v1")]
    assert [(f.state, f.waiting_for) for f in completions] == [
        (TaskState.STARTED, ("ACTRAV",)),
        (TaskState.COMPLETED, ()),
    ]


async def test_the_coordinator_places_what_no_office_covers(coordination: Coordination) -> None:
    task = await coordination.opened_task(an_assistance_request("KI"))
    with pytest.raises(WrongStateError):
        await coordination.act(task, Action.ACCEPT, COORDINATOR)
    await coordination.assign(task, ["DWT/CO-Cairo"], COORDINATOR)
    await coordination.act(task, Action.ACCEPT, CAIRO)

    said = [(one.type, facts.units, facts.needs_routing) for one, facts in await coordination.said_of_tasks()]
    assert said == [
        ("coordination.task.opened.v1", ("COOP",), True),
        ("coordination.task.assigned.v1", ("DWT/CO-Cairo",), False),
        ("coordination.task.accepted.v1", ("DWT/CO-Cairo",), False),
    ]


async def test_a_declined_task_can_be_placed_again_even_where_it_was(coordination: Coordination) -> None:
    task = await coordination.opened_task(an_assistance_request())
    await coordination.act(task, Action.DECLINE, DAKAR, "Not before March.")
    await coordination.assign(task, ["DWT/CO-Dakar"], COORDINATOR)
    await coordination.act(task, Action.DECLINE, DAKAR, "Still not.")

    assert [one.action for one in await coordination.history()] == ["open", "decline", "assign", "decline"]


async def test_a_task_is_never_placed_with_a_unit_the_directory_lacks(coordination: Coordination) -> None:
    task = await coordination.opened_task(an_assistance_request())

    with pytest.raises(UnknownUnitsError) as refused:
        await coordination.assign(task, ["COOP", "CO-Atlantis", "P-UNION"], COORDINATOR)

    assert refused.value.unknown == {1: "CO-Atlantis", 2: "P-UNION"}
    assert (await coordination.task()).units == ["DWT/CO-Dakar"]


async def test_only_the_tasks_own_unit_may_act(coordination: Coordination) -> None:
    task = await coordination.opened_task(an_assistance_request())

    for member in (CAIRO, COORDINATOR, STRANGER, None):
        with pytest.raises(NotYourTaskError):
            await coordination.act(task, Action.ACCEPT, member)
    with pytest.raises(NotYourTaskError):
        await coordination.assign(task, ["COOP"], DAKAR)


async def test_a_task_that_does_not_exist_is_said_to_be_missing(coordination: Coordination) -> None:
    with pytest.raises(NoSuchTaskError):
        await coordination.act(TaskId(STRANGER), Action.ACCEPT, DAKAR)
