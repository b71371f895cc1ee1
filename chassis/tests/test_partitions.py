"""A durable in parts: every aggregate's events go to one part, and every part to one process."""

from collections import Counter
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.partitions import COUNTS, Partition, partitions_of, preferred
from contracts.event import SLOTS, slot_of, subject_of

TYPES = ("coordination.task.opened.v1", "registry.member.left.v1")
counts = pytest.mark.parametrize("count", COUNTS)


def test_a_durable_may_be_split_into_a_power_of_two_up_to_its_slots() -> None:
    assert COUNTS == (1, 2, 4, 8, 16)
    assert COUNTS[-1] == SLOTS


@counts
def test_the_parts_of_a_durable_share_out_all_slots_evenly(count: int) -> None:
    parts = partitions_of("notifications-inbox", count)

    assert sorted(slot for part in parts for slot in part.slots) == list(range(SLOTS))
    assert {len(part.slots) for part in parts} == {SLOTS // count}


def test_each_part_has_a_name_of_its_own_and_the_whole_that_of_the_durable() -> None:
    assert [part.name for part in partitions_of("inbox", 1)] == ["inbox"]
    assert [part.name for part in partitions_of("inbox", 2)] == ["inbox-0of2", "inbox-1of2"]
    assert Partition("inbox") == Partition("inbox", 0, 1)


@counts
@given(aggregate=st.uuids().map(str), kind=st.sampled_from(TYPES), to=st.sampled_from(["all", "dakar"]))
def test_an_event_is_delivered_to_one_part_whoever_announced_it(
    count: int, aggregate: str, kind: str, to: str
) -> None:
    subject = subject_of(kind, site="hq", to=to, slot=slot_of(aggregate))

    takers = [
        (part.index, pattern)
        for part in partitions_of("inbox", count)
        for pattern in part.filter_subjects(TYPES, "dakar")
        if fnmatchcase(subject, pattern)
    ]

    assert len(takers) == 1


@counts
def test_no_part_is_delivered_what_is_for_another_site_or_of_another_type(count: int) -> None:
    patterns = [
        pattern
        for part in partitions_of("inbox", count)
        for pattern in part.filter_subjects(TYPES[:1], "dakar")
    ]

    for slot in range(SLOTS):
        strange = (
            subject_of(TYPES[0], site="hq", to="abidjan", slot=f"{slot:02d}"),
            subject_of(TYPES[1], site="hq", slot=f"{slot:02d}"),
        )
        assert not any(fnmatchcase(subject, pattern) for subject in strange for pattern in patterns)


def test_the_whole_is_asked_for_with_one_pattern_for_all_slots() -> None:
    assert Partition("inbox").filter_subjects(TYPES[:1], "dakar") == [
        subject_of(TYPES[0], to="all", slot="*"),
        subject_of(TYPES[0], to="dakar", slot="*"),
    ]


@counts
@given(processes=st.lists(st.integers(1, 99), min_size=1, max_size=5, unique=True))
def test_the_parts_of_a_durable_go_to_the_processes_as_evenly_as_can_be(
    count: int, processes: list[int]
) -> None:
    shares = Counter(preferred(part, processes) for part in partitions_of("inbox", count))

    assert shares.keys() <= set(processes)
    assert {shares[process] for process in processes} <= {
        count // len(processes),
        -(-count // len(processes)),
    }


def test_undivided_durables_do_not_all_go_to_the_first_process() -> None:
    durables = [Partition(f"coordination-effect-{number}") for number in range(20)]

    found = {preferred(durable, [4, 5, 6]) for durable in durables}

    assert found == {4, 5, 6}
    # Whoever asks is told the same.
    assert [preferred(durable, [4, 5]) for durable in durables] == [
        preferred(durable, (4, 5)) for durable in durables
    ]


def test_without_a_process_nobody_has_a_part() -> None:
    assert preferred(Partition("inbox"), []) is None
