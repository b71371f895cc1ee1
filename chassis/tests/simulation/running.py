"""One seed, one run: faults for a while, then calm, and by then every promise has to be kept."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chassis import homes, relaying

from .checking import check_stream
from .database import Database
from .producing import Relays, Writers
from .stream import Stream
from .world import Chances, Course, World, promise

FAULTS = 15.0
CALM = 40.0
"""Seconds of the simulated clock: with faults, and after them at most until all is well."""


@dataclass(frozen=True)
class Decisions:
    """The modules under test; a mutant puts another in the place of one of them."""

    relaying: Any = relaying
    homes: Any = homes


@dataclass
class Backbone:
    """Everything that is in the world of one run."""

    world: World
    database: Database
    stream: Stream
    relays: Relays
    writers: Writers


def run(seed: int, decisions: Decisions) -> None:
    """Run one seed; raises BrokenPromiseError, or whatever the decisions raised."""
    world = World(seed)
    random = world.random
    chances = Chances.drawn(random)
    database = Database(world)
    stream = Stream(world, window=random.choice((20.0, 3600.0)))
    relays = Relays(world, database, stream, decisions.relaying)
    writers = Writers(
        world, database, [f"k{n}" for n in range(random.randint(1, 6))], to_write=random.randint(10, 60)
    )
    backbone = Backbone(world, database, stream, relays, writers)

    relays.start(random.randint(1, 4))
    for number in range(random.randint(1, 3)):
        world.start(f"writer {number}", _writing(backbone))
    world.chances = chances
    world.start("faults", _faults(backbone))
    world.start("flusher", _flushing(database))
    world.run(FAULTS)

    world.chances = Chances()
    writers.to_write = 0
    world.run(FAULTS + CALM, lambda: not database.unpublished and relays.settled())
    check_stream(writers, stream)
    promise(len(relays.leaders()) == 1, "in the end one candidate leads", relays.leaders())
    _write_in_a_burst(backbone)
    _tell_waiters(backbone)
    _stop(backbone)
    check_stream(writers, stream)


def _writing(backbone: Backbone) -> Course:
    """Write now and then; some of those who have written wait until it is published, in whatever process they are."""
    world, random, writers = backbone.world, backbone.world.random, backbone.writers
    while world.now < FAULTS and writers.to_write > 0:
        # The square makes bursts as likely as lulls.
        yield random.random() ** 2 * FAULTS / 8
        rows = yield from writers.transaction(random.randint(1, 5), rolls_back=world.happens(0.1))
        if rows and world.happens(0.3):
            candidate = random.choice(backbone.relays.candidates)
            world.start("waiter", candidate.published([row.event_id for row, _, _ in rows]))


def _faults(backbone: Backbone) -> Course:
    """Mishaps that befall whole processes, one after the other; in some runs none, in some only some kinds."""
    world, random = backbone.world, backbone.world.random
    kinds: list[Callable[[], object]] = [
        lambda: _kill(backbone),
        lambda: random.choice(backbone.relays.candidates).process.freeze(random.random() * 6),
        lambda: backbone.database.crash(random.random() * 3),
        backbone.database.cut_any,
        lambda: backbone.stream.go_away(random.random() * 4),
    ]
    chosen = random.sample(kinds, random.randint(0, len(kinds)))
    while chosen:
        yield random.random() * 4
        if world.now > FAULTS:
            return
        random.choice(chosen)()


def _kill(backbone: Backbone) -> None:
    victim = backbone.world.random.choice(backbone.relays.candidates)
    if victim.process.alive:
        victim.kill()
        backbone.world.after(backbone.world.random.random() * 3, victim.start)


def _flushing(database: Database) -> Course:
    while True:
        yield 0.2
        database.flush()


def _write_in_a_burst(backbone: Backbone) -> None:
    """In a calm world what is committed is published at once, though much comes together."""
    world, writers = backbone.world, backbone.writers
    writers.to_write = 40

    def write() -> Course:
        for _ in range(6):
            yield from writers.transaction(world.random.choice((1, 2, 10)))

    for number in range(2):
        world.start(f"writer {number}", write())
    world.run(world.now + 1.0)
    waiting = list(backbone.database.unpublished.values())
    promise(not waiting, "what is committed is published at once", waiting)


def _tell_waiters(backbone: Backbone) -> None:
    """In a calm world whoever waits is told, by the leader and by its followers, and not before it is true."""
    world = backbone.world
    told: list[str] = []

    def announce_and_wait(name: str, candidate: Any) -> Course:
        rows = yield from backbone.writers.transaction(3)
        # Some come to wait when all is over.
        yield world.random.choice((0.0, 0.5))
        ids = [row.event_id for row, _, _ in rows]
        yield from candidate.published(ids, look_up=False)
        told.append(name)

    for candidate in backbone.relays.candidates:
        world.start(f"waiter of {candidate.name}", announce_and_wait(candidate.name, candidate))
        world.run(world.now + 3.0, lambda name=candidate.name: name in told)
    promise(len(told) == len(backbone.relays.candidates), "whoever waits is told", told)


def _stop(backbone: Backbone) -> None:
    """A stop publishes what is committed by then, and lets another lead."""
    world, relays = backbone.world, backbone.relays
    [leader] = relays.leaders()
    backbone.writers.to_write = 20
    world.start("writer", backbone.writers.transaction(20))
    world.run(world.now + 10, lambda: not backbone.writers.to_write)
    leader.stop()
    world.run(world.now + 3, lambda: not leader.process.alive)
    promise(not leader.process.alive, "a stop comes to an end")
    promise(not backbone.database.unpublished, "a stop drains the outbox", backbone.database.unpublished)
    if len(relays.candidates) > 1:
        world.run(world.now + 5, lambda: bool(relays.leaders()))
        promise(len(relays.leaders()) == 1, "another leads after a stop")
