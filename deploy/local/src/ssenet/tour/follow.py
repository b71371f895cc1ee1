"""`tour`: one real event, followed from a partner's system to an open inbox."""

import contextlib
import http.client
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.secrets_file import write_private
from ssenet.network.client import Network, RefusedError, the_network
from ssenet.network.hints import in_full
from ssenet.network.sign_in_links import make_link
from ssenet.partners import grants_and_keys
from ssenet.terminal.errors import CommandError
from ssenet.tour.browser import Browser, form_to, stream_of
from ssenet.tour.journey import HOPS, Journey

PARTNER = "TOUR"
EVENT_TYPE = "partner.assistance.requested.v1"
LIMIT = 10.0
ASK_EVERY = 0.02
AGAIN_AFTER = 0.1
ANSWER_LIMIT = 2.5
"""Seconds for one answer, and between two lines of the stream: what was asked of a killed process may never come."""
ACCEPTED, UNAUTHORIZED = 202, 401
FINAL = {400, 403, 413, 415, 422}
"""What stays refused however often it is asked."""
T = TypeVar("T")
STEPS = {"received": "accepted", "task_opened": "task_opened", "notified": "notified"}
"""What the gateway calls them, with the services' own times: some lie before the moment the 202 was read here."""


@dataclass
class Patience:
    """Tries again what fails while something restarts, until the time is up."""

    deadline: float

    def left(self) -> float:
        return self.deadline - time.monotonic()

    def until_done(self, attempt: Callable[[], T]) -> T:
        """What the attempt returns; raises its last error once the time is up, or when no time could mend it."""
        while True:
            try:
                return attempt()
            except CommandError as error:
                if self.left() < AGAIN_AFTER or (isinstance(error, RefusedError) and error.status in FINAL):
                    raise
            time.sleep(AGAIN_AFTER)


def take_tour(folder: DataFolder, *, as_json: bool) -> int:
    """Take it, and print it however it ends; raises CommandError when a hop is missing."""
    journey, error = Journey(), None
    try:
        follow(replace(the_network(folder), timeout=ANSWER_LIMIT), journey)
    except CommandError as raised:
        error = raised
    if as_json:
        print(json.dumps(journey.report(), indent=2), flush=True)
    elif journey.began:
        _print(journey, folder)
    missing = journey.missing()
    if error and not journey.began:
        raise error
    if missing:
        why = f"{error.what}\n" if error else ""
        raise CommandError(
            f"The way was not complete within {LIMIT:.0f} s; missing: {', '.join(missing)}.",
            hint=f"{why}See {in_full(folder, 'status')} and {in_full(folder, 'logs')}; "
            f"the trace is {journey.trace_id or 'unknown'}.",
        )
    return 0


def follow(network: Network, journey: Journey) -> None:
    """Watch the focal point's inbox as a browser does, post the event, and note when each hop is reached."""
    patience = Patience(time.monotonic() + LIMIT)
    key = patience.until_done(lambda: key_of(network))
    event = an_event()
    watch = _Watch(network, str(event["id"]), patience)
    threading.Thread(target=watch.run, daemon=True).start()
    if not watch.is_open.wait(patience.left()):
        raise CommandError(
            "The inbox's live stream did not open.",
            hint=watch.error or f"See {in_full(network.folder, 'logs gateway')}.",
        )
    journey.began = time.time()
    answer = patience.until_done(lambda: _post(network, key, event))
    journey.answered = time.time()
    journey.trace_id = str(answer.get("trace_id") or "")
    _follow_steps(network, key, str(answer["event_id"]), journey, watch)


def key_of(network: Network) -> str:
    """The tour's own partner key: a fresh one the first time, or when the one kept is no longer good."""
    grants_and_keys.ensure(network, PARTNER, name="Guided tour", grants=[EVENT_TYPE])
    kept = network.folder.tour
    if kept.exists():
        key = str(json.loads(kept.read_text(encoding="utf-8"))["key"])
        status, _ = _speak(network, key, "GET", f"/events/{secrets.token_hex(8)}")
        if status != UNAUTHORIZED:
            return key
    key = grants_and_keys.make_key(network, PARTNER)
    write_private(kept, {"key": key})
    return key


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


class _Watch:
    """A browser with the inbox open, in a thread of its own; a stream that breaks off is opened again."""

    def __init__(self, network: Network, number: str, patience: Patience) -> None:
        self.is_open = threading.Event()
        self.seen_at = 0.0
        self.error = ""
        """What went wrong last."""
        self._network = network
        self._number = number
        self.patience = patience

    def run(self) -> None:
        """Return once the event was seen, or the time is up."""
        try:
            browser, url = self.patience.until_done(self._sign_in)
        except CommandError as error:
            self.error = f"{error.what} {error.hint}".strip()
            return
        while not self.seen_at and self.patience.left() > 0:
            try:
                self._listen(browser, url)
            except (CommandError, OSError, http.client.HTTPException) as error:
                self.error = str(error)
            time.sleep(0 if self.seen_at else AGAIN_AFTER)

    def _sign_in(self) -> tuple[Browser, str]:
        # A link works once: what fails on the way begins with a fresh one.
        browser = Browser(self._network.folder, timeout=ANSWER_LIMIT)
        try:
            link = browser.open(make_link(self._network, "focal_point", "CO-Dakar").url)
            inbox = browser.open((form := form_to(link, link.url)).action, form)
        except (OSError, http.client.HTTPException) as error:
            raise CommandError(f"Signing in broke off: {error}.") from error
        return browser, stream_of(inbox)

    def _listen(self, browser: Browser, url: str) -> None:
        # The address names the place in the inbox at which the page was made: opened again, it misses nothing.
        for line in browser.stream(url):
            self.is_open.set()
            if self._number in line:
                self.seen_at = time.time()
                return


def _post(network: Network, key: str, event: dict[str, Any]) -> dict[str, Any]:
    """Send the event; sent again with the same id it is the same event."""
    status, answer = _speak(network, key, "POST", "/events", event)
    if status != ACCEPTED:
        raise RefusedError(status, answer)
    return answer


def _follow_steps(network: Network, key: str, event_id: str, journey: Journey, watch: _Watch) -> None:
    """Ask what became of the event, as its sender can, until every hop is reached or the time is up."""
    while journey.missing() and watch.patience.left() > 0:
        with contextlib.suppress(CommandError):
            _, told = _speak(network, key, "GET", f"/events/{event_id}")
            for step in told.get("steps") or []:
                if hop := STEPS.get(step["name"]):
                    journey.reached.setdefault(hop, datetime.fromisoformat(step["at"]).timestamp())
        if watch.seen_at:
            journey.reached["pushed"] = watch.seen_at
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
    connection = http.client.HTTPConnection(urlsplit(network.state.url).netloc, timeout=network.timeout)
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CommandError(
            "The gateway does not answer.", hint=f"See {in_full(network.folder, 'status')}."
        ) from error
    finally:
        connection.close()


def _print(journey: Journey, folder: DataFolder) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table("Hop", "What happened", "ms", "since it was sent", box=None, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for hop in journey.hops():
        table.add_row(hop["name"], HOPS[hop["name"]], f"{hop['ms']:.1f}", f"{hop['since_start_ms']:.1f}")
    console.print("A partner asked for advice on Senegal's cooperative law:\n")
    console.print(table)
    report = journey.report()
    if journey.answered:
        console.print(f"\nThe partner's system had its 202 after {report['answered_ms']:.1f} ms.")
    if report["ok"]:
        console.print(f"\n[green]Complete[/] in {report['total_ms']:.0f} ms.")
    console.print(f"Trace: {journey.trace_id}")
    console.print(f"See it: {in_full(folder, 'link focal_point')}, then the inbox", soft_wrap=True)
