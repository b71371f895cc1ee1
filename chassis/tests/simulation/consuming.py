"""The other service in the simulated world: processes that own parts of a durable and apply what it is delivered."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from .database import Database, Session, SessionLostError
from .durable import Durable, Reader
from .pending import Pending
from .stream import Stored, Stream
from .world import Course, Process, World, promise

MAX_HELD_BACK = 5
FIRST_DELAY, LONGEST_DELAY = 0.1, 2.0


class HandlerError(Exception):
    """The handler failed, and nothing was stored."""

    def __init__(self, *, permanent: bool) -> None:
        super().__init__()
        self.permanent = permanent


class LeaseLostError(Exception):
    """The fence refused a transaction."""


@dataclass(slots=True)
class QueuedEvent:
    """An event that waits, as it is stored."""

    position: int
    message: Stored
    attempts: int
    due: float


@dataclass
class Truth:
    """What the service has committed: this is what the promises are about."""

    world: World
    sequence_of: Callable[[UUID], int]
    inbox: set[UUID] = field(default_factory=set[UUID])
    effects: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    waiting: dict[UUID, QueuedEvent] = field(default_factory=dict[UUID, QueuedEvent])
    dead: dict[UUID, int] = field(default_factory=dict[UUID, int])
    tokens: dict[int, int] = field(default_factory=dict[int, int])
    poisoned: set[UUID] = field(default_factory=set[UUID])
    troubled_until: dict[UUID, float] = field(default_factory=dict[UUID, float])
    key_troubled_until: dict[str, float] = field(default_factory=dict[str, float])
    keys: dict[UUID, str] = field(default_factory=dict[UUID, str])
    refused: set[UUID] = field(default_factory=set[UUID])
    """Found, alone, to be what no repeat can mend."""
    tried_at: dict[UUID, float] = field(default_factory=dict[UUID, float])
    _positions: int = 0

    def draw_a_fate(self, event_id: UUID) -> None:
        """Most events can be handled; some later, some never."""
        match self.world.random.randrange(40):
            case 0:
                self.poisoned.add(event_id)
            case 1:
                self.troubled_until[event_id] = 1e9
            case 2 | 3:
                self.troubled_until[event_id] = self.world.now + self.world.random.random() * 8
            case _:
                pass

    def last(self, key: str) -> int:
        """The last sequence of a key that has come to its end here, all before it too."""
        applied = self.effects.get(key, [0])
        buried = [self.sequence_of(one) for one in self.dead_of(key)]
        return max(applied[-1], *buried, 0)

    def dead_of(self, key: str) -> list[UUID]:
        return [event_id for event_id in self.dead if self.keys[event_id] == key]

    def take_over(self, part: int) -> int:
        self.tokens[part] = self.tokens.get(part, 0) + 1
        return self.tokens[part]

    def confirm(self, part: int, token: int) -> None:
        if self.tokens[part] != token:
            raise LeaseLostError

    def heads(self, hears: Callable[[str], bool], keys: Collection[str] | None = None) -> dict[str, float]:
        found: dict[str, float] = {}
        for row in sorted(self.waiting.values(), key=lambda row: row.position):
            key = row.message.subject
            if hears(key) and (keys is None or key in keys):
                found.setdefault(key, row.due)
        return found

    def rows(self, keys: Collection[str]) -> list[QueuedEvent]:
        found = [row for row in self.waiting.values() if row.message.subject in keys]
        return sorted(found, key=lambda row: row.position)

    def commit(self, part: int, token: int, step: Any, delay: Callable[[int], float]) -> float:
        """Commit a step as one transaction; returns the seconds to the guilty event's next attempt."""
        self.confirm(part, token)
        if any(one.waits for one in step.events):
            own = {one.what.event_id for one in (*step.apply, *step.dead_letter)}
            taken = (own & self.waiting.keys()) | {one.what.event_id for one in step.retry}
        else:
            taken = {one.what.event_id for one in step.events} - self.inbox
        fresh = [one.what for one in step.apply if one.what.event_id in taken]
        self._handle(fresh)
        self.inbox |= taken
        for message in fresh:
            self._apply(message)
        seconds = 0.0
        for one in (*step.retry, *step.dead_letter):
            if one.what.event_id in taken:
                seconds = self._put_down(one, last=bool(step.dead_letter), delay=delay)
        for one in step.behind:
            if one.what.event_id in taken:
                self._wait(one.what, 0, self.world.now)
        return seconds

    def _handle(self, messages: Sequence[Stored]) -> None:
        now = self.world.now
        for message in messages:
            if message.event_id in self.poisoned:
                if len(messages) == 1:
                    self.refused.add(message.event_id)
                raise HandlerError(permanent=True)
            until = max(
                self.troubled_until.get(message.event_id, 0), self.key_troubled_until.get(message.subject, 0)
            )
            if until > now or self.world.happens(self.world.chances.failing / 3):
                raise HandlerError(permanent=False)

    def _apply(self, message: Stored) -> None:
        applied = self.effects.setdefault(message.subject, [])
        sequence = self.sequence_of(message.event_id)
        promise(message.event_id not in self.dead, "what was given up is not applied", message)
        promise(sequence not in applied, "an event is applied once", message, applied)
        promise(
            not applied or applied[-1] < sequence, "events of a key are applied in order", message, applied
        )
        applied.append(sequence)
        self.waiting.pop(message.event_id, None)

    def _put_down(self, one: Any, *, last: bool, delay: Callable[[int], float]) -> float:
        message: Stored = one.what
        if last:
            promise(message.event_id not in self.dead, "an event is given up once", message)
            self.dead[message.event_id] = one.attempts
            self.keys[message.event_id] = message.subject
            self.waiting.pop(message.event_id, None)
            return 0.0
        row = self.waiting.get(message.event_id)
        if row is None and one.waits:
            # Applied before, and not answered often enough to be taken for a failure: no row is left to change.
            return delay(one.attempts)
        if row is not None and row.attempts == one.attempts:
            # Committed before, and not answered: the same attempt.
            return row.due - self.world.now
        promise(message.event_id not in self.refused, "what no repeat can mend is given up at once", message)
        seconds = delay(one.attempts)
        since = self.world.now - self.tried_at.get(message.event_id, -1e9)
        patient = since >= min(FIRST_DELAY * 2 ** (one.attempts - 2), LONGEST_DELAY) - 0.001
        promise(
            one.attempts == 1 or patient,
            "between attempts lies a delay that grows",
            message,
            one.attempts,
            since,
        )
        self.tried_at[message.event_id] = self.world.now
        self._wait(message, one.attempts, self.world.now + seconds)
        return seconds

    def _wait(self, message: Stored, attempts: int, due: float) -> None:
        row = self.waiting.get(message.event_id)
        if row is None:
            self._positions += 1
            row = self.waiting[message.event_id] = QueuedEvent(self._positions, message, attempts, due)
        row.attempts, row.due = attempts, due


@dataclass
class Consumers:
    """The processes of the service, and the parts of its durable."""

    world: World
    database: Database
    stream: Stream
    truth: Truth
    ordering: Any
    sequence_check: Any
    durables: list[Durable]
    members: list["Member"] = field(default_factory=list["Member"])

    def start(self, count: int) -> None:
        for number in range(count):
            member = Member(self, f"consumer {number}")
            self.members.append(member)
            member.start()
        self.stream.on_stored = self._take_in
        self.world.start("server", self._ticking())

    def _take_in(self) -> None:
        for durable in self.durables:
            durable.take_in(self.stream.messages[-1])

    def _ticking(self) -> Course:
        while True:
            yield 0.5
            for durable in self.durables:
                durable.tick()

    def settled(self) -> bool:
        """Whether everything in the stream has come to its end, every process runs, and every part has its owner."""
        connections = [member.believes_in for member in self.members]
        return (
            self.truth.inbox.issuperset(self.stream.ids)
            and not self.truth.waiting
            and all(member.runs for member in self.members)
            and None not in connections
            and all(self.database.holder(("part", durable.index)) in connections for durable in self.durables)
        )


class Member:
    """A process of the service: it holds the locks of the parts it serves on one connection."""

    def __init__(self, consumers: Consumers, name: str) -> None:
        self.consumers = consumers
        self.name = name
        self.session: Session | None = None
        self.believes_in: Session | None = None
        """The connection whose locks it thinks it holds; that one has gone is noticed a moment late."""

    @property
    def runs(self) -> bool:
        return all(process.runs for process in self.processes)

    def start(self) -> None:
        world = self.consumers.world
        self.session = self.believes_in = None
        self.processes: list[Process] = [world.start(self.name, self._connecting())]
        for durable in self.consumers.durables:
            serving = Serving(self, durable)
            serving.process = world.start(f"{self.name} of part {durable.index}", serving.run())
            self.processes.append(serving.process)

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
        if self.session is not None:
            session, world = self.session, self.consumers.world
            world.after(world.random.choice((0.0, 0.01, 3.0)), lambda: self.consumers.database.close(session))

    def freeze(self, seconds: float) -> None:
        for process in self.processes:
            process.freeze(seconds)

    def _connecting(self) -> Course:
        while True:
            if self.session is None or not self.session.alive:
                try:
                    opened: list[Session] = []
                    session: Session = yield from self.consumers.database.connect(partial(self._hear, opened))
                    opened.append(session)
                    self.session = self.believes_in = session
                except SessionLostError:
                    self.session = None
            yield 0.5

    def _hear(self, opened: Sequence[Session], channel: str) -> None:
        if channel == "closed":
            world = self.consumers.world
            world.after(world.random.random(), lambda: self._notice_loss(opened))

    def _notice_loss(self, lost: Sequence[Session]) -> None:
        if self.believes_in in lost:
            self.believes_in = None


class Serving:
    """One part, served by one process for as long as it holds the lock, or believes that it does."""

    process: Process

    def __init__(self, member: Member, durable: Durable) -> None:
        consumers = member.consumers
        self._member = member
        self._world = consumers.world
        self._database = consumers.database
        self._truth = consumers.truth
        self._m = consumers.ordering
        self._durable = durable
        self._idle = False
        self._backoff = self._m.Backoff(self._world.random.uniform, first=FIRST_DELAY, longest=LONGEST_DELAY)

    def run(self) -> Course:
        while True:
            yield 0.2 + self._world.random.random() * 0.4
            session = self._member.believes_in
            part = ("part", self._durable.index)
            if session is None or not session.alive or not self._database.lock(session, part):
                continue
            with suppress(LeaseLostError):
                yield from self._serve(session)
            self._reader.leave()
            self._database.unlock(session, part)
            # Another may have it first.
            yield self._world.random.random()

    def _serve(self, session: Session) -> Course:
        self._reader = Reader(
            self._durable, lambda: self.process.alive, self._stir, self._member.consumers.sequence_check
        )
        self._token = yield from self._with_database(lambda: self._truth.take_over(self._durable.index))
        self.waiting = self._m.RetrySchedule()
        yield from self._learn(None)
        # Now and then another asks for the part, and it is handed over in good order.
        until = self._world.now + self._world.random.choice((2.0, 1e9, 1e9))
        while self._member.believes_in is session and (self._world.calm or self._world.now < until):
            if self._reader.broken:
                yield from self._reader.begin()
                if self._reader.broken:
                    yield 0.2
                    continue
                # Whoever has set the durable back asks only when nobody has taken over since.
                yield from self._with_database(lambda: self._truth.confirm(self._durable.index, self._token))
                self._reader.ask()
            tried = yield from self._retry()
            if not tried and not len(self._reader):
                yield from self._wait()
            batch = self._reader.take()
            self._reader.ask()
            if batch:
                yield from self._apply(batch)
                self._reader.acknowledge(batch[-1].sequence)

    def _wait(self) -> Course:
        due = self.waiting.next_due()
        self._idle = True
        yield min(max(due - self._world.now, 0.001), 1.0) if due is not None else 1.0
        self._idle = False
        if not len(self._reader):
            self._reader.ask_again()

    def _stir(self) -> None:
        if self._idle:
            self._idle = False
            self.process.wake()

    def _apply(self, batch: Sequence[Stored]) -> Course:
        held = {one.event_id: Pending(one.subject, one) for one in reversed(batch)}
        first = sorted(held.values(), key=lambda one: one.what.sequence)
        yield from self._follow(self._m.Bisection(first, waiting=self.waiting))

    def _retry(self) -> Course:
        keys = self.waiting.due(self._world.now, 100)
        if not keys:
            return False
        rows = yield from self._with_database(lambda: self._truth.rows(keys))
        held = [Pending(row.message.subject, row.message, row.attempts, waits=True) for row in rows]
        yield from self._follow(self._m.Bisection(held, waiting=()))
        yield from self._learn(keys)
        return True

    def _follow(self, bisection: Any) -> Course:
        held_back = 0
        while (step := bisection.step()) is not None:
            yield (
                2.5 * self._world.random.random() if self._world.happens(self._world.chances.slow) else 0.004
            )
            try:
                commit = self._committing(step)
                delay = yield from self._database.ask_once(commit)
            except SessionLostError:
                if held_back < MAX_HELD_BACK or not step.apply:
                    held_back += 1
                    yield 0.2
                    continue
                self._truth.refused.difference_update(one.what.event_id for one in step.apply)
                bisection.failed(step, permanent=False)
            except HandlerError as failure:
                bisection.failed(step, permanent=failure.permanent)
            else:
                bisection.done(step)
                self._note(step, delay)
            held_back = 0

    def _committing(self, step: Any) -> Callable[[], float]:
        return lambda: self._truth.commit(self._durable.index, self._token, step, self._backoff.delay)

    def _note(self, step: Any, delay: float) -> None:
        for one in step.retry:
            self.waiting.set(one.key, self._world.now + (delay or self._backoff.delay(one.attempts)))
        for one in step.behind:
            if one.key not in self.waiting:
                self.waiting.set(one.key, self._world.now)

    def _learn(self, keys: Collection[str] | None) -> Course:
        heads = yield from self._with_database(lambda: self._truth.heads(self._durable.hears, keys))
        self.waiting.learn(heads, heads.keys() if keys is None else keys)

    def _with_database(self, work: Callable[[], Any]) -> Course:
        while True:
            try:
                return (yield from self._database.ask_once(work))
            except SessionLostError:
                yield 0.2
