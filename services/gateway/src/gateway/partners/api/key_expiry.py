"""Keys that stop by themselves: each answer says when, and those after it that they have."""

from datetime import UTC

from fastapi import Request

from chassis.http.problems import Problem
from gateway.clients import VerifiedKey
from gateway.http.faults import Sentence
from gateway.http.quota_headers import tell_quota

HEADER = "Key-Expires"


def expired() -> Problem:
    """Refuse a key whose time is over: its holder is told so, for a new one is all that is needed."""
    sentence = Sentence("This key has expired. Ask the network's operators for a new one.")
    challenge = 'Bearer realm="events", error="invalid_token", error_description="The key has expired"'
    return Problem(401, "key-expired", sentence.text, headers={"WWW-Authenticate": challenge})


def note_expiry(request: Request, sender: VerifiedKey) -> None:
    """Have the answer to this request say when its key expires, where it does."""
    until = sender.expires_at
    if until is not None:
        at = until.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        tell_quota(request, {HEADER: at})
