"""What the running network tells of the addresses that it is asked for: their routes, and nothing else."""

from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from chassis.testing import eventually
from ssenet.network.sign_in_links import make_link
from tests.flows.test_from_partner_to_inbox import a_request, send


async def test_no_span_or_log_carries_an_address_that_was_asked_for(network: Any, sink: Any) -> None:
    token = urlsplit(make_link(network.asked, "focal_point", "CO-Dakar").url).path.rpartition("/")[2]
    # What partners call their events may name a person.
    named = f"Amina-Diop-{uuid4().hex}"
    key = network.partner_key
    asked = [f"/events?limit=1&key={key}", f"/nope/{key}", f"/events/{named}", f"/events/%41{named[1:]}"]
    asked += [f"//sign-in/{token}", f"/Sign-In/{token}", f"/foo/sign-in/{token}", f"/sign-in;{token}"]
    asked += [f"/?next={token}", f"/sign-in?t={token}", f"/inbox?x={token}", f"/sign-in/{token}"]
    async with network.as_partner() as partner:
        await send(partner, a_request() | {"id": named})
        for address in asked:
            for method in ("GET", "HEAD", "OPTIONS", "DELETE", "PROPFIND"):
                headers = {"Host": f"{token.lower()}.example", "tracestate": f"a={token}"}
                await partner.request(method, network.url + address, headers=headers)

    routes = {"GET /events", "GET /events/{name}", "HEAD /sign-in/{token}", "DELETE", "HTTP"}
    await eventually(lambda: routes <= {span.name for span in sink.spans})
    told = " ".join(f"{span.name} {dict(span.attributes)}" for span in sink.spans)
    told += " ".join(path.read_text(errors="replace") for path in (network.folder / "logs").glob("*.log"))
    told = told.lower()
    secrets = (key, token, named, "url.path", "url.query", "url.full", "http.target")
    assert [one for one in secrets if one.lower() in told] == []
