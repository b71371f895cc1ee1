"""The bisection of each batch, step by step against a model: any mixture of failures, crashes and time.

By default the same examples every time; `--sim-seeds` and `--sim-from` ask for more and for others.
"""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chassis.inbox.ordering import MAX_ATTEMPTS, Backoff, BatchStep, Bisection, RetrySchedule

from .conftest import Play
from .pending import Pending

KEYS = ("a", "b", "c")
BATCH = 4
Event = tuple[str, int]


class OneOwner(RuleBasedStateMachine):
    """One part of a durable: what is committed is the model, what the owner has in hand is lost when it dies.

    The stream delivers again whatever was not acknowledged, which here happens only after a whole batch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.stream: list[Event] = []
        self.floor = 0
        self.taken: set[Event] = set()
        self.applied: list[Event] = []
        self.dead: dict[Event, int] = {}
        self.rows: dict[Event, tuple[int, float]] = {}
        self.broken: set[Event] = set()
        self.poisoned: set[Event] = set()
        self.backoff = Backoff(lambda _, longest: longest, first=1.0, longest=4.0)
        self._take_over()

    @rule(keys=st.lists(st.sampled_from(KEYS), min_size=1, max_size=6))
    def announce(self, keys: list[str]) -> None:
        for key in keys:
            self.stream.append((key, sum(one[0] == key for one in self.stream) + 1))

    @precondition(lambda self: self.stream)
    @rule(data=st.data())
    def break_one(self, data: st.DataObject) -> None:
        self.broken.add(data.draw(st.sampled_from(self.stream)))

    @rule()
    def mend_all(self) -> None:
        self.broken.clear()

    @precondition(lambda self: self.stream)
    @rule(data=st.data())
    def poison_one(self, data: st.DataObject) -> None:
        event = data.draw(st.sampled_from(self.stream))
        if event not in self.taken:
            self.poisoned.add(event)

    @precondition(lambda self: self.bisection is None and self.floor < len(self.stream))
    @rule()
    def deliver(self) -> None:
        batch = self.stream[self.floor : self.floor + BATCH]
        self.bisection = Bisection(
            [Pending(key, (key, number)) for key, number in batch], waiting=self.waiting
        )
        self.when_through = lambda: self._acknowledge(len(batch))

    @precondition(lambda self: self.bisection is None)
    @rule(seconds=st.floats(0, 5))
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds
        keys = self.waiting.due(self.now, 10)
        due = [event for event in self.rows if event[0] in keys]
        held = [Pending(event[0], event, self.rows[event][0], waits=True) for event in due]
        self.bisection = Bisection(held, waiting=())
        self.when_through = lambda: self._learn(keys)

    @precondition(lambda self: self.bisection is not None)
    @rule()
    def go_on(self) -> None:
        assert self.bisection is not None
        step = self.bisection.step()
        if step is None:
            self.bisection = None
            self.when_through()
        elif guilty := [one for one in step.apply if one.what in self.poisoned | self.broken]:
            permanent = guilty[0].what in self.poisoned
            self.bisection.failed(step, permanent=permanent)
        else:
            self._commit(step)
            self.bisection.done(step)
            for one in step.retry:
                self.waiting.set(one.key, self.rows[one.what][1])

    @precondition(lambda self: self.bisection is not None)
    @rule(committed=st.booleans())
    def die(self, committed: bool) -> None:  # noqa: FBT001 - drawn
        """Another takes over, and knows only what is stored."""
        assert self.bisection is not None
        step = self.bisection.step()
        if committed and step and not any(one.what in self.poisoned | self.broken for one in step.apply):
            self._commit(step)
        self._take_over()

    @invariant()
    def every_key_is_in_order_and_every_event_once(self) -> None:
        for key in KEYS:
            numbers = [number for name, number in self.applied if name == key]
            assert numbers == sorted(set(numbers))
            # Nothing is passed over: what lies between was given up.
            reached = numbers[-1] if numbers else 0
            passed = set(range(1, reached)) - set(numbers)
            assert all((key, number) in self.dead for number in passed)

    @invariant()
    def only_what_cannot_be_mended_is_given_up_early(self) -> None:
        assert all(
            event in self.poisoned or attempts == MAX_ATTEMPTS for event, attempts in self.dead.items()
        )

    @invariant()
    def the_owner_knows_what_waits(self) -> None:
        if self.bisection is None:
            assert {event[0] for event in self.rows} == {key for key in KEYS if key in self.waiting}

    def teardown(self) -> None:
        """Everything mended, everything comes to its end."""
        self.broken.clear()
        for _ in range(40 * (len(self.stream) + 1)):
            if self.bisection is not None:
                self.go_on()
            elif self.floor < len(self.stream):
                self.deliver()
            elif self.rows:
                self.let_time_pass(5.0)
        assert not self.rows
        assert set(self.applied) | self.dead.keys() == set(self.stream)
        assert not self.poisoned & set(self.applied)

    def _commit(self, step: BatchStep[Pending[Event]]) -> None:
        """One transaction, as `batch_transaction` makes it."""
        new = {one.what for one in step.events if one.waits or one.what not in self.taken}
        self.taken |= new
        for one in step.apply:
            if one.what in new and (not one.waits or self.rows.pop(one.what, None)):
                self.applied.append(one.what)
        for one in step.retry:
            if one.what in new:
                self.rows[one.what] = (one.attempts, self.now + self.backoff.delay(one.attempts))
        for one in step.dead_letter:
            if one.what in new:
                self.dead[one.what] = one.attempts
                self.rows.pop(one.what, None)
        for one in step.behind:
            if one.what in new:
                self.rows[one.what] = (0, self.now)

    def _take_over(self) -> None:
        self.bisection: Bisection[Pending[Event]] | None = None
        self.when_through: Callable[[], None] = lambda: None
        self.waiting = RetrySchedule()
        self._learn(KEYS)

    def _acknowledge(self, count: int) -> None:
        self.floor += count

    def _learn(self, keys: list[str] | tuple[str, ...]) -> None:
        heads: dict[str, float] = {}
        for (key, _), (_, due) in sorted(self.rows.items()):
            heads.setdefault(key, due)
        self.waiting.learn({key: due for key, due in heads.items() if key in keys}, keys)


@pytest.mark.timeout(0)
def test_an_owner_applies_each_keys_events_in_order_or_gives_them_up(play: Play) -> None:
    play(OneOwner)


def test_delays_double_up_to_a_minute() -> None:
    backoff = Backoff(lambda least, _: least)

    delays = [backoff.delay(attempts) for attempts in range(1, 10)]

    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert backoff.delay(10**6) == 60.0


@pytest.mark.parametrize("attempts", [1, 4, 9, 10**6])
def test_chance_lengthens_a_delay_by_up_to_a_quarter(attempts: int) -> None:
    least = Backoff(lambda least, _: least).delay(attempts)
    backoff = Backoff(Random(1).uniform)  # noqa: S311 - it is to be the same every time

    delays = [backoff.delay(attempts) for _ in range(1_000)]

    assert len(set(delays)) > 900
    assert least <= min(delays) < 1.01 * least
    assert 1.24 * least < max(delays) <= 1.25 * least
    assert backoff.longest_after(attempts) == 1.25 * least
