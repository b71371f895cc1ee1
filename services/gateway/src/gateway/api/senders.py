"""Who sends, and how much: the partner behind a key, and the partner's allowance."""

from collections.abc import Mapping
from time import monotonic
from typing import Annotated

from fastapi import Depends, Request

from chassis.http.problems import Problem, declares_access
from gateway.clients import VerifiedKey, VerifiedKeys
from gateway.domain.partners import Allowance, TokenBucket, key_in
from gateway.domain.words import Words


@declares_access
async def sender_of(request: Request) -> VerifiedKey:
    """Find the partner whose key the request shows; nobody else gets any further."""
    key = key_in(request.headers.get("Authorization"))
    keys: VerifiedKeys = request.app.state.keys
    sender = await keys.owner_of(key) if key is not None else None
    if sender is None:
        given = "Authorization" in request.headers
        words = (
            Words("This key is unknown, revoked or expired.")
            if given
            else Words("Send your key as: Authorization: Bearer sse_...")
        )
        challenge = 'Bearer realm="events"' + (', error="invalid_token"' if given else "")
        raise Problem(401, "unknown-key", words.text, headers={"WWW-Authenticate": challenge})
    return sender


Sender = Annotated[VerifiedKey, Depends(sender_of)]


class Allowances:
    """Each partner's bucket, in the memory of this process."""

    def __init__(self, *, per_second: int, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._buckets: dict[str, TokenBucket] = {}

    def take(self, partner: str, events: int) -> Mapping[str, str]:
        """Take from a partner's bucket; gives the headers that say what is left, or raises 429."""
        bucket = self._buckets.get(partner)
        if bucket is None:
            bucket = self._buckets[partner] = TokenBucket(per_second=self._per_second, burst=self._burst)
        allowance = bucket.take(events, at=monotonic())
        headers = self._headers(allowance)
        if not allowance.allowed:
            words = Words(
                "Your allowance is used up. Come back in %(seconds)s s.", seconds=allowance.wait_seconds
            )
            raise Problem(
                429,
                "too-many-events",
                words.text,
                params=dict(words.params),
                headers={**headers, "Retry-After": str(allowance.wait_seconds)},
            )
        return headers

    def pay_off(self, partner: str, events: int) -> Mapping[str, str]:
        """Charge what a batch held beyond its first event, which has been let in already."""
        bucket = self._buckets[partner]
        return self._headers(bucket.charge(events, at=monotonic()))

    def _headers(self, allowance: Allowance) -> dict[str, str]:
        window = max(1, round(self._burst / self._per_second))
        return {
            "RateLimit-Policy": f'"events";q={self._burst};w={window}',
            "RateLimit": f'"events";r={allowance.left};t={allowance.wait_seconds}',
        }
