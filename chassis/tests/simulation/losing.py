"""One seed, one loss: the stream is made anew, or restored from an older copy, while relays publish to it."""

from typing import Any

from chassis.broker.stream_identity import ObservedStream, what_is_lost

from .checking import check_stream
from .database import Database
from .producing import Relays, Writers
from .stream import Stream
from .world import Chances, Course, World, promise

FAULTS = 12.0
CALM = 200.0


def run_loss(seed: int, relay_decisions: Any) -> None:
    """Run one seed; raises BrokenPromiseError where anything committed is missing in the end, or out of order."""
    world = World(seed)
    random = world.random
    chances = Chances.drawn(random)
    database, stream = Database(world), Stream(world, window=random.choice((0.5, 3600.0)))
    writers = Writers(world, database, [f"k{n}" for n in range(random.randint(1, 4))], random.randint(10, 80))
    relays = Relays(world, database, stream, relay_decisions)
    relays.start(random.randint(1, 3))
    world.chances = chances
    for number in range(2):
        world.start(f"writer {number}", _writing(world, writers))
    world.start("faults", _faults(relays))
    world.start("flusher", database.flushing())
    world.start("operator", _losing(relays))
    world.run(FAULTS)

    world.chances, world.calm = Chances(), True
    writers.to_write = 0

    def settled() -> bool:
        up = database.up and stream.up
        told = relays.losses_told == stream.losses == 1
        return up and told and not database.unpublished and relays.settled()

    promise(world.run(FAULTS + CALM, settled), "after a loss all is published again", database.unpublished)
    check_stream(writers, stream)


def _losing(relays: Relays) -> Course:
    """Lose what the stream holds while its server is away; some seconds later somebody has all published again."""
    world, stream = relays.world, relays.stream
    yield 1.0 + world.random.random() * 8
    away = 0.05 + world.random.random() * 2
    # Only what a relay knows to have reached can be missed when an older copy comes back: that is its last mark.
    reached = relays.database.recall().reached
    restored = reached > 1 and world.happens(0.3)
    stream.go_away(away)
    yield away / 2
    stream.lose(kept=world.random.randint(1, reached - 1) if restored else 0)
    before = len(stream.messages)
    yield away / 2 + world.random.random() * 4
    while not relays.database.up or not stream.up:
        yield 0.1
    foreign = len(stream.messages) - before
    # A crash of the database may have taken what was known of the stream, and with it every mark.
    unknown = (
        what_is_lost(relays.database.recall(), ObservedStream(stream.made_at, len(stream.messages))) is None
    )
    promise(unknown or not foreign, "nothing is published to a stream that has lost what it held", foreign)
    relays.losses_told = stream.losses
    relays.database.republish()


def _writing(world: World, writers: Writers) -> Course:
    while writers.to_write > 0:
        yield world.random.random() ** 2 * FAULTS / 10
        if world.calm:
            return
        yield from writers.transaction(world.random.randint(1, 8), rolls_back=world.happens(0.1))


def _faults(relays: Relays) -> Course:
    """Mishaps of processes and of the database; the stream has its own."""
    random = relays.world.random
    kinds = (
        relays.kill_any,
        lambda: random.choice(relays.candidates).freeze(random.random() * 8),
        lambda: relays.database.crash(random.random() * 2),
        relays.database.cut_any,
    )
    return relays.world.mishaps(kinds, apart=3, until=FAULTS)
