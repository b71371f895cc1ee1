"""Calls to the registry: members, organisations, and whose key it is."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict

from contracts.registry import MemberFacts, OrganisationFacts
from contracts.words import OrganisationCode, OrganisationKind, Role
from gateway.clients.service_client import ServiceClient, ServiceRefusedError


class VerifiedKey(BaseModel):
    """The partner a key belongs to, and the event types it may send."""

    model_config = ConfigDict(frozen=True)

    key_id: str
    partner: OrganisationCode
    partner_name: str
    grants: frozenset[str]
    expires_at: datetime | None = None


class KeyExpiredError(Exception):
    """The key is the right one, and its time is over."""


class RegistryClient(ServiceClient):
    """Who is who."""

    service = "registry"

    async def verify_key(self, key_id: str, secret_sha256: str) -> VerifiedKey:
        """Raise NotFoundError alike for a key that is unknown or revoked, KeyExpiredError for one of the past."""
        try:
            content = await self._call(
                "POST", "/keys/verify", body={"key_id": key_id, "secret_sha256": secret_sha256}
            )
        except ServiceRefusedError as refused:
            if refused.status == HTTPStatus.GONE:
                raise KeyExpiredError from refused
            raise
        return self._read(VerifiedKey, content)

    async def members(
        self, *, organisation: OrganisationCode | None = None, role: Role | None = None
    ) -> list[MemberFacts]:
        content = await self._call("GET", "/members", query={"organisation": organisation, "role": role})
        return self._read_list(MemberFacts, content)

    async def organisations(
        self, *, kind: OrganisationKind | None = None, covers: str | None = None
    ) -> list[OrganisationFacts]:
        content = await self._call("GET", "/organisations", query={"kind": kind, "covers": covers})
        return self._read_list(OrganisationFacts, content)


async def registry_of(request: Request) -> RegistryClient:
    client: RegistryClient = request.app.state.registry
    return client


Registry = Annotated[RegistryClient, Depends(registry_of)]
