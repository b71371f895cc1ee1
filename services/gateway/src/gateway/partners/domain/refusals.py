"""Why an event is not taken, where its size or its content is to blame, and how large it may be."""

from gateway.http.faults import Fault, RefusalError, Sentence

EVENT_BYTES = 256 * 1024
BATCH_BYTES = 4 * 1024 * 1024
BATCH_EVENTS = 1000


def too_large() -> RefusalError:
    """Refuse a body, or an event in a batch, for its size."""
    detail = Sentence(
        "An event may have %(event)s kB at most; a batch %(batch)s kB and %(events)s events.",
        event=EVENT_BYTES // 1024,
        batch=BATCH_BYTES // 1024,
        events=BATCH_EVENTS,
    )
    return RefusalError(413, "too-large", detail, [Fault("", "too-large", Sentence("This is too large."))])


def malformed(*faults: Fault) -> RefusalError:
    """Refuse an event for what is in it."""
    return RefusalError(
        422,
        "invalid-event",
        Sentence("Nothing was stored. Mend what `errors` names and send it again."),
        faults,
    )
