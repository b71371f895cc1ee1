"""Tasks that move, move back and end, heard event by event: what everyone is left with."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from network import a_task, then
from people import (
    CAIRO,
    COORDINATOR,
    DAKAR,
    DAKAR_DEPUTY,
    EMPLOYERS,
    EVERYONE,
    WORKERS,
    an_event_id,
    declined_by,
    directory,
    finished_by,
    placed,
)

from contracts.coordination import TaskAcceptedV1, TaskFacts, TaskState
from contracts.notifications import Reason
from notifications.domain import Holding, Newest, still_stands, whom_to_tell

FOCAL_POINTS = {"DWT/CO-Dakar": DAKAR_DEPUTY, "DWT/CO-Cairo": CAIRO, "ACT/EMP": EMPLOYERS, "ACTRAV": WORKERS}
LABELS = {member.member_id: member.label for member in EVERYONE}
places = st.lists(st.sampled_from(sorted(FOCAL_POINTS)), min_size=1, max_size=3, unique=True)


def _next(draw: Any, task: TaskFacts) -> TaskFacts:
    """Whatever may come after this: what a unit does, or what the coordinator places."""
    if task.state is TaskState.DECLINED or (task.state is TaskState.OPENED and draw(st.booleans())):
        return placed(task, *draw(places))
    member = FOCAL_POINTS[draw(st.sampled_from(task.waiting_for))]
    match draw(st.sampled_from(("accepts", "finishes", "declines"))):
        case "accepts":
            state = TaskState.STARTED if task.state is TaskState.STARTED else TaskState.ACCEPTED
            return then(task, TaskAcceptedV1, by=member, state=state)
        case "finishes":
            return finished_by(member, task)
        case _:
            return declined_by(member, task)


@st.composite
def lives(draw: Any) -> list[TaskFacts]:
    """A task's events, from its opening on."""
    life: list[TaskFacts] = [a_task(*draw(places))]
    for _ in range(draw(st.integers(0, 8))):
        if life[-1].state is TaskState.COMPLETED:
            break
        life.append(_next(draw, life[-1]))
    return life


def heard(life: Sequence[TaskFacts], order: Sequence[int]) -> Iterator[tuple[TaskFacts, list[Holding]]]:
    """Hear a life in this order: after each event, the newest one heard so far, and every item there is."""
    ids, held, latest = [an_event_id() for _ in life], list[Holding](), -1
    for place in order:
        latest = max(latest, place)
        newest = Newest(ids[latest], life[latest])
        held += [
            Holding(one.member_id, one.organisation, one.reason, ids[place], is_open=True)
            for one in whom_to_tell(life[place], newest, directory(), held)
        ]
        held = [replace(one, is_open=one.is_open and still_stands(one, newest, directory())) for one in held]
        yield life[latest], held


def in_turn(*life: TaskFacts) -> Iterator[tuple[TaskFacts, list[Holding]]]:
    return heard(life, range(len(life)))


def open_items(held: Sequence[Holding]) -> Counter[tuple[str, Reason]]:
    return Counter((LABELS[one.member_id], one.reason) for one in held if one.is_open)


@given(lives().flatmap(lambda life: st.tuples(st.just(life), st.permutations(range(len(life))))))
def test_whoever_is_waited_for_holds_one_call_to_act_whatever_the_order_of_hearing(
    heard_so: tuple[list[TaskFacts], list[int]],
) -> None:
    *_, (task, held) = heard(*heard_so)

    waited_for = {LABELS[member.member_id] for member in EVERYONE if member.organisation in task.waiting_for}
    asked = {who: count for (who, why), count in open_items(held).items() if why is Reason.UNIT_ASSIGNED}
    assert asked == dict.fromkeys(waited_for, 1)
    told_it_is_elsewhere = {
        one.organisation for one in held if one.is_open and one.reason is Reason.UNIT_RELIEVED
    }
    assert not told_it_is_elsewhere & set(task.units)


@given(lives())
def test_whose_unit_lost_a_task_that_goes_on_elsewhere_knows_it(life: list[TaskFacts]) -> None:
    ever = set[str]()
    for task, held in in_turn(*life):
        ever |= set(task.units)
        relieved = {who for who, why in open_items(held) if why is Reason.UNIT_RELIEVED}

        lost = {
            LABELS[member.member_id]
            for member in EVERYONE
            if member.organisation in ever - set(task.units) and task.state is not TaskState.COMPLETED
        }
        assert relieved == lost


@given(lives())
def test_the_coordinator_holds_one_call_to_place_a_task_exactly_while_it_is_declined(
    life: list[TaskFacts],
) -> None:
    for task, held in in_turn(*life):
        to_place = open_items(held)["coordinator, COOP", Reason.ROUTING_NEEDED]

        assert to_place == (task.state is TaskState.DECLINED)


def test_a_task_that_comes_back_asks_anew_and_leaves_nobody_believing_that_it_is_elsewhere() -> None:
    opened = a_task("DWT/CO-Dakar")
    declined = declined_by(DAKAR, opened)
    moved = placed(declined, "DWT/CO-Cairo")

    *_, (_, held) = in_turn(opened, declined, moved, placed(moved, "DWT/CO-Dakar"))

    assert open_items(held) == {
        ("focal point, DWT/CO-Dakar", Reason.UNIT_ASSIGNED): 1,
        ("deputy, DWT/CO-Dakar", Reason.UNIT_ASSIGNED): 1,
        ("focal point, DWT/CO-Cairo", Reason.UNIT_RELIEVED): 1,
    }


def test_the_coordinator_who_gives_a_task_to_their_own_unit_asks_the_others_there() -> None:
    opened = a_task("DWT/CO-Dakar")
    declined = declined_by(DAKAR, opened)

    *_, (_, held) = in_turn(opened, declined, placed(declined, "COOP", by=COORDINATOR))

    assert open_items(held) == {
        ("focal point, COOP", Reason.UNIT_ASSIGNED): 1,
        ("focal point, DWT/CO-Dakar", Reason.UNIT_RELIEVED): 1,
        ("deputy, DWT/CO-Dakar", Reason.UNIT_RELIEVED): 1,
    }
