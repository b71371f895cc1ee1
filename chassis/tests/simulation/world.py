"""Time, chance and processes of a simulated world: one thread, one heap, and all of it drawn from the seed."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Any

Course = Generator[float, None, Any]
"""What a process does: it yields the seconds until it goes on, and may be killed, frozen or woken at each yield."""

FOREVER = 1e9
SHOWN = 600
"""Letters of a broken promise's facts that are shown."""


class BrokenPromiseError(AssertionError):
    """The simulated backbone did what it promises never to do."""


def promise(kept: bool, text: str, *facts: Any) -> None:  # noqa: FBT001 - reads as an assertion
    """Fail the run where a promise is broken; the facts are shown beside it."""
    if not kept:
        raise BrokenPromiseError(f"{text}: {', '.join(map(str, facts))}"[:SHOWN] if facts else text)


@dataclass(slots=True)
class Chances:
    """How likely each mishap is in this run: some of them, drawn from the seed, and none once the world is calm."""

    lost: float = 0.0
    """A message never arrives."""
    unanswered: float = 0.0
    """A message arrives, and its answer does not."""
    late: float = 0.0
    """A message arrives when nobody expects it any more."""
    doubled: float = 0.0
    """A message arrives twice."""
    refused: float = 0.0
    """The stream refuses what it might have stored."""
    cut: float = 0.0
    """A database connection dies within a statement, before or after its effect."""
    failing: float = 0.0
    """A handler fails for a passing reason."""
    slow: float = 0.0
    """A handler takes long."""

    @classmethod
    def drawn(cls, random: Random) -> "Chances":
        """Each mishap rarely, often or not at all: runs differ in kind, not only in luck."""
        return cls(*(random.choice((0.0, 0.0, 0.03, 0.15)) for _ in range(8)))


class Patience:
    """Tells who keeps trying without pauses that grow: five failures in a row take longer than a second."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._failed: list[float] = []

    def succeeded(self) -> None:
        self._failed = []

    def failed(self) -> None:
        self._failed.append(self._world.now)
        five = self._failed[-5:]
        promise(
            len(five) < 5 or five[-1] - five[0] > 1.0, "what fails is tried again after growing pauses", five
        )


class Process:
    """A course that can be killed, frozen and woken."""

    __slots__ = ("_course", "_due", "_frozen_until", "_world", "alive", "name")

    def __init__(self, world: "World", name: str, course: Course) -> None:
        self._world = world
        self._course = course
        self._due = 0
        self._frozen_until = 0.0
        self.name = name
        self.alive = True

    @property
    def runs(self) -> bool:
        return self.alive and self._frozen_until <= self._world.now

    def kill(self) -> None:
        """As `kill -9`: nothing more runs, not even what would clean up."""
        self.alive = False

    def freeze(self, seconds: float) -> None:
        """As SIGSTOP, and SIGCONT after these seconds."""
        self._frozen_until = max(self._frozen_until, self._world.now + seconds)

    def wake(self) -> None:
        """End its waiting now."""
        if self.alive:
            self.go_on_in(0.0)

    def go_on_in(self, seconds: float) -> None:
        self._due += 1
        due = self._due
        self._world.after(seconds, lambda: self._go_on(due))

    def _go_on(self, due: int) -> None:
        # What was due before it was woken is due no more.
        if not self.alive or due != self._due:
            return
        if self._frozen_until > self._world.now:
            self.go_on_in(self._frozen_until - self._world.now)
            return
        try:
            seconds = next(self._course)
        except StopIteration:
            self.alive = False
            return
        self.go_on_in(seconds)


class World:
    """The clock, the dice, and what is going to happen."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - chance to be replayed, not to be secret
        self.now = 0.0
        self.chances = Chances()
        self.calm = False
        self._coming: list[tuple[float, int, Callable[[], object]]] = []
        self._counted = 0

    def after(self, seconds: float, happening: Callable[[], object]) -> None:
        """Let something happen in a while."""
        if seconds < FOREVER:
            self._counted += 1
            heappush(self._coming, (self.now + seconds, self._counted, happening))

    def start(self, name: str, course: Course) -> Process:
        process = Process(self, name, course)
        process.go_on_in(0.0)
        return process

    def mishaps(self, kinds: Sequence[Callable[[], object]], *, apart: float, until: float) -> Course:
        """Let things befall processes and servers, one after the other, at most so many seconds apart.

        In some runs none, in some only some kinds of them.
        """
        chosen = self.random.sample(kinds, self.random.randint(0, len(kinds)))
        while chosen:
            yield self.random.random() * apart
            if self.now > until:
                return
            self.random.choice(chosen)()

    def happens(self, chance: float) -> bool:
        return chance > 0 and self.random.random() < chance

    def moment(self) -> float:
        """Seconds that a message or a statement takes on its way."""
        return self.random.random() * 0.004

    def run(self, until: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Let happen what comes up to a time, or until something is done: whether it was."""
        coming = self._coming
        checked = 0
        while coming and coming[0][0] <= until:
            self.now, _, happening = heappop(coming)
            happening()
            checked += 1
            if not checked % 32 and done():
                return True
        self.now = max(self.now, until)
        return done()
