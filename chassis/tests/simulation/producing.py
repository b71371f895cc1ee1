"""One service's side of the outbox in the simulated world: writers who commit, and candidates who relay."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from chassis.outbox.relay_decisions import Row

from .database import LARGE, Database, Session, SessionLostError
from .stream import BatchRefusedError, Stream, StreamAwayError
from .world import Course, Patience, Process, World, promise

BATCH = 8
"""More than go one after the other, by enough that batches which are not full are common too."""
LOOK_UP_AFTER = 0.5
_EVENTS = UUID(int=1 << 100).int


@dataclass
class Relays:
    """The relay candidates of a service, each in a process of its own."""

    world: World
    database: Database
    stream: Stream
    relay_decisions: Any
    candidates: list["Candidate"] = field(default_factory=list["Candidate"])
    losses_told: int = 0
    """Losses of the stream after which all was published again."""

    def start(self, count: int) -> None:
        for number in range(count):
            candidate = Candidate(self, f"relay {number}")
            self.candidates.append(candidate)
            candidate.start()
        self.stream.on_away = self._disconnected
        self.stream.on_back = self._reconnected

    def _disconnected(self) -> None:
        for candidate in self.candidates:
            candidate.decisions.doubt()

    def _reconnected(self) -> None:
        for candidate in self.candidates:
            self.world.after(self.world.moment(), candidate.reconnected)

    def kill_any(self) -> None:
        """Kill a candidate, and start it anew some seconds later."""
        victim = self.world.random.choice(self.candidates)
        if victim.process.alive:
            victim.kill()
            self.world.after(self.world.random.random() * 3, victim.start)

    def leaders(self) -> list["Candidate"]:
        return [one for one in self.candidates if one.process.alive and one.decisions.is_leader]

    def settled(self) -> bool:
        """Whether every candidate runs, and one of them leads and not only thinks so."""
        leaders = self.leaders()
        return (
            len(leaders) == 1
            and leaders[0].session is self.database.holder("relay")
            and all(one.process.runs for one in self.candidates)
        )


class Candidate:
    """A process that carries out what the relay decides, on the model's database and stream."""

    def __init__(self, relays: Relays, name: str) -> None:
        self._relays = relays
        self._world = relays.world
        self._database = relays.database
        self._m = relays.relay_decisions
        self.name = name
        self.session: Session | None = None
        self._beside: Process | None = None
        self._mended = False

    def start(self) -> None:
        """Start the process, or start it again after a kill: it remembers nothing."""
        self.decisions = self._m.RelayDecisions()
        self._connecting = Patience(self._world)
        self._publishing = Patience(self._world)
        self._enough: Callable[[], bool] | None = None
        self.session = None
        self.process: Process = self._world.start(self.name, self._life())

    def kill(self) -> None:
        self.process.kill()
        if self._beside is not None:
            self._beside.kill()
        if self.session is not None:
            # The server may notice at once, or only when its own probing does.
            session = self.session
            self._world.after(
                self._world.random.choice((0.0, 0.01, 3.0)), lambda: self._database.close(session)
            )

    def freeze(self, seconds: float) -> None:
        for process in (self.process, self._beside):
            if process is not None:
                process.freeze(seconds)

    def stop(self) -> None:
        self.decisions.stop()
        self._stir()

    def reconnected(self) -> None:
        """The way to the stream is open again."""
        self._mended = True
        # It tries at once, whatever its pause was.
        self._publishing.succeeded()
        if self.process.alive:
            self._stir()

    def _stir(self) -> None:
        """Go on, if there is nothing any more to wait for."""
        if self._enough is not None and self._enough():
            self.process.wake()

    def _life(self) -> Course:
        steps = self.decisions.run()
        try:
            step = next(steps)
            while True:
                try:
                    outcome = yield from self._carry_out(step)
                except SessionLostError:
                    step = steps.throw(self._m.DatabaseAwayError())
                except BatchRefusedError:
                    step = steps.throw(self._m.BatchRefusedError())
                except StreamAwayError:
                    self._publishing.failed()
                    step = steps.throw(self._m.BrokerAwayError())
                else:
                    step = steps.send(outcome)
        except StopIteration:
            return

    def _carry_out(self, step: Any) -> Course:
        m = self._m
        match step:
            case m.Connect():
                yield from self._connect()
            case m.Disconnect():
                if self.session is not None:
                    self._database.close(self.session)
                    self.session = None
            case m.PublishBatch(rows):
                return (yield from self._publish(rows, atomic=True))
            case m.PublishOne(row):
                return (yield from self._publish([row], atomic=False))[0]
            case m.Pause(seconds, after):
                self._mended = False
                ends_when_mended = isinstance(after, m.BrokerAwayError)
                yield from self._wait(
                    seconds, lambda: self.decisions.stopping or (ends_when_mended and self._mended)
                )
            case m.AwaitWork(seconds):
                yield from self._wait(seconds, lambda: self.decisions.woken or self.decisions.stopping)
            case m.Meanwhile(publish, mark, look):
                return (yield from self._overlap(publish, mark, look))
            case m.AskStream():
                return (yield from self._relays.stream.look())
            case _:
                return (yield from self._ask(step))
        return None

    def _ask(self, step: Any) -> Course:
        session = self.session
        assert session is not None
        answer = yield from self._database.ask(session, lambda: self._query(step))
        if not isinstance(step, self._m.Look):
            return answer
        # Asked each time, wanted or not, by a statement of its own: much may be committed between the two.
        writers = yield from self._database.ask(session, lambda: [str(one) for one in self._database.writing])
        if not step.and_writers:
            # No relay has asked for that: it does not count against its rest.
            self._database.asked -= 1
        return replace(answer, writers=writers)

    def _overlap(self, publish: Any, mark: Any, look: Any) -> Course:
        """Two things at once: the one is a process of its own, that lives and dies with this one."""
        turned: list[Any] = []

        def turn() -> Course:
            try:
                if mark.rows:
                    yield from self._ask(mark)
                turned.append((yield from self._ask(look)))
            except SessionLostError:
                turned.append(self._m.DatabaseAwayError())

        self._beside = self._world.start(f"{self.name}, beside", turn())
        try:
            published = yield from self._publish(publish.rows, atomic=True)
        except BatchRefusedError:
            published = self._m.BatchRefusedError()
        except StreamAwayError:
            self._publishing.failed()
            published = self._m.BrokerAwayError()
        while not turned:
            yield 0.001
        return self._m.Overlapped(published, turned[0])

    def _query(self, step: Any) -> Any:
        m = self._m
        match step:
            case m.TryLock():
                assert self.session is not None
                return self._database.lock(self.session, "relay")
            case m.Look(besides, since, _):
                return m.Found(*self._database.look(BATCH, besides, since))
            case m.Mark():
                return self._mark(step)
            case m.Recall():
                return self._database.recall()
            case m.Note(seen):
                return self._database.note(seen.made_at)
            case m.LookUp(event_ids):
                return self._database.published(event_ids)
            case _:
                raise AssertionError(step)

    def _publish(self, rows: Sequence[Row], *, atomic: bool) -> Course:
        sequences = yield from self._relays.stream.publish(rows, atomic=atomic)
        self._publishing.succeeded()
        return sequences

    def _connect(self) -> Course:
        try:
            self.session = yield from self._database.connect(self._hear)
        except SessionLostError:
            self._connecting.failed()
            raise
        self._connecting.succeeded()
        # A new connection begins with short pauses again, for the stream too.
        self._publishing.succeeded()

    def _wait(self, seconds: float, enough: Callable[[], bool]) -> Course:
        if not enough():
            self._enough = enough
            yield seconds
            self._enough = None

    def _hear(self, channel: str) -> None:
        if not self.process.alive:
            return
        if channel == "outbox_published":
            self.decisions.hear_of_publication()
        elif channel == "stream_forgotten":
            self.decisions.doubt()
        else:
            self.decisions.wake()
        self._stir()

    def _mark(self, mark: Any) -> None:
        messages, noted = self._relays.stream.messages, self._database.noted
        # Until all is published again after a loss, marks are true of what was lost.
        told = self._relays.losses_told == self._relays.stream.losses
        sent = zip(mark.rows, mark.sequences, strict=True)
        for row, sequence in sent if told and mark.made_at == noted else ():
            stored = 1 <= sequence <= len(messages) and messages[sequence - 1].event_id == row.event_id
            promise(stored, "a row is marked published only with its place in the stream", row, sequence)
        self._database.mark(mark.rows, mark.sequences, mark.made_at, mark.published_below)

    def published(self, event_ids: Iterable[UUID], *, look_up: bool = True) -> Course:
        """Wait as `Relay.published` does, and be told no sooner than it is true."""
        event_ids = list(event_ids)
        told: list[bool] = []
        waiter = self.decisions.notices.wait_for(event_ids, lambda: told.append(True))
        while not told:
            yield LOOK_UP_AFTER if look_up else 0.02
            if not told and look_up and self._database.up:
                self.decisions.notices.tell(self._database.published(waiter.missing))
        self.decisions.notices.leave(waiter)
        early = [one for one in event_ids if one not in self._relays.stream.ever]
        promise(not early, "nobody is told before the stream has acknowledged", early)


@dataclass
class Writers:
    """They change aggregates under a lock and announce it, and some of them roll back."""

    world: World
    database: Database
    keys: Sequence[str]
    to_write: int
    sequences: dict[str, int] = field(default_factory=dict[str, int])
    committed: list[tuple[Row, str, int]] = field(default_factory=list[tuple[Row, str, int]])
    _locked: set[str] = field(default_factory=set[str])
    _events: int = 0
    _transactions: int = 0

    def transaction(self, events: int, *, rolls_back: bool = False) -> Course:
        """Write some events in one transaction: the rows that were committed."""
        random = self.world.random
        free = [key for key in self.keys if key not in self._locked]
        if not free or not self.database.up:
            return []
        keys = random.sample(free, min(len(free), random.randint(1, 2)))
        self._locked.update(keys)
        self._transactions += 1
        number = self._transactions
        self.database.writing.add(number)
        rows: list[tuple[Row, str, int]] = []
        sequences = dict(self.sequences)
        for place in range(events):
            key = keys[place % len(keys)]
            sequences[key] = sequences.get(key, 0) + 1
            rows.append((self._row(key), key, sequences[key]))
        # Long enough for others to take later positions and commit before.
        yield random.random() * 0.05
        self._locked.difference_update(keys)
        if rolls_back or not self.database.up:
            self.database.writing.discard(number)
            return []
        for _, key, sequence in rows:
            self.sequences[key] = sequence
        self.to_write -= len(rows)
        self.committed.extend(rows)
        self.database.commit(rows)
        # Others see what was committed a moment before they see that the transaction has ended.
        yield random.random() * 0.001
        self.database.writing.discard(number)
        return rows

    def _row(self, key: str) -> Row:
        self._events += 1
        kind = LARGE if self.world.random.random() < 0.05 else "made"
        return Row(self.database.next_position(), UUID(int=_EVENTS + self._events), kind, key, "")
