"""How much a partner may ask for: its allowances, and the headers that say what is left of them."""

from time import monotonic

from fastapi import Request

from chassis.http.problems import Problem
from gateway.http.faults import Sentence
from gateway.http.quota_headers import tell_quota
from gateway.partners.domain.token_bucket import Allowance, TokenBucket


class RateLimiter:
    """Each partner's bucket of one kind, in the memory of this process. There are no more partners than have keys."""

    def __init__(self, name: str, *, per_second: int, burst: int) -> None:
        self._name = name
        self._per_second = per_second
        self._burst = burst
        window = max(1, round(burst / per_second))
        self._policy = f'"{name}";q={burst};w={window}'
        self._buckets: dict[str, TokenBucket] = {}

    def take(self, request: Request, partner: str) -> None:
        """Let one pass while anything is left, and have the answer say what is left; raises 429."""
        bucket = self._buckets.get(partner)
        if bucket is None:
            bucket = self._buckets[partner] = TokenBucket(per_second=self._per_second, burst=self._burst)
        self._settle(request, bucket.take(1, at=monotonic()))

    def take_batch(self, request: Request, partner: str, events: int) -> None:
        """Charge a batch for all but its first event, which has passed; raises 429 where others left a debt meanwhile.

        One batch may owe, since it may be larger than the bucket. While it does, no other is let pass.
        """
        self._settle(request, self._buckets[partner].take_rest(max(0, events - 1), at=monotonic()))

    def _settle(self, request: Request, allowance: Allowance) -> None:
        left = f'"{self._name}";r={allowance.left};t={allowance.full_seconds}'
        tell_quota(request, {"RateLimit-Policy": self._policy, "RateLimit": left})
        if not allowance.allowed:
            sentence = Sentence(
                "Your allowance is used up. Come back in %(seconds)s s.", seconds=allowance.wait_seconds
            )
            raise Problem(
                429,
                "too-many-events",
                sentence.text,
                params=dict(sentence.params),
                headers={"Retry-After": str(allowance.wait_seconds)},
            )
