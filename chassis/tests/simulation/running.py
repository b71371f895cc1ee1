"""One seed, one run: faults for a while, then calm, and by then every promise has to be kept."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis.consumer import sequence_check
from chassis.inbox import ordering
from chassis.outbox import relay_decisions
from chassis.sites import homes

from .checking import check_effects, check_stream
from .consuming import Consumers, Truth
from .database import Database
from .durable import ACK_WAIT, Durable
from .producing import BATCH, Relays, Writers
from .stream import PUBLISH_TIMEOUT, Stream
from .world import Chances, Course, World, promise

FAULTS = 15.0
CALM = 300.0
"""Seconds of the simulated clock: with faults, and after them at most until all is well."""


@dataclass(frozen=True)
class Decisions:
    """The modules under test; a mutant puts another in the place of one of them."""

    relay_decisions: Any = relay_decisions
    ordering: Any = ordering
    sequence_check: Any = sequence_check
    homes: Any = homes


@dataclass
class Backbone:
    """Everything that is in the world of one run."""

    world: World
    database: Database
    stream: Stream
    relays: Relays
    writers: Writers
    consumers: Consumers

    def settled(self) -> bool:
        """Whether every server and process is up, and nothing is left to do."""
        up = self.database.up and self.consumers.database.up and self.stream.up
        return up and not self.database.unpublished and self.relays.settled() and self.consumers.settled()


def run(seed: int, decisions: Decisions) -> None:
    """Run one seed; raises BrokenPromiseError, or whatever the decisions raised."""
    world = World(seed)
    random = world.random
    chances = Chances.drawn(random)
    backbone = _build(world, decisions)
    database, relays, writers = backbone.database, backbone.relays, backbone.writers
    relays.start(random.randint(1, 4))
    backbone.consumers.start(random.randint(1, 3))
    for number in range(random.randint(1, 3)):
        world.start(f"writer {number}", _writing(backbone))
    world.chances = chances
    world.start("faults", _faults(backbone))
    world.start("flusher", database.flushing())
    world.run(FAULTS)

    world.chances, world.calm = Chances(), True
    writers.to_write = 0
    calm = world.run(FAULTS + CALM, backbone.settled)
    check_stream(writers, backbone.stream)
    check_effects(writers, backbone.consumers)
    promise(calm, "when the faults end, all comes to rest")
    promise(len(relays.leaders()) == 1, "in the end one candidate leads", relays.leaders())
    _lose_the_last(backbone)
    _write_in_a_burst(backbone)
    _lose_an_answer(backbone)
    _let_it_rest(backbone)
    _tell_waiters(backbone)
    _stop(backbone)
    world.run(world.now + CALM, backbone.consumers.settled)
    check_stream(writers, backbone.stream)
    check_effects(writers, backbone.consumers)


def _build(world: World, decisions: Decisions) -> Backbone:
    random = world.random
    database, theirs = Database(world), Database(world)
    stream = Stream(world, window=random.choice((20.0, 3600.0)))
    keys = [f"k{n}" for n in range(random.randint(1, 6))]
    writers = Writers(world, database, keys, to_write=random.randint(10, 60))
    truth = Truth(world, lambda event_id: database.by_id[event_id].sequence)
    parts = random.choice((1, 1, 2, 4))
    durables = [Durable(world, stream, index, parts) for index in range(parts)]
    relays = Relays(world, database, stream, decisions.relay_decisions)
    consumers = Consumers(
        world, theirs, stream, truth, decisions.ordering, decisions.sequence_check, durables
    )
    return Backbone(world, database, stream, relays, writers, consumers)


def _writing(backbone: Backbone) -> Course:
    """Write now and then; some of those who have written wait until it is published, in whatever process they are."""
    world, random, writers = backbone.world, backbone.world.random, backbone.writers
    while writers.to_write > 0:
        # The square makes bursts as likely as lulls.
        yield random.random() ** 2 * FAULTS / 8
        if world.calm:
            return
        rows = yield from writers.transaction(random.randint(1, 5), rolls_back=world.happens(0.1))
        for row, _, _ in rows:
            backbone.consumers.truth.draw_a_fate(row.event_id)
        if rows and world.happens(0.3):
            candidate = random.choice(backbone.relays.candidates)
            world.start("waiter", candidate.published([row.event_id for row, _, _ in rows]))


def _faults(backbone: Backbone) -> Course:
    """Mishaps that befall whole processes and servers."""
    world, random, relays = backbone.world, backbone.world.random, backbone.relays
    databases = [backbone.database, backbone.consumers.database]
    kinds: list[Callable[[], object]] = [
        relays.kill_any,
        lambda: random.choice(relays.candidates).freeze(random.random() * 6),
        lambda: random.choice(databases).crash(random.random() * 3),
        lambda: random.choice(databases).cut_any(),
        lambda: _kill_a_consumer(backbone),
        lambda: random.choice(backbone.consumers.members).freeze(random.random() * 6),
        lambda: backbone.stream.go_away(random.random() * 4),
    ]
    return world.mishaps(kinds, apart=4, until=FAULTS)


def _kill_a_consumer(backbone: Backbone) -> None:
    victim = backbone.world.random.choice(backbone.consumers.members)
    if any(process.alive for process in victim.processes):
        victim.kill()
        backbone.world.after(backbone.world.random.random() * 3, victim.start)


def _lose_the_last(backbone: Backbone) -> None:
    """What goes astray with nothing after it is missed soon, and not only when the server's patience ends."""
    world, durables = backbone.world, backbone.consumers.durables
    for durable in durables:
        durable.loses_next = True
    backbone.writers.to_write = 1
    world.start("writer", backbone.writers.transaction(1))
    world.run(world.now + ACK_WAIT / 2)
    promise(backbone.consumers.settled(), "what went astray is missed soon", backbone.consumers.truth.inbox)
    for durable in durables:
        durable.loses_next = False


def _write_in_a_burst(backbone: Backbone) -> None:
    """In a calm world what is committed is published at once, though much comes together."""
    world, writers = backbone.world, backbone.writers
    writers.to_write = 40
    # One key is in trouble for longer than this is watched.
    backbone.consumers.truth.key_troubled_until[writers.keys[0]] = world.now + 3.0

    [leader] = backbone.relays.leaders()
    repeats = backbone.stream.repeats
    told: list[int] = []

    def write() -> Course:
        for _ in range(6):
            rows = yield from writers.transaction(world.random.choice((1, 2, 10)))
            world.start("waiter", wait([row.event_id for row, _, _ in rows]))

    def wait(event_ids: list[UUID]) -> Course:
        yield from leader.published(event_ids, look_up=False)
        told.append(1)

    for number in range(2):
        world.start(f"writer {number}", write())
    world.run(world.now + 2.0)
    waiting = list(backbone.database.unpublished.values())
    promise(not waiting, "what is committed is published at once", waiting)
    promise(len(told) == 12, "whoever waits is told at once", told)
    promise(backbone.stream.repeats == repeats, "what was acknowledged and not lost is sent once")
    truth = backbone.consumers.truth
    behind = {key for key, sequence in writers.sequences.items() if truth.last(key) < sequence}
    promise(behind <= {writers.keys[0]}, "no key waits for another's trouble", behind)


def _lose_an_answer(backbone: Backbone) -> None:
    """An answer of the stream that goes astray costs a pause and no more, however many rows it was for."""
    world, unpublished = backbone.world, backbone.database.unpublished
    backbone.stream.loses_answer = True
    backbone.writers.to_write = rows = world.random.randint(1, 2 * BATCH)
    world.start("writer", backbone.writers.transaction(rows))
    world.run(world.now + PUBLISH_TIMEOUT + 2.0)
    promise(not unpublished, "an answer that is lost costs a pause and no more", list(unpublished.values()))


def _let_it_rest(backbone: Backbone) -> None:
    """Where nothing is to be done, candidates look now and then, and sleep in between."""
    world, database = backbone.world, backbone.database
    before = database.asked
    world.run(world.now + 10.0)
    asked = (database.asked - before) / len(backbone.relays.candidates)
    promise(asked <= 6, "who has nothing to do sleeps", asked)
    promise(asked >= 3, "who sleeps looks now and then whether a notice was lost", asked)


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
