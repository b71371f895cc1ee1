"""What must be true of the outbox and the stream, at every moment and in the end."""

from .consuming import Consumers
from .producing import Writers
from .stream import Stream
from .world import promise

MOST_ATTEMPTS = 8


def check_stream(writers: Writers, stream: Stream) -> None:
    """Everything committed is in the stream, nothing else is, and of each aggregate in the order of its changes."""
    committed = {row.event_id: (key, sequence) for row, key, sequence in writers.committed}
    lost = [row for row, _, _ in writers.committed if row.event_id not in stream.ids]
    promise(not lost, "what was committed reaches the stream", lost)
    last: dict[str, int] = {}
    seen: set[object] = set()
    for message in stream.messages:
        promise(message.event_id in committed, "nothing is published that was not committed", message)
        if message.event_id in seen:
            continue
        seen.add(message.event_id)
        key, sequence = committed[message.event_id]
        promise(last.get(key, 0) + 1 == sequence, "changes of one aggregate are published in order", message)
        last[key] = sequence


def check_effects(writers: Writers, consumers: Consumers) -> None:
    """Each event was applied once or given up with a record, and given up only where that was right."""
    truth = consumers.truth
    most = consumers.ordering.MAX_ATTEMPTS
    promise(most == MOST_ATTEMPTS, "an event is given up after so many attempts", most)
    applied = {(key, sequence) for key, sequences in truth.effects.items() for sequence in sequences}
    for row, key, sequence in writers.committed:
        buried = row.event_id in truth.dead
        promise(
            buried or (key, sequence) in applied, "every event is applied, or given up with a record", row
        )
        if buried:
            tries = truth.dead[row.event_id]
            permanent = row.event_id in truth.poisoned
            promise(
                permanent or tries == MOST_ATTEMPTS, "an event is given up after its attempts", row, tries
            )
            promise(tries <= MOST_ATTEMPTS, "no event is tried for ever", row, tries)
        else:
            hopeless = row.event_id in truth.poisoned
            promise(not hopeless, "what no repeat can mend is given up", row)
    promise(not truth.waiting, "nothing waits in the end", truth.waiting)
