"""A network for the commands to ask, and somebody at the terminal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from ssenet.data_folder.state_file import State
from ssenet.network.client import Network, RefusedError
from ssenet.operators.find_letters import PATH
from ssenet.terminal.errors import CommandError

FIRST, SECOND, THIRD, NOWHERE = (f"01932b6e-0000-7000-8000-00000000000{number}" for number in range(1, 5))


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
    """A network of which each service holds these letters, and handles one of them to a request."""

    state: State = field(default_factory=lambda: State(1, 0.0, "http://localhost:1", 1))
    letters: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    past: int = 0
    """How many letters each has that have ended."""
    handlers: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What is not as usual with every letter."""
    answers: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many questions a service answers before it falls silent; all where none is told."""
    trouble: CommandError | None = None
    """What comes instead of an answer then, unless it is silence."""
    asked: list[str] = field(default_factory=list[str])
    ended: list[str] = field(default_factory=list[str])
    stored: list[Any] = field(default_factory=list[Any])
    """What letters were edited to say."""

    def ask(self, service: str, method: str, path: str, body: Any = None) -> Any:  # noqa: ARG002 - all are told apart by path
        self.asked.append(service)
        if self.asked.count(service) > self.answers.get(service, 1_000):
            raise self.trouble or CommandError(f"{service} does not answer.")
        held = [one for one in self.letters.get(service, ()) if one not in self.ended]
        if path == "/internal/projections":
            return {"handlers": [{"durable": one} for one in self.handlers.get(service, ())]}
        what = path.removeprefix(PATH)
        if what == "/replay":
            return self._replayed(service, held, int(body["after"] or 0))
        if what == "/discard":
            ended = [] if body["dry_run"] else held[:1]
            self.ended.extend(ended)
            return {"discarded": ended, "remaining": len(held) - len(ended)}
        if what.startswith("?"):
            return self._page(held, past=self.past if "state=any" in what else 0)
        if what.endswith("/payload"):
            self.stored.append(body["payload"])
            return None
        if what.removeprefix("/") not in held:
            raise RefusedError(404, {})
        return a_letter(what.removeprefix("/"), **self.told)

    def _replayed(self, service: str, held: Sequence[str], at: int) -> dict[str, Any]:
        usual = {"outcome": "applied", "durable": service, "detail": None, "announced": 0}
        results = [{"letter_id": one, **usual, **self.told} for one in held[at : at + 1]]
        return {"results": results, "next": str(at + 1) if at + 1 < len(held) else None}

    def _page(self, held: Sequence[str], *, past: int) -> dict[str, Any]:
        """A page of one letter, whatever was asked for; of each the number of its attempts is told there."""
        shown = [a_letter(one, attempts=1, edited=False, **self.told) for one in held[:1]]
        return {"letters": shown, "matching": len(held) + past, "next": held[0] if len(held) > 1 else None}


Running = Callable[[StandIn], StandIn]


class Terminal(StringIO):
    """Somebody who can be asked."""

    def isatty(self) -> bool:
        return True
