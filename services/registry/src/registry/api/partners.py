"""Partners, what they may send, and their keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response, status
from pydantic import BaseModel, Field, StringConstraints

from chassis.field_errors import FieldError
from chassis.http.dependencies import Reading, Tx, service_of
from chassis.http.problems import Problem
from chassis.http.requests import RequestBody
from chassis.operators import Moment
from contracts.words import LanguageTag, Named, OrganisationId, OrganisationKind
from registry import tables
from registry.api.problems import GATEWAY, OPERATORS, READERS, Line
from registry.directory import packaged
from registry.domain.organisations import Organisation, organisation_id
from registry.domain.partners import partner_id
from registry.tables import Partner, PartnerKey
from registry.workflows import partners as workflows

router = APIRouter()

# As an organisation's code, but without a slash: it is one step of the addresses below.
PartnerCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Za-z0-9._-]{0,39}$")]


class PartnerBody(RequestBody):
    """A partner's name in its language, and the event types it may send."""

    name: Line
    language: LanguageTag
    grants: tuple[str, ...] = Field(max_length=100)


class KeyBody(RequestBody):
    """When the key is to stop by itself, if ever."""

    expires_at: Moment | None = None


class Verification(RequestBody):
    """A key as the gateway was shown it: its id, and the digest of its secret."""

    key_id: str
    secret_sha256: str


class KeyView(BaseModel):
    """A live key, without its secret."""

    key_id: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class PartnerView(BaseModel):
    """A partner as operators see it."""

    code: str
    name: str
    language: str
    grants: tuple[str, ...]
    keys: tuple[KeyView, ...]


class IssuedKey(BaseModel):
    """A new key: the only answer in which it is ever written out."""

    key_id: str
    key: str
    expires_at: datetime | None


class VerifiedKey(BaseModel):
    """Whose key it is, and what it may send."""

    partner: str
    partner_name: str
    grants: tuple[str, ...]
    key_id: str
    expires_at: datetime | None


@router.get("/partners", dependencies=[READERS])
async def partners(request: Request, session: Reading) -> list[PartnerView]:
    """List partners by code, each with its live keys."""
    found = await tables.partners(session)
    keys = await tables.live_keys(
        session, [partner.id for partner, _ in found], now=service_of(request).database.clock()
    )
    return [_view(partner, organisation, keys[partner.id]) for partner, organisation in found]


@router.put("/partners/{code}", dependencies=[OPERATORS])
async def put(code: PartnerCode, body: PartnerBody, tx: Tx, response: Response) -> PartnerView:
    """Enter a partner, or change its name, language or grants; the same again changes nothing."""
    wanted = Organisation(
        organisation_id=OrganisationId(organisation_id(packaged().namespace, code)),
        code=code,
        kind=OrganisationKind.PARTNER,
        names=(Named(language=body.language, name=body.name),),
        confirmed=True,
    )
    rights = partner_id(packaged().namespace, code)
    partner, organisation, new = await workflows.put_partner(
        tx, wanted, partner_id=rights, language=body.language, grants=body.grants
    )
    response.status_code = status.HTTP_201_CREATED if new else status.HTTP_200_OK
    keys = await tables.live_keys(tx.session, [partner.id], now=tx.now)
    return _view(partner, organisation, keys[partner.id])


@router.post("/partners/{code}/keys", dependencies=[OPERATORS], status_code=status.HTTP_201_CREATED)
async def issue(code: PartnerCode, tx: Tx, body: KeyBody | None = None) -> IssuedKey:
    """Give one more key, where the partner has fewer than two."""
    expires_at = _expiry(body, tx.now)
    key = await workflows.issue_key(tx, code, expires_at=expires_at)
    return IssuedKey(key_id=key.key_id, key=key.text, expires_at=expires_at)


@router.post("/partners/{code}/keys/rotate", dependencies=[OPERATORS], status_code=status.HTTP_201_CREATED)
async def rotate(code: PartnerCode, tx: Tx, body: KeyBody | None = None) -> IssuedKey:
    """Give a new key; of those before it the newest stays live, so that the partner can change over."""
    expires_at = _expiry(body, tx.now)
    key = await workflows.rotate_key(tx, code, expires_at=expires_at)
    return IssuedKey(key_id=key.key_id, key=key.text, expires_at=expires_at)


@router.delete(
    "/partners/{code}/keys/{key_id}", dependencies=[OPERATORS], status_code=status.HTTP_204_NO_CONTENT
)
async def revoke(code: PartnerCode, key_id: str, tx: Tx) -> None:
    """Stop one key at once."""
    await workflows.revoke_key(tx, code, key_id)


@router.delete("/partners/{code}/keys", dependencies=[OPERATORS], status_code=status.HTTP_204_NO_CONTENT)
async def revoke_all(code: PartnerCode, tx: Tx) -> None:
    """Stop all keys of a partner at once."""
    await workflows.revoke_keys(tx, code)


@router.post("/keys/verify", dependencies=[GATEWAY])
async def verify(shown: Verification, tx: Tx) -> VerifiedKey:
    """Tell whose key this is; unknown, revoked and wrong keys get one answer, an expired one its own."""
    key, partner, organisation = await workflows.verify_key(tx, shown.key_id, shown.secret_sha256)
    return VerifiedKey(
        partner=organisation.code,
        partner_name=organisation.names[0]["name"],
        grants=tuple(partner.grants),
        key_id=shown.key_id,
        expires_at=key.expires_at,
    )


def _expiry(body: KeyBody | None, now: datetime) -> datetime | None:
    expires_at = body.expires_at if body else None
    if expires_at is not None and expires_at <= now:
        error = FieldError(
            "/expires_at", "date-in-the-past", "The key would be of no use: this time has passed."
        )
        raise Problem(422, "invalid-request", "The request has fields to correct.", errors=[error])
    return expires_at


def _view(partner: Partner, organisation: tables.Organisation, keys: Sequence[PartnerKey]) -> PartnerView:
    return PartnerView(
        code=organisation.code,
        name=organisation.names[0]["name"],
        language=partner.language,
        grants=tuple(partner.grants),
        keys=tuple(
            KeyView(
                key_id=key.key_id,
                created_at=key.created_at,
                expires_at=key.expires_at,
                last_used_at=key.last_used_at,
            )
            for key in keys
        ),
    )
