"""Member accounts: what the registry knows of one, what everyone is told of it, and where its role may stand."""

from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID, uuid5

from contracts.findings import Finding
from contracts.registry import MemberFacts
from contracts.words import COORDINATING_UNIT, Language, MemberId, OrganisationCode, Role, Theme
from registry.domain.announcing import announced

F = TypeVar("F", bound=MemberFacts)


@dataclass(frozen=True, kw_only=True)
class Member:
    """A role account at a unit or office, as the registry knows it; never a person's name.

    A field that `contracts.registry.MemberFacts` does not name is private: stored, and answered to operators.
    """

    member_id: MemberId
    organisation: OrganisationCode
    role: Role
    label: str
    language: Language
    time_zone: str
    themes: tuple[Theme, ...] = ()

    def announced(self, event: type[F]) -> F:
        """Tell everyone what they may know of the account."""
        return announced(self, event)

    def is_news_after(self, before: "Member") -> bool:
        """Tell whether everyone would hear of a change: what only the registry knows is no news."""
        return self.announced(MemberFacts) != before.announced(MemberFacts)


class NoSuchMemberError(LookupError):
    """No open member account has this id."""

    def __init__(self, member_id: UUID) -> None:
        super().__init__(f"There is no member account with the id {member_id}.")


def label(role: Role, organisation: str) -> str:
    """Name a member account by its role and place, which is all that is known of whoever holds it."""
    if role is Role.OPERATOR:
        return "operator"
    return f"{role.value.replace('_', ' ')}, {organisation.removeprefix('DWT/')}"


def member_id(namespace: UUID, role: Role, organisation: str) -> UUID:
    """Give a role account the same id in every installation."""
    return uuid5(namespace, f"member:{role.value}:{organisation}")


def misplaced_coordinator(role: Role, organisation: str) -> list[Finding]:
    """Accept coordinators at the coordinating unit alone: the role may place the tasks of every unit."""
    if role is not Role.COORDINATOR or organisation == COORDINATING_UNIT:
        return []
    message = "%(value)s has no coordinator: the network's coordinators stand at %(unit)s."
    params = {"value": organisation, "unit": COORDINATING_UNIT}
    return [Finding("/role", "misplaced-coordinator", message, params)]
