"""What becomes of a batch, step by step, with several keys and several in trouble; and when what waits is due."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.inbox.ordering import BatchStep, Bisection, RetrySchedule


@dataclass(frozen=True)
class One:
    """An event in hand: `a2` is the second of the key `a`."""

    name: str
    attempts: int = 0
    waits: bool = False

    @property
    def key(self) -> str:
        return self.name[0]


def some(names: str, *, waits: bool = False, attempts: int = 0) -> list[One]:
    return [One(name, attempts, waits) for name in names.split()]


def names(events: Sequence[One]) -> str:
    return " ".join(one.name for one in events)


def said(step: BatchStep[One]) -> str:
    """A step in a line: `b1 | behind a2 | retry a1`."""
    lists = {"behind": step.behind, "retry": step.retry, "dead letter": step.dead_letter}
    return " | ".join([names(step.apply), *(f"{kind} {names(held)}" for kind, held in lists.items() if held)])


def course(
    events: Sequence[One], *, waiting: Container[str] = (), broken: str = "", poisoned: str = ""
) -> list[str]:
    """What is tried and done, in order, where these events cannot be handled now, or never; `!` marks what failed."""
    bisection, steps = Bisection(events, waiting=waiting), list[str]()
    while (step := bisection.step()) is not None:
        guilty = [one for one in step.apply if one.name in (broken + " " + poisoned).split()]
        steps.append(said(step) + (" !" if guilty else ""))
        if guilty:
            bisection.failed(step, permanent=any(one.name in poisoned.split() for one in guilty))
        else:
            bisection.done(step)
    return steps


def test_a_batch_without_trouble_is_one_step_and_nothing_is_none() -> None:
    assert course(some("a1 b1 a2")) == ["a1 b1 a2"]
    assert course([]) == []


def test_what_is_to_be_done_is_the_same_until_it_is_done() -> None:
    bisection = Bisection(some("a1 b1"), waiting=())

    first = bisection.step()

    assert first is not None
    assert bisection.step() == first
    bisection.done(first)
    assert bisection.step() is None


def test_a_failed_batch_is_halved_until_the_guilty_event_stands_alone() -> None:
    assert course(some("a1 b1 c1 d1 e1"), broken="c1") == [
        "a1 b1 c1 d1 e1 !",
        "a1 b1",
        "c1 d1 e1 !",
        "c1 !",
        " | retry c1",
        "d1 e1",
    ]


def test_later_events_of_a_key_that_is_retried_go_behind_it_and_no_other_key_waits() -> None:
    assert course(some("a1 b1 a2 b2 a3"), broken="a1") == [
        "a1 b1 a2 b2 a3 !",
        "a1 b1 !",
        "a1 !",
        " | retry a1",
        "b1",
        "b2 | behind a2 a3",
    ]


def test_of_two_keys_in_trouble_each_waits_for_itself() -> None:
    assert course(some("a1 b1 c1 a2 b2 c2"), broken="a1 b1") == [
        "a1 b1 c1 a2 b2 c2 !",
        "a1 b1 c1 !",
        "a1 !",
        " | retry a1",
        "b1 c1 !",
        "b1 !",
        " | retry b1",
        "c1",
        "c2 | behind a2 b2",
    ]


def test_what_comes_for_a_key_that_waits_already_goes_behind_it() -> None:
    assert course(some("a1 b1 a2"), waiting={"a", "z"}) == ["b1 | behind a1 a2"]
    assert course(some("a1 a2"), waiting={"a"}) == [" | behind a1 a2"]


def test_what_goes_behind_is_written_with_the_step_that_failed_beside_it() -> None:
    assert course(some("a1 b1"), waiting={"a"}, broken="b1") == [
        "b1 | behind a1 !",
        " | behind a1 | retry b1",
    ]
    assert course(some("a1 b1"), waiting={"a"}, poisoned="b1") == [
        "b1 | behind a1 !",
        " | behind a1 | dead letter b1",
    ]


def test_what_waits_itself_is_tried_though_its_key_waits_and_stays_where_it_is_when_it_fails() -> None:
    waiting = some("a1 a2 b1", waits=True, attempts=2)

    assert course(waiting, waiting={"a", "b"}) == ["a1 a2 b1"]
    # The second of its key waits already, and is not written again.
    assert course(waiting, waiting={"a", "b"}, broken="a1") == [
        "a1 a2 b1 !",
        "a1 !",
        " | retry a1",
        "b1",
    ]


def test_what_is_given_up_stops_its_key_no_longer() -> None:
    assert course(some("a1 b1 a2 b2"), poisoned="a1") == [
        "a1 b1 a2 b2 !",
        "a1 b1 !",
        "a1 !",
        " | dead letter a1",
        "b1",
        "a2 b2",
    ]


@pytest.mark.parametrize("attempts", range(10))
def test_an_event_is_given_up_with_its_last_attempt_counted(attempts: int) -> None:
    bisection = Bisection([One("a1", attempts, waits=True)], waiting=())
    step = bisection.step()
    assert step is not None

    bisection.failed(step, permanent=False)

    judged = bisection.step()
    assert judged is not None
    assert judged.events == [One("a1", attempts + 1, waits=True)]
    assert said(judged) == (" | retry a1" if attempts + 1 < 8 else " | dead letter a1")


def test_a_step_names_all_of_its_events() -> None:
    one, two, three, four = some("a1 b1 c1 d1")
    step = BatchStep(apply=[one], behind=[four], retry=[two], dead_letter=[three])

    assert step.events == [one, two, three, four]


@given(count=st.integers(1, 64), data=st.data())
def test_one_guilty_event_costs_a_few_failures_however_long_the_batch(
    count: int, data: st.DataObject
) -> None:
    events = [One(f"{chr(0x4E00 + number)}1") for number in range(count)]
    guilty = data.draw(st.sampled_from(events))

    steps = course(events, broken=guilty.name)

    assert sum(step.endswith("!") for step in steps) <= log2(count) + 2
    done = " ".join(step for step in steps if not step.endswith("!")).split()
    assert sorted(set(done) - {"|", "retry"}) == sorted(one.name for one in events)


# When what waits is due


def a_schedule(**dues: float) -> RetrySchedule:
    schedule = RetrySchedule()
    for key, due in dues.items():
        schedule.set(key, due)
    return schedule


def test_what_is_due_is_told_the_longest_due_first_and_stays_known_as_waiting() -> None:
    schedule = a_schedule(a=3.0, b=1.0, c=2.0, d=4.0)

    assert schedule.due(3.0, 10) == ["b", "c", "a"]
    assert len(schedule) == 4
    assert all(key in schedule for key in "abcd")
    assert "e" not in schedule


def test_no_more_is_told_than_is_asked_for_and_the_rest_the_next_time() -> None:
    schedule = a_schedule(a=3.0, b=1.0, c=2.0)

    assert schedule.due(3.0, 2) == ["b", "c"]
    assert schedule.due(3.0, 2) == ["a"]
    assert schedule.due(3.0, 0) == []


def test_nothing_is_due_before_its_time() -> None:
    schedule = a_schedule(a=3.0)

    assert schedule.due(2.999, 10) == []
    assert schedule.next_due() == 3.0
    assert schedule.due(3.0, 10) == ["a"]


def test_the_next_due_is_the_soonest_of_what_still_waits() -> None:
    schedule = a_schedule(a=1.0, b=2.0, c=3.0)

    schedule.forget("a")
    schedule.set("b", 5.0)

    assert schedule.next_due() == 3.0
    assert "a" not in schedule
    schedule.forget("c")
    schedule.forget("never known")
    assert schedule.next_due() == 5.0
    schedule.forget("b")
    assert schedule.next_due() is None
    assert len(schedule) == 0


def test_a_key_that_was_set_anew_is_due_then_and_once() -> None:
    schedule = a_schedule(a=1.0, b=1.5)
    schedule.set("a", 2.0)

    assert schedule.due(1.0, 10) == []
    assert schedule.due(2.0, 10) == ["b", "a"]
    schedule.set("a", 2.0)
    schedule.set("a", 2.0)
    assert schedule.due(2.0, 10) == ["a"]


def test_what_is_stored_is_learnt_for_the_keys_that_were_asked_for_and_no_other() -> None:
    schedule = a_schedule(a=1.0, b=1.0, c=1.0)

    schedule.learn({"a": 4.0, "d": 5.0, "z": 6.0}, ["a", "b", "d"])

    assert schedule.due(10.0, 10) == ["c", "a", "d"]
    assert "b" not in schedule
    assert "z" not in schedule


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 5)), max_size=12), st.integers(0, 5)
)
def test_whatever_was_set_and_forgotten_the_due_keys_are_those_whose_last_word_says_so(
    words: list[tuple[str, int | None]], now: int
) -> None:
    schedule, last = RetrySchedule(), dict[str, int]()
    for key, due in words:
        act: Callable[[], object] = (
            (lambda key=key: schedule.forget(key))
            if due is None
            else (lambda key=key, due=due: schedule.set(key, due))
        )
        act()
        last.pop(key, None)
        if due is not None:
            last[key] = due

    assert schedule.next_due() == min(last.values(), default=None)
    found = schedule.due(now, 10)
    assert sorted(found) == sorted(key for key, due in last.items() if due <= now)
    assert [last[key] for key in found] == sorted(last[key] for key in found)
