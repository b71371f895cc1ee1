"""A model of a durable at the server: it delivers in order, counts what it sends, and repeats what seems lost."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from zlib import crc32

from .stream import Stored, Stream
from .world import Course, World

ACK_WAIT = 6.0
BATCH = 5
SLOTS = 16
ON_ITS_WAY = 0.002
"""Seconds of a message from the server: always the same, for one connection keeps what it carries in order."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way to the reader it was sent to."""

    stored: Stored
    consumer_sequence: int


@dataclass(eq=False, slots=True)
class Request:
    """A reader's standing wish for so many messages. It stands though the reader is frozen, or owner no more."""

    arrive: Callable[[Delivery], None]
    beat: Callable[[int], None]
    """A heartbeat: how many messages the durable has sent, to anybody."""
    lives: Callable[[], bool]
    left: int


@dataclass(eq=False)
class Durable:
    """One part of a durable: acknowledgements are of all up to a message, as with AckPolicy.ALL."""

    world: World
    stream: Stream
    index: int
    of: int
    floor: int = 0
    loses_next: bool = False
    """Whether the next message it sends goes astray."""
    _matching: list[Stored] = field(default_factory=list[Stored])
    _next: int = 0
    _sent: int = 0
    _again: deque[Stored] = field(default_factory=deque[Stored])
    _pending: dict[int, float] = field(default_factory=dict[int, float])
    _requests: deque[Request] = field(default_factory=deque[Request])

    def hears(self, key: str) -> bool:
        return crc32(key.encode()) % SLOTS % self.of == self.index

    def take_in(self, stored: Stored) -> None:
        """The stream has a message more."""
        if self.hears(stored.subject):
            self._matching.append(stored)
            self._send()

    def reset(self) -> Course:
        """Start anew at the last acknowledged message: its sequence, or None when no answer came."""
        yield self.world.moment()
        if not self.stream.up or self.world.happens(self.world.chances.lost):
            yield 0.2
            return None
        self._pending.clear()
        self._again.clear()
        self._sent = 0
        self._next = sum(one.sequence <= self.floor for one in self._matching)
        answered = not self.world.happens(self.world.chances.unanswered)
        yield self.world.moment()
        return self.floor if answered else None

    def ask(self, request: Request) -> None:
        """Receive a request for messages, if it arrives."""
        if self.stream.up and not self.world.happens(self.world.chances.lost):
            self._requests.append(request)
            self._send()

    def withdraw(self, request: Request) -> None:
        if request in self._requests:
            self._requests.remove(request)

    def acknowledge(self, sequence: int) -> None:
        """Receive an acknowledgement, if it arrives, perhaps late."""
        world = self.world
        if self.stream.up and not world.happens(world.chances.lost):
            delay = world.random.random() * 8 if world.happens(world.chances.late) else world.moment()
            world.after(delay, lambda: self._acknowledged(sequence))

    def tick(self) -> None:
        """Send again what nobody has acknowledged in time, and heartbeats to whoever waits."""
        overdue = [sequence for sequence, due in self._pending.items() if due < self.world.now]
        for sequence in overdue:
            del self._pending[sequence]
            self._again.extend(one for one in self._matching if one.sequence == sequence)
        self._send()
        for request in self._requests:
            if self.stream.up and request.lives() and not self.world.happens(self.world.chances.lost):
                self.world.after(ON_ITS_WAY, partial(request.beat, self._sent))

    def behind(self) -> bool:
        """Whether anything is not acknowledged."""
        return bool(self._matching) and self._matching[-1].sequence > self.floor

    def _acknowledged(self, sequence: int) -> None:
        self.floor = max(self.floor, sequence)
        for known in [known for known in self._pending if known <= sequence]:
            del self._pending[known]
        self._again = deque(one for one in self._again if one.sequence > sequence)

    def _send(self) -> None:
        while self.stream.up and self._requests and (self._again or self._next < len(self._matching)):
            request = self._requests[0]
            if not request.lives():
                # Its connection has closed.
                self._requests.popleft()
                continue
            if self._again:
                stored = self._again.popleft()
            else:
                stored = self._matching[self._next]
                self._next += 1
            self._sent += 1
            self._pending[stored.sequence] = self.world.now + ACK_WAIT
            request.left -= 1
            if not request.left:
                self._requests.popleft()
            lost, self.loses_next = self.loses_next, False
            if not lost and not self.world.happens(self.world.chances.lost):
                self.world.after(ON_ITS_WAY, partial(request.arrive, Delivery(stored, self._sent)))


class Reader:
    """What an owner has fetched: only what follows on what came before, else nothing until it begins anew."""

    def __init__(
        self,
        durable: Durable,
        lives: Callable[[], bool],
        on_arrival: Callable[[], None],
        sequence_check: Any,
    ) -> None:
        self._m = sequence_check
        self._lives = lives
        self._durable = durable
        self._on_arrival = on_arrival
        self._request: Request | None = None
        self._beginnings = 0
        self._fetched: list[Stored] = []
        self._along: Any = None

    def begin(self) -> Course:
        self.leave()
        floor = yield from self._durable.reset()
        if floor is None:
            return
        self._along = self._m.SequenceCheck(floor)
        self._beginnings += 1

    @property
    def broken(self) -> bool:
        return self._along is None or self._along.broken

    def ask(self) -> None:
        if self._request is None or self._request.left <= 0:
            beginning = self._beginnings
            arrive, hear = partial(self._arrive, beginning), partial(self._hear, beginning)
            self._request = Request(arrive, hear, self._lives, BATCH)
            self._durable.ask(self._request)

    def ask_again(self) -> None:
        """Ask though a request should stand: it may never have arrived."""
        self.leave_request()
        self.ask()

    def take(self) -> Sequence[Stored]:
        taken, self._fetched = self._fetched[:BATCH], self._fetched[BATCH:]
        return taken

    def acknowledge(self, sequence: int) -> None:
        self._along.acknowledged(sequence)
        self._durable.acknowledge(sequence)

    def leave(self) -> None:
        """Drop what was fetched; what is on its way goes astray."""
        self._fetched = []
        self._along = None
        self.leave_request()

    def leave_request(self) -> None:
        if self._request is not None:
            self._durable.withdraw(self._request)
            self._request = None

    def __len__(self) -> int:
        return len(self._fetched)

    def _arrive(self, beginning: int, delivery: Delivery) -> None:
        if self._along is None or beginning != self._beginnings:
            return
        stored = delivery.stored
        arrival = self._along.arrived(
            consumer_sequence=delivery.consumer_sequence, stream_sequence=stored.sequence
        )
        if arrival is self._m.Arrival.TAKEN:
            self._fetched.append(stored)
        elif arrival is self._m.Arrival.DONE_BEFORE:
            self._durable.acknowledge(stored.sequence)
        self._told()

    def _hear(self, beginning: int, sent: int) -> None:
        if self._along is not None and beginning == self._beginnings:
            self._along.heard(sent)
            self._told()

    def _told(self) -> None:
        if self.broken:
            self._fetched = []
        self._on_arrival()
