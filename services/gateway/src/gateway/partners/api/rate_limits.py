"""How much a partner may send: its allowance, and the headers that say what is left of it."""

from collections.abc import Mapping
from time import monotonic

from chassis.http.problems import Problem
from gateway.http.faults import Sentence
from gateway.partners.domain.token_bucket import Allowance, TokenBucket


class RateLimiter:
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
            sentence = Sentence(
                "Your allowance is used up. Come back in %(seconds)s s.", seconds=allowance.wait_seconds
            )
            raise Problem(
                429,
                "too-many-events",
                sentence.text,
                params=dict(sentence.params),
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
