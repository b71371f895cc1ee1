"""What must hold of every history, whatever was done to the network: each invariant reads, and names what broke it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.resilience.history import Announced, History, Item, Received, Stored, Taken

RECOVERY = 20.0
"""Seconds after the last fault by which everything is ready again, and everything under way has arrived."""
OPENED = "coordination.task.opened.v1"


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant, and what broke it."""

    invariant: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


Invariant = Callable[[History], Iterator[str]]
INVARIANTS: list[Invariant] = []


def invariant(check: Invariant) -> Invariant:
    INVARIANTS.append(check)
    return check


def check(history: History) -> list[Violation]:
    """Everything that is wrong with a history; nothing where all invariants hold."""
    return [Violation(each.__name__, what) for each in INVARIANTS for what in each(history)]


@invariant
def every_acknowledged_event_has_one_task(history: History) -> Iterator[str]:
    tasks = Counter(task.event_id for task in history.tasks)
    for sent in history.sent:
        if sent.event_id is not None and tasks[sent.event_id] != 1:
            yield f"{sent.id} was answered 202 as {sent.event_id} and has {tasks[sent.event_id]} tasks"


@invariant
def every_sent_event_is_accepted_in_the_end(history: History) -> Iterator[str]:
    for sent in history.sent:
        if sent.event_id is None:
            yield f"{sent.id} was never answered 202 in {sent.tries} tries: {sent.refusal or 'no answer'}"


@invariant
def every_sent_event_is_received_once(history: History) -> Iterator[str]:
    """However often it was sent: stored once, announced once, and as what the partner was told."""
    received = Counter(one.sent_id for one in history.received)
    announced = Counter(one.event_id for one in history.announced)
    known = set(history.received)
    for sent in history.sent:
        if (count := received[sent.id]) > 1:
            yield f"{sent.id}, sent {sent.tries} times, is stored {count} times"
        if sent.event_id is not None and Received(sent.id, sent.event_id) not in known:
            yield f"{sent.id} was answered 202 as {sent.event_id} and is not stored as that"
    for one in history.received:
        if announced[one.event_id] != 1:
            yield f"{one.sent_id} is announced {announced[one.event_id]} times"


@invariant
def everybody_is_served_in_the_end(history: History) -> Iterator[str]:
    yield from history.unserved


@invariant
def no_two_sent_events_are_one(history: History) -> Iterator[str]:
    names = Counter(sent.event_id for sent in history.sent if sent.event_id is not None)
    yield from (
        f"{event_id} was answered for {count} events" for event_id, count in names.items() if count > 1
    )


@invariant
def every_recipient_has_one_item(history: History) -> Iterator[str]:
    accepted = {sent.event_id for sent in history.sent if sent.event_id is not None}
    opened = [item for item in history.items if item.event_type == OPENED and item.chain in accepted]
    # The same country, so the same office and the same people, for every event of the load.
    recipients = {(item.member_id, item.reason) for item in opened}
    found = Counter((item.chain, item.member_id, item.reason) for item in opened)
    if accepted and not recipients:
        yield "nobody was told of any task"
    for event_id in sorted(accepted):
        for member_id, reason in sorted(recipients):
            if (count := found[event_id, member_id, reason]) != 1:
                yield f"{event_id}: {count} items for {member_id} ({reason})"


@invariant
def no_item_is_there_twice(history: History) -> Iterator[str]:
    def identity(item: Item) -> tuple[str, str, str]:
        return item.about, item.member_id, item.reason

    found = Counter(identity(item) for item in history.items)
    yield from (f"{about} for {member}: {n}" for (about, member, _), n in found.items() if n > 1)


@invariant
def nothing_is_there_that_nobody_sent(history: History) -> Iterator[str]:
    """A task stands on an event that a partner sent; effects, items and the stream's messages on outbox rows."""
    received = {one.event_id for one in history.received}
    announced = {one.event_id for one in history.announced}
    for task in history.tasks:
        if task.event_id not in received:
            yield f"task {task.task_id} is for {task.event_id}, which nobody sent"
    for effect in history.effects:
        if effect.event_id not in announced:
            yield f"{effect.durable} applied {effect.event_id}, which nobody announced"
    for item in history.items:
        if item.about not in announced:
            yield f"{item.member_id} was told of {item.about}, which nobody announced"
    for message in history.stored:
        if not message.planted and message.event_id not in announced:
            yield f"{message.event_id} stands at {message.place} in the stream, and no outbox has it"


@invariant
def every_deed_that_was_confirmed_is_done_once(history: History) -> Iterator[str]:
    """Once, however often it was asked for; and no other deed twice either."""
    done = Counter(history.done)
    for deed in history.deeds:
        if not done[deed.task_id, deed.action]:
            yield f"{deed.action} of {deed.task_id} was confirmed, and is not in its history"
    yield from (f"{action} of {task_id} was done {n} times" for (task_id, action), n in done.items() if n > 1)


@invariant
def every_outbox_row_reached_the_stream(history: History) -> Iterator[str]:
    stored = {message.event_id for message in history.stored}
    for row in history.announced:
        if not row.published:
            yield f"{row.event_id} ({row.service}) is not marked as published"
        if row.event_id not in stored:
            yield f"{row.event_id} ({row.service}) is not in the stream"


@invariant
def sequences_have_no_gap(history: History) -> Iterator[str]:
    numbers: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for row in history.announced:
        numbers[row.service, row.aggregate_id, row.epoch].append(row.sequence)
    for (service, aggregate, _), found in numbers.items():
        if sorted(found) != list(range(1, len(found) + 1)):
            yield f"{aggregate} ({service}) has the sequences {sorted(found)}"


@invariant
def the_stream_has_each_key_in_order(history: History) -> Iterator[str]:
    """What the faults stored a second time stands behind the first, so each event counts where it first stands."""
    rows = {row.event_id: row for row in history.announced}
    last: dict[str, tuple[int, int]] = {}
    for message in _firsts(history.stored):
        if (row := rows.get(message.event_id)) is None:
            continue
        here = (row.epoch, row.sequence)
        if here < last.get(row.aggregate_id, (0, 0)):
            yield f"{row.aggregate_id}: {here} stands behind {last[row.aggregate_id]} in the stream"
        last[row.aggregate_id] = max(here, last.get(row.aggregate_id, (0, 0)))


@invariant
def every_durable_took_what_it_hears(history: History) -> Iterator[str]:
    """Each event of its types, once; what it has not taken must be a dead letter."""
    taken = Counter((one.durable, one.event_id) for one in history.taken)
    buried = {(one.durable, one.event_id) for one in history.letters}
    for durable, types in history.hearing.items():
        for row in history.announced:
            if (
                row.type in types
                and not taken[durable, row.event_id]
                and (durable, row.event_id) not in buried
            ):
                yield f"{durable} neither took {row.event_id} nor has a dead letter for it"
    yield from (f"{durable} took {event_id} {n} times" for (durable, event_id), n in taken.items() if n > 1)


@invariant
def every_durable_took_each_key_in_order(history: History) -> Iterator[str]:
    """Of what one transaction took the order is the chassis' to keep, and its tests hold it to that."""
    rows = {row.event_id: row for row in history.announced}
    last: dict[tuple[str, str], tuple[Announced, Taken]] = {}
    for one in sorted(history.taken, key=lambda one: (one.service, one.place)):
        if (row := rows.get(one.event_id)) is None:
            continue
        key = (one.durable, row.aggregate_id)
        before = last.get(key)
        if before is None or (before[0].epoch, before[0].sequence) <= (row.epoch, row.sequence):
            last[key] = (row, one)
        elif before[1].work != one.work:
            yield f"{one.durable} took {row.aggregate_id} {row.sequence} after {before[0].sequence}"


@invariant
def every_durable_applied_what_it_took(history: History) -> Iterator[str]:
    """What was taken may wait, but not for ever: it has its effect in the end, and one, or a dead letter."""
    effects = Counter((one.durable, one.event_id) for one in history.effects)
    buried = {(one.durable, one.event_id) for one in history.letters}
    for one in history.taken:
        if not effects[one.durable, one.event_id] and (one.durable, one.event_id) not in buried:
            yield f"{one.durable} took {one.event_id} and never applied it"
    yield from (
        f"{durable} applied {event_id} {n} times" for (durable, event_id), n in effects.items() if n > 1
    )


@invariant
def every_durable_applied_each_key_in_order(history: History) -> Iterator[str]:
    """By the commits of the effects themselves, and within one commit as the handler was given them."""
    rows = {row.event_id: row for row in history.announced}
    last: dict[tuple[str, str], tuple[int, int]] = {}
    for one in sorted(history.effects, key=lambda one: (one.service, one.committed, one.place)):
        if (row := rows.get(one.event_id)) is None:
            continue
        key, here = (one.durable, row.aggregate_id), (row.epoch, row.sequence)
        if here < last.get(key, (0, 0)):
            yield f"{one.durable} applied {row.aggregate_id} {here} after {last[key]}"
        last[key] = max(here, last.get(key, (0, 0)))


@invariant
def the_directory_is_the_same_everywhere(history: History) -> Iterator[str]:
    truth = history.directory.get("registry", {})
    for service, copy in history.directory.items():
        for entry, version in truth.items():
            if copy.get(entry) != version:
                yield f"{service} knows {entry} as of {copy.get(entry)}, the registry has {version}"


@invariant
def nothing_is_dead_lettered_without_a_record(history: History) -> Iterator[str]:
    """What JetStream gave up has a dead letter, and so has each planted message that is no event, at each hearer."""
    recorded = {(one.durable, one.stream_sequence) for one in history.letters}
    for one in history.given_up:
        if (one.durable, one.stream_sequence) not in recorded:
            yield f"the server gave up {one.stream_sequence} at {one.durable}, and no dead letter tells of it"
    for message in _poison(history):
        for durable in _hearers(history, message):
            if (durable, message.place) not in recorded:
                yield f"{durable} has no dead letter for the broken message at {message.place}"


@invariant
def nothing_is_dead_lettered_that_could_be_applied(history: History) -> Iterator[str]:
    """No fault here lasts long enough to use up an event's attempts: only what is no event may be given up."""
    broken = {message.place for message in _poison(history)}
    for one in history.letters:
        if one.stream_sequence not in broken:
            yield f"{one.durable} gave up {one.event_id} (at {one.stream_sequence} in the stream)"


@invariant
def no_process_ends_by_itself(history: History) -> Iterator[str]:
    yield from history.fell


@invariant
def recovery_is_within_bounds(history: History) -> Iterator[str]:
    for one in history.recoveries:
        if one.seconds is None or one.seconds > RECOVERY:
            after = "never" if one.seconds is None else f"after {one.seconds:.1f} s"
            yield f"seed {one.seed} was over {after}; {one.left}".rstrip("; ")


def _firsts(stored: list[Stored]) -> Iterator[Stored]:
    seen: set[str] = set()
    for message in sorted(stored, key=lambda message: message.place):
        if message.event_id and message.event_id not in seen:
            seen.add(message.event_id)
            yield message


def _poison(history: History) -> list[Stored]:
    return [message for message in history.stored if message.planted and not message.event_id]


def _hearers(history: History, message: Stored) -> Iterator[str]:
    hearing: Mapping[str, object] = history.hearing
    for durable in hearing:
        if any(f".{kind}" in message.subject for kind in history.hearing[durable]):
            yield durable
