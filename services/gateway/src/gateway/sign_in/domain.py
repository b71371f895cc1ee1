"""A sign-in link: what it holds, and how long it lasts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.words import Language, MemberId, OrganisationCode, Role

LINK_LIFE = timedelta(minutes=10)
"""How long a sign-in link may wait, where the operator says nothing else."""


@dataclass(frozen=True)
class PendingLink:
    """A sign-in link that may still be used: whose it is, shown before the member confirms."""

    member_id: MemberId
    organisation: OrganisationCode
    role: Role
    label: str
    language: Language
    time_zone: str
    expires_at: datetime
