"""The same decisions against models, step by step, in whatever order makes a test fail soonest.

By default the same examples every time; `--sim-seeds` and `--sim-from` ask for more and for others.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chassis.broker.stream_identity import ObservedStream, RecordedStream
from chassis.outbox import relay_decisions
from chassis.outbox.relay_decisions import (
    BatchRefusedError,
    BrokerAwayError,
    Command,
    DatabaseAwayError,
    Found,
    RelayDecisions,
    Row,
)
from chassis.sites import homes

from .conftest import Play
from .sites import Sites, check_sites, come_to_rest

LIMIT = relay_decisions.SINGLY_UP_TO + 2
MADE_AT = datetime(2026, 11, 23, tzinfo=UTC)


class RelayConversation(RuleBasedStateMachine):
    """One candidate is asked what to do next, and gets true answers, failures, and answers that went missing.

    The model: what is committed, what is marked, what is stored, and who holds the lock.
    """

    def __init__(self) -> None:
        super().__init__()
        self.relay = RelayDecisions()
        self.steps = self.relay.run()
        self.step: Command | None = next(self.steps)
        self.committed: list[Row] = []
        self.marked: set[int] = set()
        self.stored: list[UUID] = []
        self.ever_stored: set[UUID] = set()
        self.told: set[UUID] = set()
        self.made_at = MADE_AT
        self.noted: datetime | None = None
        self.published_below = 0
        self.locked = False
        self.other_leads = False

    @rule(count=st.integers(1, LIMIT + 2))
    def commit(self, count: int) -> None:
        for _ in range(count):
            number = len(self.committed) + 1
            self.committed.append(Row(number, UUID(int=number), "made", "k", ""))
        self.relay.wake()

    @precondition(lambda self: self.committed)
    @rule(data=st.data())
    def wait_for_one(self, data: st.DataObject) -> None:
        event_id = data.draw(st.sampled_from(self.committed)).event_id
        self.relay.notices.wait_for([event_id], lambda: self.told.add(event_id))

    @precondition(lambda self: self.step)
    @rule()
    def answer(self) -> None:
        assert self.step is not None
        refused = self._must_refuse(self.step)
        if refused is None:
            self._go_on(self._carry_out(self.step))
        else:
            self._throw(refused)

    @precondition(lambda self: not isinstance(self.step, (*_ASKING_THE_STREAM, relay_decisions.Note)))
    @rule()
    def lose_the_stream(self) -> None:
        """It is made anew. What was on its way to it has failed.

        Lost just before its note is written, it is noted all the same, and the next look tells: refilled once more.
        """
        self.stored = []
        self.made_at += timedelta(seconds=1)
        self.relay.doubt()

    @precondition(lambda self: self.noted)
    @rule()
    def republish(self) -> None:
        self.marked, self.noted, self.published_below = set(), None, 0
        self.relay.doubt()
        self.relay.wake()

    @precondition(lambda self: isinstance(self.step, _ASKING_THE_STREAM[:3]))
    @rule(stored=st.booleans())
    def lose_the_broker(self, stored: bool) -> None:  # noqa: FBT001 - drawn
        assert self.step is not None
        if stored and self._must_refuse(self.step) is None:
            self._carry_out(self.step)
        self._throw(BrokerAwayError())

    @precondition(lambda self: isinstance(self.step, relay_decisions.Meanwhile))
    @rule(stored=st.booleans(), marked=st.booleans(), answered=st.booleans())
    def lose_one_or_both(self, stored: bool, marked: bool, answered: bool) -> None:  # noqa: FBT001 - drawn
        """Of two things done at once: either may have had its effect, and only one may be answered."""
        assert isinstance(self.step, relay_decisions.Meanwhile)
        published: Any = self._must_refuse(self.step.publish)
        if stored and published is None:
            published = self._carry_out(self.step.publish)
        found: Any = self._carry_out(self.step.look)
        if marked:
            self._carry_out(self.step.mark)
        if not answered or not marked:
            found, self.locked = DatabaseAwayError(), False
        if not stored or (answered and published is None):
            published = published or BrokerAwayError()
        self._go_on(relay_decisions.Overlapped(published, found))

    @precondition(lambda self: self.step and not isinstance(self.step, _BESIDES_THE_DATABASE))
    @rule(had_its_effect=st.booleans(), unflushed=st.integers(0, 3))
    def lose_the_database(self, had_its_effect: bool, unflushed: int) -> None:  # noqa: FBT001 - drawn
        """The connection is gone, and where the server crashed, the last marks are too."""
        assert self.step is not None
        if had_its_effect:
            self._carry_out(self.step)
        self.locked = False
        lost = sorted(self.marked)[len(self.marked) - min(unflushed, len(self.marked)) :]
        self.marked -= set(lost)
        self.published_below = min([self.published_below, *lost])
        self._throw(DatabaseAwayError())

    @rule(leads=st.booleans())
    def let_another_lead(self, leads: bool) -> None:  # noqa: FBT001 - drawn
        self.other_leads = leads and not self.locked

    @invariant()
    def what_is_marked_is_stored(self) -> None:
        if self.noted == self.made_at:
            assert {self.committed[position - 1].event_id for position in self.marked} <= set(self.stored)

    @invariant()
    def nothing_goes_to_another_stream_than_the_one_that_is_noted(self) -> None:
        assert not self.stored or self.noted in {None, self.made_at}

    @invariant()
    def it_is_stored_once_and_in_order(self) -> None:
        assert self.stored == sorted(set(self.stored), key=lambda event_id: event_id.int)

    @invariant()
    def whoever_was_told_was_told_the_truth(self) -> None:
        assert self.told <= self.ever_stored

    @invariant()
    def a_leader_holds_the_lock(self) -> None:
        assert self.locked or not self.relay.is_leader or isinstance(self.step, relay_decisions.Disconnect)

    def teardown(self) -> None:
        """Told to stop in a world without faults, it publishes what is left, and ends."""
        if self.noted != self.made_at:
            self.republish()
        self.other_leads = False
        for _ in range(8 + 3 * len(self.committed)):
            if self.relay.is_leader or self.step is None:
                break
            self.answer()
        self.relay.stop()
        while self.step is not None:
            self.answer()
        assert self.stored == [row.event_id for row in self.committed]
        assert self.marked == {row.position for row in self.committed}
        assert not self.locked

    def _must_refuse(self, step: Command) -> BrokerAwayError | None:
        """A stream refuses a batch in which anything is stored already."""
        if isinstance(step, relay_decisions.PublishBatch):
            assert len(step.rows) > 1
            if any(row.event_id in self.stored for row in step.rows):
                return BatchRefusedError()
        return None

    def _carry_out(self, step: Command) -> Any:  # noqa: PLR0911 - one for each kind of step
        match step:
            case relay_decisions.TryLock():
                self.locked = not self.other_leads
                return self.locked
            case relay_decisions.Disconnect():
                self.locked = False
            case relay_decisions.Look(besides, since, _):
                known = self.marked | {row.position for row in besides}
                unmarked = [row for row in self.committed[max(since - 1, 0) :] if row.position not in known]
                return Found(unmarked[:LIMIT], more=len(unmarked) >= LIMIT, writers=())
            case relay_decisions.PublishBatch(rows):
                return [self._store(row) for row in rows]
            case relay_decisions.PublishOne(row):
                return self._store(row)
            case relay_decisions.Mark():
                self._mark(step)
            case relay_decisions.Meanwhile(publish, mark, look):
                refused = self._must_refuse(publish)
                published = refused or self._carry_out(publish)
                self._carry_out(mark)
                return relay_decisions.Overlapped(published, self._carry_out(look))
            case relay_decisions.LookUp(event_ids):
                marked = {self.committed[position - 1].event_id for position in self.marked}
                return [event_id for event_id in event_ids if event_id in marked]
            case _:
                return self._know_the_stream(step)
        return None

    def _mark(self, mark: relay_decisions.Mark) -> None:
        if mark.made_at != self.noted:
            return
        for row, sequence in zip(mark.rows, mark.sequences, strict=True):
            assert mark.made_at != self.made_at or self.stored[sequence - 1] == row.event_id
            self.marked.add(row.position)
        self.published_below = max(self.published_below, mark.published_below)

    def _know_the_stream(self, step: Command) -> Any:
        match step:
            case relay_decisions.AskStream():
                return ObservedStream(self.made_at, len(self.stored))
            case relay_decisions.Recall():
                return RecordedStream(self.noted, published_below=self.published_below)
            case relay_decisions.Note(seen):
                self.noted = seen.made_at
            case _:
                pass
        return None

    def _store(self, row: Row) -> int:
        if row.event_id not in self.stored:
            self.stored.append(row.event_id)
            self.ever_stored.add(row.event_id)
        return self.stored.index(row.event_id) + 1

    def _go_on(self, outcome: Any) -> None:
        try:
            self.step = self.steps.send(outcome)
        except StopIteration:
            self.step = None

    def _throw(self, error: Exception) -> None:
        self.step = self.steps.throw(error)


_ASKING_THE_STREAM = (
    relay_decisions.PublishBatch,
    relay_decisions.PublishOne,
    relay_decisions.AskStream,
    relay_decisions.Meanwhile,
)
_BESIDES_THE_DATABASE = (
    *_ASKING_THE_STREAM,
    relay_decisions.Pause,
    relay_decisions.AwaitWork,
    relay_decisions.Disconnect,
)


class HistoryOfSites(RuleBasedStateMachine):
    """Any history of wishes and deliveries; at every end all sites agree, and nothing that was owed is left."""

    @initialize(chance=st.randoms(use_true_random=False), founder=st.integers(0, 1))
    def found(self, chance: Any, founder: int) -> None:
        self.sites = Sites(chance, homes)
        self.sites.announce(self.sites.at[self.sites.names[founder]].begin("begun"))

    @rule()
    def wish(self) -> None:
        self.sites.act()

    @rule()
    def deliver(self) -> None:
        self.sites.deliver()

    @rule(number=st.integers(0, 1))
    def restart(self, number: int) -> None:
        self.sites.restart(self.sites.names[number])

    @invariant()
    def no_two_sites_number_one_event_alike(self) -> None:
        ordered = [event for event in self.sites.made if not isinstance(event, homes.Proposal)]
        places = {(event.epoch, event.sequence, event.site) for event in ordered}
        assert len(places) == len(ordered)

    def teardown(self) -> None:
        if hasattr(self, "sites"):
            come_to_rest(self.sites)
            check_sites(self.sites)


@pytest.mark.timeout(0)
def test_a_candidate_keeps_its_promises_whatever_it_is_answered(play: Play) -> None:
    play(RelayConversation)


@pytest.mark.timeout(0)
def test_sites_agree_in_the_end_whatever_they_wished(play: Play) -> None:
    play(HistoryOfSites)
