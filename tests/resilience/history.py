"""What was done and what is there in the end: all that the checker is given, and all that is kept of a failed seed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Sent:
    """An event that the partner sent, as often as it took, and the `event_id` that it was told with a 202, if any."""

    id: str
    tries: int
    event_id: str | None
    refusal: str | None = None
    """An answer that no repeat would change, where there was one."""


@dataclass(frozen=True, slots=True)
class Received:
    """An event as the gateway has stored it: the partner's id, and the one under which it was announced."""

    sent_id: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Deed:
    """What a member did with a task, and was told is done."""

    task_id: str
    action: str


@dataclass(frozen=True, slots=True)
class Task:
    """A task, and the partner's event that it was opened for."""

    task_id: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Item:
    """A line in a member's inbox: which event it tells of, and which partner's event began the chain."""

    about: str
    member_id: str
    reason: str
    event_type: str
    chain: str


@dataclass(frozen=True, slots=True)
class Announced:
    """A committed outbox row."""

    service: str
    event_id: str
    type: str
    aggregate_id: str
    epoch: int
    sequence: int
    published: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """A message in the stream, by its place there. What the faults put there themselves is `planted`."""

    place: int
    subject: str
    event_id: str
    planted: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """An inbox row: a durable took an event, in the transaction `work`, after all rows with a smaller `place`.

    Taken is not applied: it may have begun to wait then, and its effect has come later.
    """

    service: str
    durable: str
    event_id: str
    place: int
    work: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What a handler did with an event: committed in the transaction `work` at this moment, in the order of `place`."""

    service: str
    durable: str
    event_id: str
    committed: float
    place: int
    work: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter."""

    service: str
    durable: str
    stream_sequence: int
    event_id: str | None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """What JetStream itself says it gave up on."""

    durable: str
    stream_sequence: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long after the last fault everything was ready, and everything under way had arrived; None for never."""

    seed: int
    seconds: float | None
    left: str = ""


@dataclass(slots=True)
class History:
    """One network's life under fire."""

    hearing: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Which event types each durable hears."""
    sent: list[Sent] = field(default_factory=list[Sent])
    unserved: list[str] = field(default_factory=list[str])
    """Work that people had not brought to its end when they gave up, in words."""
    deeds: list[Deed] = field(default_factory=list[Deed])
    done: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """(task, action) as the tasks' own history has them."""
    received: list[Received] = field(default_factory=list[Received])
    tasks: list[Task] = field(default_factory=list[Task])
    items: list[Item] = field(default_factory=list[Item])
    announced: list[Announced] = field(default_factory=list[Announced])
    stored: list[Stored] = field(default_factory=list[Stored])
    taken: list[Taken] = field(default_factory=list[Taken])
    effects: list[Effect] = field(default_factory=list[Effect])
    letters: list[Letter] = field(default_factory=list[Letter])
    given_up: list[GivenUp] = field(default_factory=list[GivenUp])
    directory: dict[str, dict[str, tuple[int, int]]] = field(
        default_factory=dict[str, dict[str, tuple[int, int]]]
    )
    """Per service, the (epoch, sequence) of each organisation and member as the service knows it."""
    fell: list[str] = field(default_factory=list[str])
    """Processes that ended although nobody had ended them."""
    recoveries: list[Recovery] = field(default_factory=list[Recovery])

    def written(self) -> str:
        """All of it as JSON, to be looked through."""
        return json.dumps(asdict(self), indent=1, default=sorted)
