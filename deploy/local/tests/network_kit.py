"""A network for the commands to ask, and somebody at the terminal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from ssenet.deadletters import PATH
from ssenet.errors import CommandError
from ssenet.network import Network, RefusedError
from ssenet.state import State

FIRST, SECOND, NOWHERE = (f"01932b6e-0000-7000-8000-00000000000{number}" for number in (1, 2, 3))


def a_letter(letter_id: str = FIRST, **told: Any) -> dict[str, Any]:
    """Everything that a service tells of a letter."""
    usual: dict[str, Any] = {
        "id": letter_id,
        "state": "waiting",
        "durable": "coordination-open-assistance-tasks",
        "type": "partner.assistance.requested.v1",
        "event_id": None,
        "dataschema": None,
        "trace_id": None,
        "died_at": "2026-11-23T09:00:00+00:00",
        "ended_at": None,
        "stream": "EVENTS",
        "stream_sequence": 1,
        "nats_subject": "partner.assistance.requested.v1",
        "error_class": "KeyError",
        "error": "KeyError: 'SN'",
        "attempts": [],
        "payload": {"id": "1"},
        "edited_payload": None,
        "records": [],
    }
    return usual | told


@dataclass(frozen=True)
class StandIn(Network):
    """A network of which each service holds these letters, or does not answer."""

    state: State = field(default_factory=lambda: State(1, 0.0, "http://localhost:1", 1))
    letters: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What is not as usual with every letter."""
    silent: Sequence[str] = ()
    asked: list[str] = field(default_factory=list[str])

    def ask(self, service: str, method: str, path: str, body: Any = None) -> Any:  # noqa: ARG002 - all are told apart by path
        self.asked.append(service)
        if service in self.silent:
            raise CommandError(f"{service} does not answer.")
        held = self.letters.get(service, ())
        what = path.removeprefix(PATH)
        if what == "/replay":
            usual = {"outcome": "applied", "durable": service, "detail": None, "announced": 0}
            return {"results": [{"letter_id": one, **usual, **self.told} for one in held], "next": None}
        if what == "/discard":
            ended = [] if body["dry_run"] else list(held)
            return {"discarded": ended, "remaining": len(held) - len(ended)}
        if what.startswith("?"):
            return self._page(held)
        if what.removeprefix("/") not in held:
            raise RefusedError(404, {})
        return a_letter(what.removeprefix("/"), **self.told)

    def _page(self, held: Sequence[str]) -> dict[str, Any]:
        """A page of one letter, whatever was asked for; of each the number of its attempts is told there."""
        shown = [a_letter(one, attempts=1, edited=False, **self.told) for one in held[:1]]
        return {"letters": shown, "matching": len(held), "next": held[0] if len(held) > 1 else None}


Running = Callable[[StandIn], StandIn]


class Terminal(StringIO):
    """Somebody who can be asked."""

    def isatty(self) -> bool:
        return True
