"""Enter partners with what they may send, and give, change, take back and check their keys."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.database.transaction import Transaction
from registry import tables
from registry.domain.findings import RefusedError
from registry.domain.organisations import Organisation
from registry.domain.partners import (
    LAST_USED_PRECISION,
    LIVE_KEYS,
    KeyExpiredError,
    NewKey,
    NoSuchKeyError,
    NoSuchPartnerError,
    TooManyKeysError,
    is_key_id,
    new_key,
    unknown_grants,
)
from registry.tables import (
    Partner,
    PartnerKey,
    key_with_partner,
    live_keys,
    note_use,
    partner_by_code,
)
from registry.workflows.organisations import put_organisation

_KEY_ID_BYTES = 8
_SECRET_BYTES = 32


async def put_partner(
    tx: Transaction, wanted: Organisation, *, partner_id: UUID, language: str, grants: Sequence[str]
) -> tuple[Partner, tables.Organisation, bool]:
    """Enter the partner, or change its name, language or grants; tells whether it is new.

    What it may send takes effect with its next request: keys carry no grants of their own.
    """
    if findings := unknown_grants(grants):
        raise RefusedError(findings)
    entered, _ = await put_organisation(tx, wanted)
    await tx.session.flush()
    granted = sorted(set(grants))
    found = await partner_by_code(tx.session, entered.code, lock=True)
    if found is not None:
        partner, organisation = found
        if (partner.language, partner.grants) != (language, granted):
            partner.language, partner.grants, partner.updated_at = language, granted, tx.now
        return partner, organisation, False
    organisation = await tx.session.get_one(tables.Organisation, entered.organisation_id)
    partner = Partner(
        id=partner_id,
        organisation_id=organisation.id,
        language=language,
        grants=granted,
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.session.add(partner)
    return partner, organisation, True


async def issue_key(tx: Transaction, code: str, *, expires_at: datetime | None = None) -> NewKey:
    """Give the partner one more key, where it may have one more."""
    partner = await _locked(tx, code)
    keys = (await live_keys(tx.session, [partner.id], now=tx.now))[partner.id]
    if len(keys) >= LIVE_KEYS:
        raise TooManyKeysError(code)
    return _given(tx, partner, expires_at)


async def rotate_key(tx: Transaction, code: str, *, expires_at: datetime | None = None) -> NewKey:
    """Give the partner a new key and let the newest before it live on; older ones stop at once."""
    partner = await _locked(tx, code)
    keys = (await live_keys(tx.session, [partner.id], now=tx.now))[partner.id]
    for key in keys[: max(0, len(keys) - LIVE_KEYS + 1)]:
        key.revoked_at = tx.now
    return _given(tx, partner, expires_at)


async def revoke_key(tx: Transaction, code: str, key_id: str) -> None:
    """Stop one key at once."""
    partner = await _locked(tx, code)
    for key in (await live_keys(tx.session, [partner.id], now=tx.now))[partner.id]:
        if key.key_id == key_id:
            key.revoked_at = tx.now
            return
    raise NoSuchKeyError


async def revoke_keys(tx: Transaction, code: str) -> None:
    """Stop all of the partner's keys at once."""
    partner = await _locked(tx, code)
    for key in (await live_keys(tx.session, [partner.id], now=tx.now))[partner.id]:
        key.revoked_at = tx.now


async def verify_key(
    tx: Transaction, key_id: str, secret_sha256: str
) -> tuple[PartnerKey, Partner, tables.Organisation]:
    """Tell whose key this is; raises one error for all keys that do not open, and KeyExpiredError to who holds it."""
    found = await key_with_partner(tx.session, key_id) if is_key_id(key_id) else None
    if found is None:
        raise NoSuchKeyError
    key, partner, organisation = found
    if not key.state().is_known_by(secret_sha256):
        raise NoSuchKeyError
    if key.state().has_expired(tx.now):
        raise KeyExpiredError
    if key.state().use_is_news(tx.now):
        await note_use(tx.session, key_id, now=tx.now, unless_since=tx.now - LAST_USED_PRECISION)
    return key, partner, organisation


async def _locked(tx: Transaction, code: str) -> Partner:
    found = await partner_by_code(tx.session, code, lock=True)
    if found is None:
        raise NoSuchPartnerError(code)
    return found[0]


def _given(tx: Transaction, partner: Partner, expires_at: datetime | None) -> NewKey:
    key = new_key(secrets.token_bytes(_KEY_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES))
    tx.session.add(
        PartnerKey(
            key_id=key.key_id,
            partner_id=partner.id,
            secret_sha256=key.secret_sha256,
            created_at=tx.now,
            expires_at=expires_at,
        )
    )
    return key
