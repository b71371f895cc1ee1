"""Who may change an aggregate, and what is left when two sites have: home site, epoch and sequence, without IO.

Every aggregate has one home, the only site that may change it. An epoch is the time of one home; `sequence` counts the
aggregate's events within it. One site, the authority, alone moves a home, so two moves can never claim one epoch.
Everything here follows from the *set* of known events: their order, repeats and route, and every clock, decide nothing.
What an event says (`what`) only has to be hashable; its id will do.

No running service moves aggregates yet: of this, services keep home, epoch and sequence on their rows and events, and
nothing else. The decisions are proven by simulation before their shell is built.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar


@dataclass(frozen=True, slots=True)
class Change:
    """The home changed the aggregate, or answered a proposal: then `answers` names it (`what` None is a refusal)."""

    site: str
    epoch: int
    sequence: int
    what: Any = None
    answers: Any = None


@dataclass(frozen=True, slots=True)
class Release:
    """The home lets the aggregate go and changes it no more; the authority answers with a move."""

    site: str
    epoch: int
    sequence: int
    to: str


@dataclass(frozen=True, slots=True)
class Move:
    """The authority, `site`, opens `epoch` and gives the aggregate to `home`.

    `cut` is the last sequence of the epoch before that the authority had applied, nothing before it missing: what lies
    above it is not valid.
    The move is the first event of its epoch, so the new home goes on with the second.
    """

    site: str
    epoch: int
    home: str
    cut: int
    sequence: int = 1


@dataclass(frozen=True, slots=True)
class Proposal:
    """A wish of a site that may not change the aggregate itself; it has no place in the order until it is answered."""

    identity: Any
    site: str
    what: Any


Ordered = Change | Release | Move
Known = Ordered | Proposal
K = TypeVar("K", bound=Known)


class NotAllowedError(Exception):
    """This site may not do that to this aggregate, now."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a set of events comes to: the valid ones in their order, and the aggregate's clashes, for a person."""

    valid: tuple[Ordered, ...]
    clashes: tuple[Ordered, ...]


def settle(events: Iterable[Ordered]) -> Settled:
    """Order the events; one is valid unless a move to the next epoch is known whose cut lies below it."""
    ordered = set(events)
    cuts = _cuts(ordered)
    valid: list[Ordered] = []
    clashes: list[Ordered] = []
    for event in sorted(ordered, key=lambda event: (event.epoch, event.sequence)):
        (clashes if event.sequence > cuts.get(event.epoch, event.sequence) else valid).append(event)
    return Settled(tuple(valid), tuple(clashes))


def _cuts(events: Iterable[Ordered]) -> dict[int, int]:
    """Where each epoch that has ended was cut."""
    return {event.epoch - 1: event.cut for event in events if isinstance(event, Move)}


class Aggregate:
    """What one site knows of one aggregate, and what it may therefore do; `authority` is the site that moves homes.

    What a site does, it knows at once: each method that makes an event adds it. The caller stores and announces it
    in the same transaction.
    """

    def __init__(self, site: str, known: Iterable[Known] = (), *, authority: str) -> None:
        self.site = site
        self.authority = authority
        self.events: set[Ordered] = set()
        self.proposals: set[Proposal] = set()
        for event in known:
            self.hear(event)

    def hear(self, event: Known) -> None:
        """Take an event in, whenever and however often it comes."""
        if isinstance(event, Proposal):
            self.proposals.add(event)
        else:
            self.events.add(event)

    @property
    def known(self) -> set[Known]:
        return {*self.events, *self.proposals}

    def settled(self) -> Settled:
        return settle(self.events)

    @property
    def last(self) -> Ordered | None:
        """The latest event known, valid since nothing is known of a later epoch."""
        return max(self.events, key=lambda event: (event.epoch, event.sequence), default=None)

    @property
    def home(self) -> str | None:
        """The one site that may change the aggregate, as far as is known here."""
        last = self.last
        return last.home if isinstance(last, Move) else last.site if last else None

    def lacks(self) -> bool:
        """Whether valid events are known to exist that have not come yet: until then nothing is decided here."""
        last = self.last
        if last is None:
            return False
        cuts = _cuts(self.events)
        for epoch in range(1, last.epoch):
            if epoch not in cuts or self._applied(epoch) < cuts[epoch]:
                return True
        return self._applied(last.epoch) < last.sequence

    def _applied(self, epoch: int) -> int:
        """The last sequence of an epoch up to which nothing is missing here."""
        known = {event.sequence for event in self.events if event.epoch == epoch}
        applied = 0
        while applied + 1 in known:
            applied += 1
        return applied

    def may_change(self) -> bool:
        """Whether this site is the home, has all that went before, and has not let go."""
        return self.home == self.site and not isinstance(self.last, Release) and not self.lacks()

    def begin(self, what: Any) -> Change:
        """Make the aggregate: its maker is its first home."""
        if self.events:
            raise NotAllowedError("it exists")
        return self._made(Change(self.site, 1, 1, what))

    def change(self, what: Any, *, identity: Any) -> Change | Proposal:
        """Change the aggregate where this is its home; else propose it, under this identity."""
        if not self.may_change():
            return self._made(Proposal(identity, self.site, what))
        return self._made(Change(self.site, *self._next(), what))

    def unanswered(self) -> list[Proposal]:
        """The proposals that no valid event answers: an answer that came to lie above a cut does not count."""
        answered = {event.answers for event in self.settled().valid if isinstance(event, Change)}
        return [one for one in self.proposals if one.identity not in answered]

    def answer(self, proposal: Proposal, *, accept: bool) -> Change:
        """Apply a proposal or refuse it, once; raises NotAllowedError where this site may not."""
        if not self.may_change() or proposal not in self.unanswered():
            raise NotAllowedError("only the home answers a proposal, and once")
        what = proposal.what if accept else None
        return self._made(Change(self.site, *self._next(), what, answers=proposal.identity))

    def release(self, to: str) -> Release:
        """Let the aggregate go: a home never hands over by itself, it asks the authority for a move."""
        if self.site == self.authority or not self.may_change():
            raise NotAllowedError("only a home that is not the authority releases")
        return self._made(Release(self.site, *self._next(), to))

    def asked_to_move(self) -> Release | None:
        """The release that the authority has to answer, once it has all that went before it."""
        last = self.last
        if self.site != self.authority or not isinstance(last, Release) or self.lacks():
            return None
        return last

    def move(self, home: str) -> Move:
        """Give the aggregate to another home: in answer to a release, or from a site that is cut off."""
        last = self.last
        cut = self._applied(last.epoch) if last else 0
        if self.site != self.authority or self.home == home:
            raise NotAllowedError("only the authority moves a home, and to another site")
        if last is None or not cut:
            raise NotAllowedError("no aggregate is moved whose beginning has not been heard of")
        return self._made(Move(self.site, last.epoch + 1, home, cut))

    def _next(self) -> tuple[int, int]:
        assert self.last is not None
        return self.last.epoch, self.last.sequence + 1

    def _made(self, event: K) -> K:
        self.hear(event)
        return event
