"""The checker itself: a sound history has no violation, and each invariant fails on the bug it is there for."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.resilience.checker import INVARIANTS, OPENED, RECOVERY, check
from tests.resilience.history import (
    Announced,
    Deed,
    Effect,
    GivenUp,
    History,
    Item,
    Letter,
    Received,
    Recovery,
    Sent,
    Stored,
    Taken,
    Task,
)

REQUESTED = "partner.assistance.requested.v1"
ACCEPTED = "coordination.task.accepted.v1"
COORDINATION, NOTIFICATIONS = "coordination-open-tasks", "notifications-tell-members"


def a_sound_history() -> History:
    """Two requests, e1 and e2, with a task each; the first task, t1, was accepted. One message was no event."""
    history = History(hearing={COORDINATION: [REQUESTED], NOTIFICATIONS: [OPENED, ACCEPTED]})
    history.sent = [Sent("S1", 1, "e1"), Sent("S2", 3, "e2")]
    history.tasks = [Task("t1", "e1"), Task("t2", "e2")]
    history.received = [Received("S1", "e1"), Received("S2", "e2")]
    history.deeds, history.done = [Deed("t1", "accept")], [("t1", "open"), ("t2", "open"), ("t1", "accept")]
    history.items = [Item(f"o{n}", "m1", "unit", OPENED, f"e{n}") for n in (1, 2)]
    rows = [
        ("gateway", "e1", REQUESTED, "r1", 1),
        ("gateway", "e2", REQUESTED, "r2", 1),
        ("coordination", "o1", OPENED, "t1", 1),
        ("coordination", "o2", OPENED, "t2", 1),
        ("coordination", "a1", ACCEPTED, "t1", 2),
    ]
    history.announced = [
        Announced(service, event, kind, aggregate, 1, sequence, published=True)
        for service, event, kind, aggregate, sequence in rows
    ]
    history.stored = [Stored(place, f"sse.hq.all.{row[2]}", row[1]) for place, row in enumerate(rows, 1)]
    # What a relay stored twice, and what was no event at all.
    history.stored += [
        Stored(6, f"sse.hq.all.{OPENED}", "o1"),
        Stored(7, f"sse.hq.all.{REQUESTED}", "", planted=True),
    ]
    history.taken = [
        Taken("coordination", COORDINATION, "e1", 1, 11),
        Taken("coordination", COORDINATION, "e2", 2, 11),
        Taken("notifications", NOTIFICATIONS, "o1", 1, 21),
        Taken("notifications", NOTIFICATIONS, "o2", 2, 22),
        Taken("notifications", NOTIFICATIONS, "a1", 3, 22),
    ]
    # The second request had to wait, so its effect came later, and in another transaction.
    history.effects = [
        Effect("coordination", COORDINATION, "e1", 5.0, 1, 11),
        Effect("coordination", COORDINATION, "e2", 5.5, 2, 12),
        Effect("notifications", NOTIFICATIONS, "o1", 5.1, 1, 21),
        Effect("notifications", NOTIFICATIONS, "o2", 5.2, 2, 22),
        Effect("notifications", NOTIFICATIONS, "a1", 5.2, 3, 22),
    ]
    history.letters = [Letter("coordination", COORDINATION, 7, None)]
    history.directory = {name: {"X": (1, 3), "m1": (1, 2)} for name in ("registry", "notifications")}
    history.recoveries = [Recovery(1, RECOVERY / 2)]
    return history


def swap_places(history: History) -> None:
    """The acceptance stands in the stream before the opening."""
    history.stored[2], history.stored[4] = (
        replace(history.stored[2], place=5),
        replace(history.stored[4], place=3),
    )
    history.stored = [one for one in history.stored if one.place != 6]


def swap_work(history: History) -> None:
    """The acceptance was taken in an earlier transaction than the opening."""
    history.taken[2], history.taken[4] = (
        replace(history.taken[2], place=3),
        replace(history.taken[4], place=1),
    )


def swap_effects(history: History) -> None:
    """The opening had to wait, and the acceptance, taken after it, was applied before it."""
    history.effects[2] = replace(history.effects[2], committed=5.3)


def swap_within_one_commit(history: History) -> None:
    """The handler was given the acceptance before the opening."""
    history.effects[2] = replace(history.effects[2], committed=5.2, place=4)


def take_a_repeat_for_another(history: History) -> None:
    """The second request, sent again, has all that a new one would have."""
    history.received.append(Received("S2", "e3"))
    history.announced += [
        replace(history.announced[1], event_id="e3", aggregate_id="r3"),
        replace(history.announced[3], event_id="o3", aggregate_id="t3"),
    ]
    history.tasks.append(Task("t3", "e3"))
    history.items.append(Item("o3", "m1", "unit", OPENED, "e3"))
    history.stored += [
        Stored(8, f"sse.hq.all.{REQUESTED}", "e3"),
        Stored(9, f"sse.hq.all.{OPENED}", "o3"),
    ]
    history.taken += [
        Taken("coordination", COORDINATION, "e3", 3, 13),
        Taken("notifications", NOTIFICATIONS, "o3", 4, 23),
    ]
    history.effects += [
        Effect("coordination", COORDINATION, "e3", 6.0, 3, 13),
        Effect("notifications", NOTIFICATIONS, "o3", 6.1, 4, 23),
    ]


PLANTED: dict[str, list[Callable[[History], object]]] = {
    "every_acknowledged_event_has_one_task": [
        lambda h: h.tasks.pop(),
        lambda h: h.tasks.append(Task("t3", "e2")),
    ],
    "every_sent_event_is_accepted_in_the_end": [lambda h: h.sent.append(Sent("S3", 9, None))],
    "every_sent_event_is_received_once": [
        take_a_repeat_for_another,
        lambda h: h.received.pop(),
        lambda h: h.received.__setitem__(0, Received("S1", "e3")),
        lambda h: h.announced.append(h.announced[0]),
    ],
    "everybody_is_served_in_the_end": [lambda h: h.unserved.append("the member did not come to an end")],
    "no_two_sent_events_are_one": [lambda h: h.sent.append(Sent("S3", 1, "e2"))],
    "every_recipient_has_one_item": [
        lambda h: h.items.pop(),
        lambda h: h.items.clear(),
        lambda h: h.items.append(Item("o9", "m1", "unit", OPENED, "e2")),
        lambda h: h.items.append(Item("o1", "m2", "unit", OPENED, "e1")),
    ],
    "no_item_is_there_twice": [lambda h: h.items.append(h.items[0])],
    "nothing_is_there_that_nobody_sent": [
        lambda h: h.tasks.append(Task("t9", "e9")),
        lambda h: h.effects.append(Effect("coordination", COORDINATION, "e9", 6.0, 3, 13)),
        lambda h: h.items.append(Item("o9", "m1", "unit", ACCEPTED, "e1")),
        lambda h: h.stored.append(Stored(9, f"sse.hq.all.{REQUESTED}", "e9")),
    ],
    "every_deed_that_was_confirmed_is_done_once": [
        lambda h: h.deeds.append(Deed("t1", "complete")),
        lambda h: h.done.append(("t1", "accept")),
    ],
    "every_outbox_row_reached_the_stream": [
        lambda h: h.stored.pop(1),
        lambda h: h.announced.__setitem__(0, replace(h.announced[0], published=False)),
    ],
    "sequences_have_no_gap": [
        lambda h: h.announced.append(replace(h.announced[0], event_id="e3", sequence=3))
    ],
    "the_stream_has_each_key_in_order": [swap_places],
    "every_durable_took_what_it_hears": [
        lambda h: h.taken.pop(1),
        lambda h: h.taken.append(h.taken[0]),
    ],
    "every_durable_took_each_key_in_order": [swap_work],
    "every_durable_applied_what_it_took": [
        lambda h: h.effects.pop(1),
        lambda h: h.effects.append(h.effects[0]),
    ],
    "every_durable_applied_each_key_in_order": [swap_effects, swap_within_one_commit],
    "the_directory_is_the_same_everywhere": [
        lambda h: h.directory["notifications"].update(X=(1, 2)),
        lambda h: h.directory["notifications"].clear(),
        lambda h: h.directory["notifications"].update({"m1": (1, 1)}),
    ],
    "nothing_is_dead_lettered_without_a_record": [
        lambda h: h.letters.clear(),
        lambda h: h.given_up.append(GivenUp(NOTIFICATIONS, 3)),
    ],
    "nothing_is_dead_lettered_that_could_be_applied": [
        lambda h: h.letters.append(Letter("notifications", NOTIFICATIONS, 4, "o2"))
    ],
    "no_process_ends_by_itself": [lambda h: h.fell.append("gateway ended by itself")],
    "recovery_is_within_bounds": [
        lambda h: h.recoveries.append(Recovery(2, RECOVERY + 1)),
        lambda h: h.recoveries.append(Recovery(3, None, "not ready")),
    ],
}


def test_a_sound_history_has_no_violation() -> None:
    assert check(a_sound_history()) == []


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        pytest.param(name, plant, id=f"{name}-{n}")
        for name, plants in PLANTED.items()
        for n, plant in enumerate(plants)
    ],
)
def test_each_invariant_fails_on_the_bug_it_is_there_for(
    name: str, plant: Callable[[History], object]
) -> None:
    history = a_sound_history()
    plant(history)
    assert name in {one.invariant for one in check(history)}


def test_every_invariant_has_a_planted_bug() -> None:
    assert set(PLANTED) == {one.__name__ for one in INVARIANTS}


def test_what_one_transaction_took_may_lie_in_any_order() -> None:
    history = a_sound_history()
    swap_work(history)
    history.taken = [replace(one, work=1) for one in history.taken]
    assert check(history) == []
