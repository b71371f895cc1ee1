"""What must be true of the outbox and the stream, at every moment and in the end."""

from .producing import Writers
from .stream import Stream
from .world import promise


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
