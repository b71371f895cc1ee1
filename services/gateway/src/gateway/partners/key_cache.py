"""Partners' keys, as the registry answered for them a moment ago."""

from collections import OrderedDict
from datetime import timedelta
from time import monotonic
from typing import Generic, TypeVar

from gateway.clients.registry import KeyExpiredError, RegistryClient, VerifiedKey
from gateway.clients.service_client import NotFoundError
from gateway.http.shared_work import SharedWork
from gateway.partners.domain.api_keys import PresentedKey
from gateway.partners.domain.token_bucket import TokenBucket

K = TypeVar("K")
T = TypeVar("T")

REFUSAL_LIFE = timedelta(seconds=30)
"""A wrong key is answered from memory for so long: nobody can know a key before it is made."""
KNOWN_LIFE = timedelta(days=1)
"""A key that was good of late is asked about freely: whoever holds it does not guess."""
MANY = 10_000
ADDRESSES = 5
"""So many addresses may use up their allowance of new keys at a time."""


class TooManyKeysError(Exception):
    """Too many keys that nobody has seen before were tried of late, from there or in all."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__("too many new keys were tried")
        self.wait_seconds = wait_seconds


class VerifiedKeys:
    """Asks the registry about a key at most once in a while; while the registry is away, no new key gets in.

    Keys that were never good may be tried so often from one address, and so often in all: a guesser costs the registry
    no request for each guess, and holds up nobody whose key it knows.
    """

    def __init__(
        self,
        registry: RegistryClient,
        *,
        life: timedelta,
        checks_per_second: int = 20,
        checks_burst: int = 500,
    ) -> None:
        self._registry = registry
        self._life = life.total_seconds()
        self._per_second = checks_per_second
        self._burst = checks_burst
        # Apart, so that a flood of made-up keys pushes out no good one.
        self._good: _Cache[PresentedKey, VerifiedKey] = _Cache()
        self._refused: _Cache[PresentedKey, bool] = _Cache()
        self._known: _Cache[PresentedKey, None] = _Cache()
        self._guesses = TokenBucket(per_second=checks_per_second * ADDRESSES, burst=checks_burst * ADDRESSES)
        self._guesses_from: _Cache[str, TokenBucket] = _Cache()
        self._asking: SharedWork[PresentedKey, VerifiedKey | None] = SharedWork()

    async def owner_of(self, key: PresentedKey, *, address: str) -> VerifiedKey | None:
        """Name the partner of a key, or nobody; raises ServiceUnavailableError where that cannot be known.

        Raises KeyExpiredError where its time is over, and TooManyKeysError where it would take one question too many
        to know.
        """
        now = monotonic()
        if known := self._good.get(key, now):
            return known[0]
        if refused := self._refused.get(key, now):
            return _refuse(expired=refused[0])
        return await self._asking.do(key, lambda: self._ask(key, address))

    async def _ask(self, key: PresentedKey, address: str) -> VerifiedKey | None:
        now = monotonic()
        charged = () if self._known.get(key, now) else self._charge(address, now)
        try:
            owner = await self._registry.verify_key(key.key_id, key.secret_sha256)
        except (NotFoundError, KeyExpiredError) as error:
            expired = isinstance(error, KeyExpiredError)
            self._refused.put(key, expired, now + REFUSAL_LIFE.total_seconds())
            return _refuse(expired=expired)
        for bucket in charged:
            bucket.give_back(1, at=monotonic())
        self._good.put(key, owner, now + self._life)
        self._known.put(key, None, now + KNOWN_LIFE.total_seconds())
        return owner

    def _charge(self, address: str, now: float) -> tuple[TokenBucket, ...]:
        found = self._guesses_from.get(address, now)
        own = found[0] if found else TokenBucket(per_second=self._per_second, burst=self._burst)
        # Full again by then, and as good as a new one.
        self._guesses_from.put(address, own, now + self._burst / self._per_second)
        charged: list[TokenBucket] = []
        for bucket in (own, self._guesses):
            allowance = bucket.take(1, at=now)
            if not allowance.allowed:
                for other in charged:
                    other.give_back(1, at=now)
                raise TooManyKeysError(allowance.wait_seconds)
            charged.append(bucket)
        return tuple(charged)


def _refuse(*, expired: bool) -> None:
    if expired:
        raise KeyExpiredError


class _Cache(Generic[K, T]):
    """What was answered for so many of late, each until its time is up."""

    def __init__(self) -> None:
        self._known: OrderedDict[K, tuple[T, float]] = OrderedDict()

    def get(self, key: K, now: float) -> tuple[T] | None:
        known = self._known.get(key)
        return (known[0],) if known is not None and known[1] > now else None

    def put(self, key: K, answer: T, until: float) -> None:
        self._known.pop(key, None)
        self._known[key] = (answer, until)
        while len(self._known) > MANY:
            self._known.popitem(last=False)
