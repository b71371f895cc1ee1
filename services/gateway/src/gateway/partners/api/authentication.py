"""Who sends: the partner behind a key."""

from typing import Annotated

from fastapi import Depends, Request

from chassis.http.access import declares_access
from chassis.http.problems import Problem
from chassis.http.requests import unheard, unheard_parameters
from gateway.clients import KeyExpiredError, VerifiedKey
from gateway.http.faults import Sentence
from gateway.partners.api.key_expiry import expired, note_expiry
from gateway.partners.api.rate_limits import RateLimiter
from gateway.partners.domain.api_keys import presented_key
from gateway.partners.key_cache import TooManyKeysError, VerifiedKeys


@declares_access
async def sender_of(request: Request) -> VerifiedKey:
    """Find the partner whose key the request shows; nobody else gets any further."""
    key = presented_key(request.headers.get("Authorization"))
    keys: VerifiedKeys = request.app.state.keys
    address = request.client.host if request.client else ""
    try:
        sender = await keys.owner_of(key, address=address) if key is not None else None
    except KeyExpiredError as error:
        raise expired() from error
    except TooManyKeysError as error:
        sentence = Sentence(
            "Too many unknown keys were tried. Come back in %(seconds)s s.", seconds=error.wait_seconds
        )
        raise Problem(
            429,
            "too-many-keys",
            sentence.text,
            params=dict(sentence.params),
            headers={"Retry-After": str(error.wait_seconds)},
        ) from error
    if sender is None:
        # What has not the form of a key is seldom one that was revoked: the word before it is missing, or all of it.
        given = key is not None
        sentence = (
            Sentence("This key is unknown or revoked.")
            if given
            else Sentence("Send your key as: Authorization: Bearer sse_...")
        )
        challenge = 'Bearer realm="events"' + (', error="invalid_token"' if given else "")
        raise Problem(401, "unknown-key", sentence.text, headers={"WWW-Authenticate": challenge})
    note_expiry(request, sender)
    return sender


Sender = Annotated[VerifiedKey, Depends(sender_of)]


async def poster_of(request: Request, sender: Sender) -> VerifiedKey:
    """Find the partner that posts, and charge it for one event, whatever comes of it.

    A parameter that it misspells is refused: it might have meant that nothing shall be stored.
    """
    events: RateLimiter = request.app.state.rate_limiter
    events.take(request, sender.partner)
    if request.scope["query_string"] and (faults := unheard_parameters(request)):
        raise Problem(422, "invalid-request", "The request has fields to correct.", errors=faults)
    return sender


Poster = Annotated[VerifiedKey, Depends(poster_of)]


async def reader_of(request: Request, sender: Sender) -> VerifiedKey:
    """Find the partner that asks, and name to it what it asks in vain: a misspelt `limit` would list something else."""
    reads: RateLimiter = request.app.state.read_limiter
    reads.take(request, sender.partner)
    if faults := await unheard(request):
        raise Problem(422, "invalid-request", "The request has fields to correct.", errors=faults)
    return sender


Reader = Annotated[VerifiedKey, Depends(reader_of)]
