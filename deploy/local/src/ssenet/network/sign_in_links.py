"""Sign-in links: one time each, made by the gateway for a role account."""

from dataclasses import dataclass

from ssenet.network.client import Network

ROLES = ("coordinator", "focal_point", "operator")
USUAL_ORGANISATION = {"coordinator": "COOP", "focal_point": "CO-Dakar"}


@dataclass(frozen=True)
class SignInLink:
    label: str
    url: str
    expires_at: str


def make_link(network: Network, role: str, organisation: str | None = None) -> SignInLink:
    """A fresh link that signs in as the role's account in that organisation."""
    body = {"role": role}
    if organisation := organisation or USUAL_ORGANISATION.get(role):
        body["organisation"] = organisation
    answer = network.ask("gateway", "POST", "/internal/sign-in-links", body)
    return SignInLink(str(answer["label"]), str(answer["url"]), str(answer["expires_at"]))
