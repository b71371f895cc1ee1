"""`tour`: one real event, followed from a partner's system to an open inbox."""

import http.client
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from ssenet import partners
from ssenet.browser import Browser, form_to, stream_of
from ssenet.credentials import write_private
from ssenet.errors import CommandError
from ssenet.folders import DataFolder
from ssenet.links import make_link
from ssenet.network import Network, the_network

PARTNER = "TOUR"
EVENT_TYPE = "partner.assistance.requested.v1"
LIMIT = 10.0
ASK_EVERY = 0.02
ACCEPTED, OK, UNAUTHORIZED = 202, 200, 401
HOPS = {
    "accepted": "the gateway stored it and answered 202",
    "task_opened": "coordination opened a task at CO-Dakar",
    "notified": "notifications put it into the inbox",
    "pushed": "the open inbox page showed it",
}


@dataclass
class Journey:
    """When each hop was reached, in seconds of the clock on the wall."""

    began: float
    reached: dict[str, float] = field(default_factory=dict[str, float])
    trace_id: str = ""

    def hops(self) -> list[dict[str, Any]]:
        """Each hop with the milliseconds it took, and those since the partner's POST began."""
        hops: list[dict[str, Any]] = []
        before = self.began
        for name in self.reached_in_order():
            # The clock of a step may be read a moment before the answer that precedes it has arrived here.
            at = max(before, self.reached[name])
            hops.append({"name": name, "ms": _ms(at - before), "since_start_ms": _ms(at - self.began)})
            before = at
        return hops

    def reached_in_order(self) -> list[str]:
        return [name for name in HOPS if name in self.reached]

    def missing(self) -> list[str]:
        return [name for name in HOPS if name not in self.reached]

    def report(self) -> dict[str, Any]:
        hops = self.hops()
        total = hops[-1]["since_start_ms"] if hops else 0.0
        return {"ok": not self.missing(), "trace_id": self.trace_id, "total_ms": total, "hops": hops}


def take_tour(folder: DataFolder, *, as_json: bool) -> int:
    """Take it, and print it; returns 1 when a hop is missing."""
    network = the_network(folder)
    journey = follow(network, key_of(network))
    report = journey.report()
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        _print(journey, network)
    if missing := journey.missing():
        raise CommandError(
            f"The way was not complete within {LIMIT:.0f} s; missing: {', '.join(missing)}.",
            hint=f"See `./ssenet status` and `./ssenet logs`; the trace is {journey.trace_id or 'unknown'}.",
        )
    return 0


def key_of(network: Network) -> str:
    """The tour's own partner key: a fresh one the first time, or when the one kept is no longer good."""
    partners.ensure(network, PARTNER, name="Guided tour", grants=[EVENT_TYPE])
    kept = network.folder.tour
    if kept.exists():
        key = str(json.loads(kept.read_text(encoding="utf-8"))["key"])
        status, _ = _speak(network, key, "GET", f"/events/{secrets.token_hex(8)}")
        if status != UNAUTHORIZED:
            return key
    key = partners.make_key(network, PARTNER)
    write_private(kept, {"key": key})
    return key


def follow(network: Network, key: str) -> Journey:
    """Watch the focal point's inbox as a browser does, post the event, and note when each hop is reached."""
    event = an_event()
    browser = Browser(timeout=LIMIT)
    link = browser.open(make_link(network, "focal_point", "CO-Dakar").url)
    inbox = browser.open((form := form_to(link, link.url)).action, form)
    seen, is_open = _Seen(), threading.Event()
    watching = (browser, stream_of(inbox), str(event["id"]), is_open, seen)
    threading.Thread(target=_watch, args=watching, daemon=True).start()
    if not is_open.wait(LIMIT) or seen.error:
        raise CommandError(
            "The inbox's live stream did not open.", hint=seen.error or "See `./ssenet logs gateway`."
        )
    journey = Journey(began=time.time())
    status, answer = _speak(network, key, "POST", "/events", event)
    if status != ACCEPTED:
        detail = answer.get("detail") or answer.get("title") or ""
        raise CommandError(f"The gateway answered {status}, not {ACCEPTED}. {detail}".strip())
    journey.reached["accepted"] = time.time()
    journey.trace_id = str(answer.get("trace_id") or "")
    _follow_steps(network, key, str(answer["event_id"]), journey, seen)
    return journey


def an_event() -> dict[str, Any]:
    """A request for assistance as a ministry's system would send it; its number is in its title, to be known again."""
    number = f"TOUR-{secrets.token_hex(4)}"
    return {
        "specversion": "1.0",
        "id": number,
        "source": "https://partner.example/ssenet-tour",
        "type": EVENT_TYPE,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "datacontenttype": "application/json",
        "data": {
            "title": {"language": "fr", "text": f"Révision de la loi sur les coopératives ({number})"},
            "description": {
                "language": "fr",
                "text": "Nous souhaitons un avis sur le projet de loi relatif aux coopératives et aux mutuelles, "
                "en particulier sur l'accès des femmes du secteur informel.",
            },
            "country": "SN",
            "requested_by": "Direction chargée de l'économie sociale et solidaire, Sénégal",
            "constituency": "government",
            "target_groups": ["women"],
        },
    }


@dataclass
class _Seen:
    """What the watching thread has to tell."""

    at: float = 0.0
    error: str = ""


def _watch(browser: Browser, url: str, number: str, is_open: threading.Event, seen: _Seen) -> None:
    try:
        for line in browser.stream(url):
            is_open.set()
            if number in line:
                seen.at = time.time()
                return
    except (CommandError, OSError, http.client.HTTPException) as error:
        seen.error = str(error)
    finally:
        is_open.set()


def _follow_steps(network: Network, key: str, event_id: str, journey: Journey, seen: _Seen) -> None:
    """Ask what became of the event, as its sender can, until every hop is reached or the time is up."""
    while journey.missing() and time.time() - journey.began < LIMIT:
        status, told = _speak(network, key, "GET", f"/events/{event_id}")
        steps: list[dict[str, Any]] = told.get("steps") or [] if status == OK else []
        for step in steps:
            if step["name"] in HOPS:
                journey.reached.setdefault(step["name"], datetime.fromisoformat(step["at"]).timestamp())
        if seen.at:
            journey.reached["pushed"] = seen.at
        if journey.missing():
            time.sleep(ASK_EVERY)


def _speak(
    network: Network, key: str, method: str, path: str, event: dict[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    """What a partner's system does: one request with its key."""
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
    body = None
    if event is not None:
        headers["Content-Type"] = "application/cloudevents+json"
        body = json.dumps(event).encode()
    connection = http.client.HTTPConnection(urlsplit(network.state.url).netloc, timeout=LIMIT)
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CommandError("The gateway does not answer.", hint="See `./ssenet status`.") from error
    finally:
        connection.close()


def _print(journey: Journey, network: Network) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table("Hop", "What happened", "ms", "since the POST", box=None, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for hop in journey.hops():
        table.add_row(hop["name"], HOPS[hop["name"]], f"{hop['ms']:.1f}", f"{hop['since_start_ms']:.1f}")
    console.print("A partner asked for advice on Senegal's cooperative law:\n")
    console.print(table)
    report = journey.report()
    if report["ok"]:
        console.print(f"\n[green]Complete[/] in {report['total_ms']:.0f} ms.")
    console.print(f"Trace: {journey.trace_id}")
    console.print(f"See it: `./ssenet link focal_point`, then {network.state.url}/inbox", soft_wrap=True)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
