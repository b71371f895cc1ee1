"""Calls to the registry: members, organisations, and whose key it is."""

from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict

from contracts.registry import MemberFacts, OrganisationFacts
from contracts.words import MemberId, OrganisationCode, OrganisationKind, Role
from gateway.clients.calling import Calling


class VerifiedKey(BaseModel):
    """The partner a key belongs to, and the event types it may send."""

    model_config = ConfigDict(frozen=True)

    key_id: str
    partner: OrganisationCode
    partner_name: str
    grants: frozenset[str]


class Partner(BaseModel):
    """A partner as operators see it: never with a secret."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: OrganisationCode
    name: str
    language: str
    grants: tuple[str, ...] = ()


class RegistryClient(Calling):
    """Who is who."""

    service = "registry"

    async def verify_key(self, key_id: str, secret_sha256: str) -> VerifiedKey:
        """Raise NotFoundError alike for a key that is unknown, revoked or expired."""
        content = await self._call(
            "POST", "/keys/verify", body={"key_id": key_id, "secret_sha256": secret_sha256}
        )
        return self._read(VerifiedKey, content)

    async def member(self, member_id: MemberId) -> MemberFacts:
        return self._read(MemberFacts, await self._call("GET", f"/members/{member_id}"))

    async def members(
        self, *, organisation: OrganisationCode | None = None, role: Role | None = None
    ) -> list[MemberFacts]:
        content = await self._call("GET", "/members", query={"organisation": organisation, "role": role})
        return self._read_list(MemberFacts, content)

    async def organisation(self, code: OrganisationCode) -> OrganisationFacts:
        return self._read(OrganisationFacts, await self._call("GET", f"/organisations/{quote(code)}"))

    async def organisations(
        self, *, kind: OrganisationKind | None = None, covers: str | None = None
    ) -> list[OrganisationFacts]:
        content = await self._call("GET", "/organisations", query={"kind": kind, "covers": covers})
        return self._read_list(OrganisationFacts, content)

    async def partners(self) -> list[Partner]:
        return self._read_list(Partner, await self._call("GET", "/partners"))


async def registry_of(request: Request) -> RegistryClient:
    client: RegistryClient = request.app.state.registry
    return client


Registry = Annotated[RegistryClient, Depends(registry_of)]
