"""Partners' keys, as the registry answered for them a moment ago."""

from collections import OrderedDict
from datetime import timedelta
from time import monotonic
from typing import Generic, TypeVar

from gateway.clients.registry import KeyExpiredError, RegistryClient, VerifiedKey
from gateway.clients.service_client import NotFoundError
from gateway.partners.domain.api_keys import PresentedKey

T = TypeVar("T")

REFUSAL_LIFE = timedelta(seconds=2)
MANY = 10_000


class VerifiedKeys:
    """Asks the registry about a key at most once in a while; while the registry is away, no new key gets in."""

    def __init__(self, registry: RegistryClient, *, life: timedelta) -> None:
        self._registry = registry
        self._life = life.total_seconds()
        # Those that are refused lie apart, so that a flood of made-up keys pushes out no good one.
        self._good: _Cache[VerifiedKey] = _Cache()
        self._expired: _Cache[bool] = _Cache()

    async def owner_of(self, key: PresentedKey) -> VerifiedKey | None:
        """Name the partner of a key, or nobody.

        Raises KeyExpiredError where its time is over, ServiceUnavailableError where its owner cannot be known.
        """
        now = monotonic()
        if known := self._good.get(key, now):
            return known[0]
        if refused := self._expired.get(key, now):
            return _refuse(expired=refused[0])
        try:
            owner = await self._registry.verify_key(key.key_id, key.secret_sha256)
        except (NotFoundError, KeyExpiredError) as error:
            expired = isinstance(error, KeyExpiredError)
            self._expired.put(key, expired, now + REFUSAL_LIFE.total_seconds())
            return _refuse(expired=expired)
        self._good.put(key, owner, now + self._life)
        return owner


def _refuse(*, expired: bool) -> None:
    if expired:
        raise KeyExpiredError


class _Cache(Generic[T]):
    """What was answered for so many keys of late, each until its time is up."""

    def __init__(self) -> None:
        self._known: OrderedDict[PresentedKey, tuple[T, float]] = OrderedDict()

    def get(self, key: PresentedKey, now: float) -> tuple[T] | None:
        known = self._known.get(key)
        return (known[0],) if known is not None and known[1] > now else None

    def put(self, key: PresentedKey, answer: T, until: float) -> None:
        self._known.pop(key, None)
        self._known[key] = (answer, until)
        while len(self._known) > MANY:
            self._known.popitem(last=False)
