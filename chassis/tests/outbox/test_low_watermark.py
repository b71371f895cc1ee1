"""The watermark stays below all that may have to be published, however writers, looks and marks are interleaved."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chassis.outbox.low_watermark import BEHIND, LowWatermark


class Looks(RuleBasedStateMachine):
    """Writers take positions one by one and commit in any order; a look reads rows, and a moment later who writes."""

    def __init__(self) -> None:
        super().__init__()
        self.watermark = LowWatermark(1)
        self.last = 0
        self.transactions = 0
        self.writing: dict[str, set[int]] = {}
        self.ending: set[str] = set()
        self.unpublished: set[int] = set()
        self.found: list[int] | None = None

    @rule()
    def begin(self) -> None:
        self.transactions += 1
        self.writing[str(self.transactions)] = set()

    @precondition(lambda self: set(self.writing) - self.ending)
    @rule(data=st.data())
    def take_a_position(self, data: st.DataObject) -> None:
        self.last += 1
        self.writing[self._one(data)].add(self.last)

    @precondition(lambda self: set(self.writing) - self.ending)
    @rule(data=st.data(), commits=st.booleans())
    def end(self, data: st.DataObject, commits: bool) -> None:  # noqa: FBT001 - drawn
        """What was committed is seen at once, and a moment later that the writer has gone."""
        writer = self._one(data)
        if commits:
            self.unpublished |= self.writing[writer]
        self.writing[writer] = set()
        self.ending.add(writer)

    @precondition(lambda self: self.ending)
    @rule()
    def go(self) -> None:
        del self.writing[self.ending.pop()]

    @precondition(lambda self: self.found is None)
    @rule()
    def read_rows(self) -> None:
        self.found = sorted(one for one in self.unpublished if one >= self.watermark.at)

    @precondition(lambda self: self.found is not None)
    @rule(asked=st.booleans())
    def read_writers(self, asked: bool) -> None:  # noqa: FBT001 - drawn
        assert self.found is not None
        self.watermark.looked(self.found, list(self.writing) if asked else None)
        self.found = None

    @precondition(lambda self: self.unpublished)
    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        self.unpublished.remove(data.draw(st.sampled_from(sorted(self.unpublished))))

    @invariant()
    def nothing_to_be_published_lies_below(self) -> None:
        undecided = {position for taken in self.writing.values() for position in taken}
        assert all(position >= self.watermark.at for position in self.unpublished | undecided)

    def teardown(self) -> None:
        """With all published and nobody writing, it comes to the end of what was seen within three looks."""
        seen = max(self.unpublished, default=0)
        self.writing.clear()
        for _ in range(3):
            self.watermark.looked(sorted(self.unpublished), ())
            self.unpublished.clear()
        assert self.watermark.at > seen

    def _one(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(set(self.writing) - self.ending)))


TestLooks = Looks.TestCase


def test_whoever_writes_for_long_holds_the_watermark_and_nobody_who_came_later() -> None:
    watermark = LowWatermark(1)
    watermark.looked([2, 3], ["long"])
    watermark.looked([], ["long", "short"])
    assert watermark.at == 1

    watermark.looked([], ["short"])
    watermark.looked([], ["short"])
    assert watermark.at == 4


def test_who_writes_is_asked_only_when_much_lies_above_the_watermark() -> None:
    watermark = LowWatermark(1)
    watermark.looked([BEHIND - 1], None)
    assert not watermark.is_behind

    watermark.looked([BEHIND + 1], None)
    assert watermark.is_behind

    watermark.looked([], [])
    watermark.looked([], None)
    assert not watermark.is_behind
