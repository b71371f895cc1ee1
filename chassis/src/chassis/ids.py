"""Identifiers that sort by the time they were made."""

import re
from uuid import UUID

import uuid_utils

_WRITTEN = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def new_id() -> UUID:
    """Make a UUIDv7: unique everywhere, and in an index beside its neighbours in time."""
    return UUID(int=uuid_utils.uuid7().int)


def id_in(text: str) -> UUID | None:
    """Read a UUID as RFC 9562 writes it; None for anything else, also what Python reads as one, such as `{…}`."""
    return UUID(text) if _WRITTEN.fullmatch(text) else None
