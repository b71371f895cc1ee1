"""Partner systems, through the registry: who may post what, and with which key."""

import json
import re
from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.table import Table

from ssenet.data_folder.folder import DataFolder
from ssenet.network.client import NOT_FOUND, Network, RefusedError, the_network
from ssenet.network.hints import in_full
from ssenet.terminal.errors import CommandError
from ssenet.terminal.times import moment_ahead

CODE = re.compile(r"[A-Z0-9][A-Za-z0-9._-]{0,39}")
"""As the registry takes it."""


def add(
    folder: DataFolder,
    code: str,
    *,
    name: str,
    grants: list[str],
    language: str,
    expires: str | None = None,
) -> None:
    """Set up the partner and print a fresh key."""
    _check_code(code)
    life = _life(expires)
    network = the_network(folder)
    grants = sorted({one for given in grants for one in given.split(",") if one})
    ensure(network, code, name=name, grants=grants, language=language)
    try:
        issued = network.ask("registry", "POST", f"/partners/{quote(code)}/keys", life)
    except RefusedError as error:
        error.what = f"The name and the grants of {code} are set. No key was made: {error.what}"
        raise
    _print_key(network, code, issued, grants)


def ensure(network: Network, code: str, *, name: str, grants: list[str], language: str = "en") -> None:
    """Make the partner, or bring it to this name and these grants."""
    try:
        body = {"name": name, "language": language, "grants": grants}
        network.ask("registry", "PUT", f"/partners/{quote(code)}", body)
    except RefusedError as error:
        if "grant" in error.hint or "grant" in error.what:
            from contracts.catalogue import PARTNER_EVENTS

            types = "\n".join(f"  {event_type}" for event_type in PARTNER_EVENTS)
            error.hint = f"{error.hint}\nWhat a partner may be granted:\n{types}"
        raise


def make_key(network: Network, code: str) -> str:
    """A fresh key; the registry keeps only its hash, so this is the only time it can be read."""
    return str(network.ask("registry", "POST", f"/partners/{quote(code)}/keys")["key"])


def show(folder: DataFolder, *, as_json: bool) -> None:
    """List the partners."""
    partners: list[dict[str, Any]] = the_network(folder).ask("registry", "GET", "/partners")
    if as_json:
        print(json.dumps(partners, indent=2, ensure_ascii=False))
        return
    if not partners:
        print(f"There is no partner yet. Add one: {in_full(folder, 'partner add CODE --grant EVENT_TYPE')}")
        return
    rows = [
        (
            str(one["code"]),
            str(one["name"]),
            "\n".join(one["grants"]),
            "\n".join(f"{key['key_id']} {_until(key['expires_at'])}".strip() for key in one.get("keys") or [])
            or "none",
        )
        for one in partners
    ]
    table = Table(box=None, pad_edge=False)
    # Codes, types and key ids are there to be copied: they are never shortened. A name takes the lines it needs.
    for place, heading in enumerate(("Partner", "Name", "May post", "Live keys")):
        is_name = heading == "Name"
        longest = max(len(line) for row in rows for line in row[place].split("\n"))
        table.add_column(
            heading, no_wrap=not is_name, overflow="fold", min_width=min(longest, 12) if is_name else longest
        )
    for row in rows:
        table.add_row(*row)
    console = Console()
    # Wider than the terminal, it goes beyond its edge rather than being cut.
    console.print(table, width=max(console.width, console.measure(table).minimum), crop=False, soft_wrap=True)


def revoke(folder: DataFolder, code: str, *, key: str | None) -> None:
    """Take back one key, or all."""
    _check_code(code)
    which = f"/{quote(key)}" if key else ""
    _asked(the_network(folder), "DELETE", code, f"/keys{which}")
    print(f"Revoked: {f'key {key}' if key else 'every key'} of {code}.")


def rotate(folder: DataFolder, code: str, *, expires: str | None = None) -> None:
    """Print a new key beside the newest one there is."""
    _check_code(code)
    life = _life(expires)
    network = the_network(folder)
    _print_key(network, code, _asked(network, "POST", code, "/keys/rotate", life), [])


def _life(expires: str | None) -> dict[str, str] | None:
    """What the registry is told of a key's end; nothing where it has none."""
    return None if expires is None else {"expires_at": moment_ahead("--expires", expires).isoformat()}


def _until(expires_at: str | None) -> str:
    if expires_at is None:
        return ""
    at = datetime.fromisoformat(expires_at)
    # A date alone is the beginning of its day, as it is at the command.
    return f"until {at:%Y-%m-%d}" if at.time() == time() else f"until {at:%Y-%m-%d %H:%M} UTC"


def _check_code(code: str) -> None:
    if not CODE.fullmatch(code):
        raise CommandError(
            f"{code!r} cannot be a partner's code.",
            hint="A code begins with a capital letter or a digit; letters without accents, digits, dots, hyphens\n"
            "and underscores may follow, 40 characters in all at most. Examples: FAO, UN-Women.",
            exit_code=2,
        )


def _asked(network: Network, method: str, code: str, path: str, body: object = None) -> Any:
    try:
        return network.ask("registry", method, f"/partners/{quote(code)}{path}", body)
    except RefusedError as error:
        if error.status == NOT_FOUND and not error.problem.get("detail"):
            raise CommandError(
                f"There is no partner {code!r}.", hint=f"See {in_full(network.folder, 'partner list')}."
            ) from error
        raise


def _print_key(network: Network, code: str, issued: Mapping[str, Any], grants: list[str]) -> None:
    # The key alone goes to the standard output, so that a script can take it from there.
    about = Console(stderr=True, highlight=False, soft_wrap=True)
    if grants:
        about.print(f"{code} may post: {', '.join(grants)}")
    life = f", good {_until(issued['expires_at'])}" if issued["expires_at"] else ""
    about.print(f"Key of {code}{life}; it is shown this once and kept nowhere:")
    print(issued["key"])
    about.print(f"Use it so:  curl -H 'Authorization: Bearer <key>' {network.state.url}/events …")
    about.print(f"In curl, Python, Node and Java, step by step:  {network.state.url}/docs")
