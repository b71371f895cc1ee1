"""Which dead letters are meant, and which services hold them: filters, and single letters by their ids."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlencode
from uuid import UUID

from ssenet.data_folder.folder import DataFolder
from ssenet.network.client import NOT_FOUND, Network, RefusedError
from ssenet.network.hints import in_full
from ssenet.operators import handlers
from ssenet.operators.ask_services import Round
from ssenet.project import SERVICES
from ssenet.terminal.errors import USAGE, CommandError
from ssenet.terminal.times import moment

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


def find(asked: Round, letter_id: str) -> tuple[str, dict[str, Any]]:
    """The letter, and the service that holds it; services that give no answer are passed over."""
    folder = asked.network.folder
    wanted = read_id(folder, letter_id)
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


def read_id(folder: DataFolder, written: str) -> str:
    """A letter's id; raises CommandError where it can be none."""
    try:
        return str(UUID(written))
    except ValueError as error:
        hint = f"An id looks like 01932b6e-…; see {in_full(folder, 'deadletters list')}."
        raise CommandError(f"{written!r} is not a letter id.", hint=hint, exit_code=USAGE) from error
