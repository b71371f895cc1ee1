"""Dead letters of all services, asked over HTTP: selected, listed, shown."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlencode
from uuid import UUID

from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.table import Table
from rich.text import Text

from ssenet import handlers
from ssenet.asking import Round, tell_silent
from ssenet.errors import USAGE, CommandError
from ssenet.folders import SERVICES, DataFolder
from ssenet.moments import moment
from ssenet.network import NOT_FOUND, Network, RefusedError, the_network
from ssenet.quoting import printable_json, quoted
from ssenet.telling import in_full

PATH = "/internal/dead-letters"
STATES = ("waiting", "replayed", "discarded", "any")


@dataclass(frozen=True)
class Filter:
    """Which letters, and of which services."""

    services: tuple[str, ...]
    conditions: dict[str, str]

    @classmethod
    def read(
        cls,
        service: str | None,
        handler: str | None,
        event_type: str | None,
        error: str | None,
        *,
        since: str | None,
        until: str | None,
        state: str = "waiting",
    ) -> Self:
        """Read the options; raises CommandError where one of them means nothing."""
        if service is not None and service not in SERVICES:
            raise CommandError(
                f"There is no service {service!r}.", hint=f"One of: {', '.join(SERVICES)}.", exit_code=USAGE
            )
        if state not in STATES:
            raise CommandError(
                f"A letter cannot be {state!r}.", hint=f"One of: {', '.join(STATES)}.", exit_code=USAGE
            )
        given = {
            "durable": handler,
            "type": event_type,
            "error_class": error,
            "since": moment("--since", since).isoformat() if since else None,
            "before": moment("--until", until).isoformat() if until else None,
            "state": state,
        }
        # A durable begins with its service's name: no need to ask the others.
        own = next((one for one in SERVICES if handler and handler.startswith(f"{one}-")), None)
        services = (service,) if service else (own,) if own else SERVICES
        return cls(services, {name: value for name, value in given.items() if value is not None})

    def required(self, ids: list[str] | None, *, everything: bool) -> Self:
        """Refuse to mean every letter by having said nothing, and to mean two things at once."""
        narrowed = len(self.services) < len(SERVICES) or len(self.conditions) > 1
        if ids and (narrowed or everything):
            raise CommandError("Give either ids or a filter, not both.", exit_code=USAGE)
        if not ids and not narrowed and not everything:
            hint = "Give ids, a filter such as --handler or --error, or --all."
            raise CommandError("Which letters?", hint=hint, exit_code=USAGE)
        return self

    def as_of(self, now: datetime) -> Self:
        """The same, without what dies from now on, so that going through it comes to an end."""
        return replace(self, conditions={"before": now.isoformat(), **self.conditions})


def list_them(folder: DataFolder, chosen: Filter, *, after: str | None, limit: int, as_json: bool) -> int:
    """Print a page of letters; 1 where a service did not answer."""
    more = {"after": _the_id(folder, after)} if after else {}
    query = urlencode({**chosen.conditions, **more, "limit": limit})
    asked = Round(the_network(folder))
    pages = asked.ask_each(chosen.services, "GET", f"{PATH}?{query}")
    found = [{"service": service, **letter} for service, page in pages.items() for letter in page["letters"]]
    # An id rises with the time its letter died, in whatever service: it orders them all.
    letters = sorted(found, key=lambda letter: letter["id"], reverse=True)[:limit]
    matching = sum(page["matching"] for page in pages.values())
    if not matching:
        refuse_unknown_handler(asked, chosen)
    goes_on = len(found) > limit or any(page["next"] for page in pages.values())
    told = {
        "letters": letters,
        "matching": matching,
        "next": letters[-1]["id"] if goes_on else None,
        "silent": list(asked.silent),
    }
    if as_json:
        print(json.dumps(told, indent=2))
    elif letters or not asked.silent:
        _print_page(told, chosen)
    tell_silent(asked.silent)
    return 1 if asked.silent else 0


def refuse_unknown_handler(asked: Round, chosen: Filter) -> None:
    """Raise CommandError where none of the services has the handler that is named, or a letter that it left."""
    handler = chosen.conditions.get("durable")
    if handler is None:
        return
    ever = urlencode({"durable": handler, "state": "any", "limit": 1})
    letters = asked.ask_each(chosen.services, "GET", f"{PATH}?{ever}").values()
    answers = asked.ask_each(chosen.services, "GET", handlers.PATH).values()
    durables = [one["durable"] for answer in answers for one in answer["handlers"]]
    # Whoever gives no answer may have it.
    if handler in durables or any(page["matching"] for page in letters) or asked.silent:
        return
    told, of = f"No service has a handler {handler!r}.", "all services"
    if len(chosen.services) == 1:
        [of] = chosen.services
        told = f"{of} has no handler {handler!r}."
    raise CommandError(told, hint=handlers.listed(f"Handlers of {of}:", durables), exit_code=USAGE)


def not_found(folder: DataFolder, which: str, silent: Mapping[str, str]) -> CommandError:
    """The error that says that there is no such letter, as far as the services answer."""
    if not silent:
        return CommandError(f"There is no {which}.", hint=f"See {in_full(folder, 'deadletters list')}.")
    reasons = [*silent.values(), f"See {in_full(folder, 'status')}."]
    return CommandError(f"No {which} was found, but not every service answers.", hint="\n".join(reasons))


def _print_page(told: Mapping[str, Any], chosen: Filter) -> None:
    letters: list[dict[str, Any]] = told["letters"]
    if not letters:
        state = chosen.conditions["state"]
        narrowed = len(chosen.conditions) > 1 or len(chosen.services) < len(SERVICES)
        which = "such dead letter" if narrowed else "dead letter"
        print(f"There is no {which}{'' if state == 'any' else f' {state}'}.")
        return
    console = Console(highlight=False, soft_wrap=True)
    for one in letters:
        # The id is there to be copied: it stands alone at the beginning of its line, and is never shortened.
        died = one["died_at"][:19].replace("T", " ")
        state = f"{one['state']}, edited" if one["edited"] else one["state"]
        tries = f"{one['attempts']} attempts" if one["attempts"] != 1 else "1 attempt"
        console.print(Text.assemble((one["id"], "bold"), f"  {died} UTC  {state}"))
        what = quoted(f"  {one['durable']}  {one['type'] or 'not an event'}  ")
        console.print(Text.assemble(what, quoted(one["error_class"], "red"), f", {tries}"))
    if told["next"]:
        console.print(f"{len(letters)} of {told['matching']}. The next page: --after {told['next']}")


def show_one(folder: DataFolder, letter_id: str, *, as_json: bool) -> None:
    """Print everything about a letter."""
    service, letter = find(Round(the_network(folder)), letter_id)
    if as_json:
        print(printable_json({"service": service, **letter}))
        return
    console = Console(highlight=False)
    about = Table(box=None, show_header=False, pad_edge=False)
    for name in ("state", "durable", "type", "event_id", "dataschema", "trace_id", "died_at", "ended_at"):
        if letter[name] is not None:
            about.add_row(name.replace("_", " "), quoted(letter[name]))
    message = f"{letter['stream']} {letter['stream_sequence']}, {letter['nats_subject']}"
    about.add_row("message", quoted(message))
    about.add_row("error", quoted(letter["error"]), style="red")
    console.print(f"[bold]{letter['id']}[/] of {service}")
    console.print(about)
    console.print("\n[bold]Attempts[/]")
    for one in letter["attempts"]:
        console.print(quoted(f"  {one['failed_at'][:19]}  {one['error']}"))
    if letter["records"]:
        console.print("\n[bold]What was done[/]")
    for one in letter["records"]:
        why = f": {one['reason']}" if one["reason"] else ""
        console.print(quoted(f"  {one['at'][:19]}  {one['action']} by {one['by']} ({one['caller']}){why}"))
    for name, told in (("Event", letter["payload"]), ("Event as edited", letter["edited_payload"])):
        if told is not None:
            console.print(f"\n[bold]{name}[/]")
            text = quoted(told) if isinstance(told, str) else JSONHighlighter()(printable_json(told))
            console.print(text, soft_wrap=True)
    if letter["payload"] is None:
        console.print("\nThe event itself is gone from the stream; `edit` can supply it.")


def find(asked: Round, letter_id: str) -> tuple[str, dict[str, Any]]:
    """The letter, and the service that holds it; services that give no answer are passed over."""
    folder = asked.network.folder
    wanted = _the_id(folder, letter_id)
    for service in SERVICES:
        try:
            letter = asked.ask(service, "GET", f"{PATH}/{wanted}")
        except RefusedError as error:
            if error.status != NOT_FOUND:
                raise
        else:
            if letter is not None:
                return service, letter
    raise not_found(folder, f"dead letter {wanted}", asked.silent)


def by_service(network: Network, ids: Iterable[str]) -> dict[str, list[str]]:
    """Single letters, by the services that hold them."""
    found: dict[str, list[str]] = {}
    asked = Round(network)
    for letter_id in ids:
        service, letter = find(asked, letter_id)
        found.setdefault(service, []).append(letter["id"])
    return found


def _the_id(folder: DataFolder, written: str) -> str:
    """A letter's id; raises CommandError where it can be none."""
    try:
        return str(UUID(written))
    except ValueError as error:
        hint = f"An id looks like 01932b6e-…; see {in_full(folder, 'deadletters list')}."
        raise CommandError(f"{written!r} is not a letter id.", hint=hint, exit_code=USAGE) from error
