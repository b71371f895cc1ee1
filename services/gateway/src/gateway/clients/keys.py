"""Partners' keys, as the registry answered for them a moment ago."""

from collections import OrderedDict
from datetime import timedelta
from time import monotonic

from gateway.clients.calling import NotFoundError
from gateway.clients.registry import RegistryClient, VerifiedKey
from gateway.domain.partners import PresentedKey

REFUSAL_LIFE = timedelta(seconds=2)
MANY = 10_000


class VerifiedKeys:
    """Asks the registry about a key at most once in a while; while the registry is away, no new key gets in."""

    def __init__(self, registry: RegistryClient, *, life: timedelta) -> None:
        self._registry = registry
        self._life = life.total_seconds()
        self._known: OrderedDict[PresentedKey, tuple[float, VerifiedKey | None]] = OrderedDict()

    async def owner_of(self, key: PresentedKey) -> VerifiedKey | None:
        """Name the partner of a key, or nobody; raises ServiceUnavailableError where that cannot be known."""
        now = monotonic()
        known = self._known.get(key)
        if known is not None and known[0] > now:
            return known[1]
        try:
            owner = await self._registry.verify_key(key.key_id, key.secret_sha256)
        except NotFoundError:
            owner = None
        life = self._life if owner is not None else REFUSAL_LIFE.total_seconds()
        self._known.pop(key, None)
        self._known[key] = (now + life, owner)
        while len(self._known) > MANY:
            self._known.popitem(last=False)
        return owner
