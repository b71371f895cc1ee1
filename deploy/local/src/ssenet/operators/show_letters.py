"""`deadletters list` and `show`: dead letters of all services, for a person or a program."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.table import Table
from rich.text import Text

from ssenet.data_folder.folder import DataFolder
from ssenet.network.client import the_network
from ssenet.operators.ask_services import Round, tell_silent
from ssenet.operators.find_letters import PATH, Filter, find, read_id, refuse_unknown_handler
from ssenet.project import SERVICES
from ssenet.terminal.escaping import printable_json, quoted


def list_them(folder: DataFolder, chosen: Filter, *, after: str | None, limit: int, as_json: bool) -> int:
    """Print a page of letters; 1 where a service did not answer."""
    more = {"after": read_id(folder, after)} if after else {}
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
