"""A partner's key, as a request shows it."""

import hashlib
import re
from typing import NamedTuple

_KEY = re.compile(r"sse_(?P<key_id>[a-z2-7]{12})_(?P<secret>[A-Za-z0-9_-]{43})")
_SCHEME = re.compile(r"[ \t]*+bearer +(?P<key>\S+)[ \t]*", re.IGNORECASE)


class PresentedKey(NamedTuple):
    """A key as a request shows it: its public id and the hash of its secret, which goes no further."""

    key_id: str
    secret_sha256: str


def presented_key(authorization: str | None) -> PresentedKey | None:
    """Read `Authorization: Bearer sse_<key id>_<secret>`; anything else is no key."""
    scheme = _SCHEME.fullmatch(authorization or "")
    match = _KEY.fullmatch(scheme["key"]) if scheme else None
    if match is None:
        return None
    return PresentedKey(match["key_id"], hashlib.sha256(match["secret"].encode()).hexdigest())
