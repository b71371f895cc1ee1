"""Why an event is not taken, where its size or its content is to blame, and how large it may be."""

from gateway.http.faults import Fault, RefusalError, Sentence

EVENT_BYTES = 256 * 1024
BATCH_BYTES = 4 * 1024 * 1024
BATCH_EVENTS = 1000
BATCH_PARTS = 200_000
"""Objects and arrays in a batch: some fifty times what a thousand events of the network hold."""


def too_large() -> RefusalError:
    """Refuse a body, or an event in a batch, for its size."""
    detail = Sentence(
        "An event may have %(event)s kB at most; a batch %(batch)s kB and %(events)s events.",
        event=EVENT_BYTES // 1024,
        batch=BATCH_BYTES // 1024,
        events=BATCH_EVENTS,
    )
    return RefusalError(413, "too-large", detail, [Fault("", "too-large", Sentence("This is too large."))])


def too_many_parts() -> RefusalError:
    """Refuse a batch that is all brackets: reading it would cost more than any event is worth."""
    detail = Sentence("A batch may have %(limit)s objects and arrays at most.", limit=BATCH_PARTS)
    return RefusalError(413, "too-large", detail, [Fault("", "too-large", Sentence("This is too large."))])


def malformed(*faults: Fault) -> RefusalError:
    """Refuse an event for what is in it."""
    return RefusalError(
        422,
        "invalid-event",
        Sentence("Nothing was stored. Mend what `errors` names and send it again."),
        faults,
    )
