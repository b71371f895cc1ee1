"""Every problem that the partner API answers with: what it means, and what a sender does about it."""

from dataclasses import dataclass
from typing import Any

from chassis.http.problems import PROBLEM
from gateway.web.translations import msg


@dataclass(frozen=True)
class ProblemType:
    """One type of problem, in English; its title is the code in words."""

    status: int
    code: str
    meaning: str
    remedy: str

    @property
    def title(self) -> str:
        return self.code.replace("-", " ").capitalize()

    def example(self) -> dict[str, Any]:
        """A problem document of this type."""
        errors = _ERRORS.get(self.code)
        return {
            "type": f"{PROBLEM}{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": f"{self.meaning} {self.remedy}",
            **({"errors": errors} if errors else {}),
            "instance": "/events",
            "trace_id": "a59c089406f3ee55a149ad8a1bbc7efc",
        }


_ERRORS: dict[str, list[dict[str, str]]] = {
    "invalid-event": [
        {
            "pointer": "/data/country",
            "code": "unknown-country",
            "detail": "ISO 3166-1 has no country with the code UK. Did you mean GB?",
        }
    ],
    "invalid-request": [
        {
            "pointer": "query:limt",
            "code": "unknown-parameter",
            "detail": "There is no limt here. Did you mean limit?",
        }
    ],
}

PROBLEM_TYPES = (
    ProblemType(
        400,
        "repeated-header",
        msg("A header that may stand once is given more than once."),
        msg("Send it once."),
    ),
    ProblemType(
        400,
        "malformed-request",
        msg("This is not HTTP/1.1 as its standard has it, and nothing behind it was read."),
        msg("Mend the client, or what stands between it and us."),
    ),
    ProblemType(
        400,
        "wrong-host",
        msg("The request names no host, or more than one."),
        msg("Name the host of this network, once."),
    ),
    ProblemType(
        401,
        "unknown-key",
        msg("No key, or one that is unknown or revoked. A revoked key stops working within two seconds."),
        msg("Send your key as `Authorization: Bearer sse_…`; the network's operators give you one."),
    ),
    ProblemType(
        401,
        "key-expired",
        msg("The time of the key is over."),
        msg(
            "Ask the network's operators for a new one. `Key-Expires` says in every answer when a key stops."
        ),
    ),
    ProblemType(
        403,
        "type-not-granted",
        msg("The key may not send events of this type."),
        msg("Ask the network's operators for the grant."),
    ),
    ProblemType(
        404,
        "no-such-event",
        msg("None of your events has this id."),
        msg(
            "Check the id, percent-encoded in the address. Of one id from several sources the newest is told; "
            "`source` says which."
        ),
    ),
    ProblemType(404, "not-found", msg("There is nothing at this address."), msg("Check the address.")),
    ProblemType(
        405,
        "method-not-allowed",
        msg("The address does not take this method."),
        msg("Use one that `Allow` names."),
    ),
    ProblemType(408, "too-slow", msg("The body did not arrive in time."), msg("Send the same again.")),
    ProblemType(
        408,
        "slow-head",
        msg("The head of the request took more than ten seconds to come."),
        msg("Send the same again."),
    ),
    ProblemType(
        408,
        "slow-body",
        msg("The body of the request took more than thirty seconds to come."),
        msg("Send the same again, in smaller pieces where the link is weak."),
    ),
    ProblemType(
        409,
        "id-taken",
        msg("`source` and `id` stand for an event with other content."),
        msg("Give the new event a new `id`."),
    ),
    ProblemType(
        413,
        "too-large",
        msg("An event has more than 256 kB, or a batch more than 4 MB or 1000 events."),
        msg("Send less at once."),
    ),
    ProblemType(
        414, "long-address", msg("The address has more than 8 KiB."), msg("Ask for less in one address.")
    ),
    ProblemType(
        415,
        "unsupported-media-type",
        msg("Another media type or charset than those that are read, or a compressed body."),
        msg("Send CloudEvents in JSON: structured, in a batch, or in binary mode."),
    ),
    ProblemType(
        422,
        "invalid-event",
        msg("Something in the event is not as its contract says."),
        msg(
            "`errors` points at each field and says what is wrong with it. Mend it and send the event again."
        ),
    ),
    ProblemType(
        422,
        "invalid-request",
        msg("A parameter is not taken here, or holds what it cannot."),
        msg("`errors` names each."),
    ),
    ProblemType(
        429,
        "too-many-events",
        msg("Your allowance is used up."),
        msg(
            "Wait for as many seconds as `Retry-After` says, and send the same again. `RateLimit` tells what is left."
        ),
    ),
    ProblemType(
        429,
        "too-much-at-once",
        msg("You have more under way at the same time than you may."),
        msg("Wait for the answers that are due, and send the same again after `Retry-After`."),
    ),
    ProblemType(
        429,
        "too-many-keys",
        msg("Too many keys that nobody knows were tried from where you are."),
        msg("Check the key, and come back after `Retry-After`."),
    ),
    ProblemType(
        431,
        "large-head",
        msg("The request has more than 100 headers, or more than 32 KiB of them."),
        msg("Send fewer headers."),
    ),
    ProblemType(
        500,
        "internal-error",
        msg("Something failed on our side."),
        msg("Send the same again. If it stays so, tell the network's operators the `trace_id`."),
    ),
    ProblemType(
        501,
        "unknown-coding",
        msg("The body comes in a transfer coding that is not read here."),
        msg("Send it as it is, or in chunks."),
    ),
    ProblemType(
        503,
        "not-yet-published",
        msg("What you sent is stored, but the network's broker has not acknowledged it yet."),
        msg("Send the same again to learn when it has: nothing is taken twice."),
    ),
    ProblemType(
        503,
        "busy",
        msg("Others are sending much just now."),
        msg("Send the same again after as many seconds as `Retry-After` says."),
    ),
    ProblemType(
        503,
        "too-many-requests-at-once",
        msg("We have our hands full."),
        msg("Send the same again after as many seconds as `Retry-After` says."),
    ),
    ProblemType(
        503,
        "unavailable",
        msg("A part of the network is away."),
        msg("Send the same again after as many seconds as `Retry-After` says."),
    ),
    ProblemType(
        505,
        "unknown-http-version",
        msg("HTTP/1.1 and HTTP/1.0 are spoken here."),
        msg("Speak one of them; a client that asks for an upgrade is served without it."),
    ),
)
"""In the order of their status."""


def problems_at(*statuses: int, but: tuple[str, ...] = ()) -> list[ProblemType]:
    """The types that an endpoint may answer with under these statuses."""
    return [one for one in PROBLEM_TYPES if one.status in statuses and one.code not in but]
