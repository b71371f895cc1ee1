"""The authority and other sites that change, propose, release and move one aggregate, over links that keep no order."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from .world import promise

STEPS = 30
WISHES = ("begin", *("change",) * 5, *("release",) * 2, *("move",) * 2, *("answer",) * 5)
AUTHORITY = "hq"
"""The one site that moves homes."""


class Sites:
    """What each site knows, and what is still on its way to it."""

    def __init__(self, random: Random, homes: Any) -> None:
        self.random = random
        self.homes = homes
        others = [f"site-{number}" for number in range(random.randint(1, 3))]
        self.names = [AUTHORITY, *others]
        self.at: dict[str, Any] = {name: self.aggregate(name) for name in self.names}
        self.on_its_way: list[tuple[str, Any]] = []
        self.made: set[Any] = set()
        self.known_to_maker: dict[Any, frozenset[Any]] = {}
        self.answers: dict[Any, Any] = {}
        """What each answer has to apply: what was proposed where it was accepted, else nothing."""
        self.numbered = 0
        self.taken_back = False
        self.applied_by_authority: set[Any] = set()
        self.takes_back = random.random() < 0.5
        # Where links are slow, what was sent together arrives far apart, and much is lacking meanwhile.
        self.most_at_once = random.choice((1, 2, 6))
        self.cut_off = random.choice(others) if random.random() < 0.3 else None

    def aggregate(self, name: str, known: Iterable[Any] = ()) -> Any:
        """The aggregate as a site sees it that knows no more than this."""
        return self.homes.Aggregate(name, known, authority=AUTHORITY)

    def announce(self, event: Any) -> None:
        """Send what a site has made to all others, some of it twice."""
        promise(
            event not in self.made or isinstance(event, self.homes.Proposal), "no event is made twice", event
        )
        self.made.add(event)
        self.known_to_maker[event] = frozenset(self.at[event.site].events)
        for name in self.names:
            for _ in range(2 if self.random.random() < 0.2 else 1):
                self.on_its_way.append((name, event))

    def deliver(self, *, all_of_it: bool = False) -> None:
        """Deliver some of it, or everything, in any order; nothing passes to or from a site that is cut off."""
        self.random.shuffle(self.on_its_way)
        if all_of_it:
            self.cut_off = None
        held = [one for one in self.on_its_way if self.cut_off in (one[0], one[1].site)]
        ready = [one for one in self.on_its_way if self.cut_off not in (one[0], one[1].site)]
        now = ready if all_of_it else ready[: self.random.randint(0, self.most_at_once)]
        self.on_its_way = held + ready[len(now) :]
        for name, event in now:
            self.at[name].hear(event)
        if any(name == AUTHORITY for name, _ in now):
            self._note_what_the_authority_applied()

    def restart(self, name: str) -> None:
        """Start a site anew from what it has stored."""
        self.at[name] = self.aggregate(name, self.at[name].known)

    def act(self) -> None:
        """Have some site, often the one that may, try one thing, allowed or not."""
        random = self.random
        wish = random.choice(WISHES)
        likely = AUTHORITY if wish == "move" else self.at[AUTHORITY].home
        name = likely if random.random() < 0.4 else random.choice(self.names)
        name = name or AUTHORITY
        site = self.at[name]
        self.numbered += 1
        try:
            match wish:
                case "begin" if site.events:
                    # Begun already, and must not be a second time.
                    self.announce(site.begin(f"begun {self.numbered}"))
                case "change" if site.events:
                    self.announce(site.change(f"what {self.numbered}", identity=self.numbered))
                case "release":
                    self.announce(site.release(random.choice(self.names)))
                case "move" if self.takes_back or name != AUTHORITY:
                    # Another site tries as well, and must not succeed.
                    self.announce(site.move(random.choice(self.names)))
                    self.taken_back = True
                    taken = site.home != AUTHORITY or site.may_change()
                    promise(taken, "what the authority takes back it may change at once", site.lacks())
                case "answer":
                    self.answer(name)
                case _:
                    pass
        except self.homes.NotAllowedError:
            pass

    def answer(self, name: str) -> None:
        """Do what a site owes: the authority a move to whoever asked, a home an answer to every proposal."""
        site = self.at[name]
        asked = site.asked_to_move()
        if asked is not None:
            to = asked.to if asked.to != site.home else AUTHORITY
            self.announce(site.move(to))
        if site.proposals and self.random.random() < 0.3:
            # Any of them, answered or not: a second answer must be refused.
            any_of_them = self.random.choice(sorted(site.proposals, key=lambda one: one.identity))
            with suppress(self.homes.NotAllowedError):
                self._answer_one(site, any_of_them, accept=True)
        for proposal in sorted(site.unanswered(), key=lambda one: one.identity):
            if not site.may_change():
                return
            self._answer_one(site, proposal, accept=self.random.random() < 0.7)

    def _answer_one(self, site: Any, proposal: Any, *, accept: bool) -> None:
        answer = site.answer(proposal, accept=accept)
        self.answers[answer] = proposal.what if accept else None
        self.announce(answer)

    def _note_what_the_authority_applied(self) -> None:
        view = self.at[AUTHORITY]
        if not view.lacks():
            self.applied_by_authority.update(view.settled().valid)


def run_sites(seed: int, homes: Any) -> None:
    """One random history of one aggregate; raises BrokenPromiseError."""
    random = Random(seed)  # noqa: S311 - chance to be replayed, not to be secret
    sites = Sites(random, homes)
    sites.announce(sites.at[random.choice(sites.names)].begin("begun"))
    for _ in range(STEPS):
        sites.act()
        if random.random() < 0.6:
            sites.deliver()
        if random.random() < 0.05:
            sites.restart(random.choice(sites.names))
    come_to_rest(sites)
    check_sites(sites)


def come_to_rest(sites: Sites) -> None:
    """Links are whole again and nobody wishes anything new: what is owed is done."""
    for _ in range(12):
        sites.deliver(all_of_it=True)
        made = len(sites.made)
        for name in sites.names:
            sites.answer(name)
        if len(sites.made) == made and not sites.on_its_way:
            return
    promise(False, "what is owed is done in the end", sites.on_its_way)


def check_sites(sites: Sites) -> None:
    """All sites agree, nothing is lost, and everything owed is done."""
    homes = sites.homes
    views = [sites.at[name] for name in sites.names]
    settled = views[0].settled()
    promise(all(view.settled() == settled for view in views), "all sites come to the same state", settled)
    ordered = {event for event in sites.made if not isinstance(event, homes.Proposal)}
    promise({*settled.valid, *settled.clashes} == ordered, "what is not valid is a clash, and never dropped")
    promise(settled == _by_the_book(ordered, homes), "the state is what the design says it is", settled)
    answered = check_valid(settled.valid, homes)
    proposed = {event.identity for event in sites.made if isinstance(event, homes.Proposal)}
    promise(answered == proposed, "every proposal is answered", proposed - answered)
    check_what_was_decided(sites, settled.valid)
    promise(sites.applied_by_authority.issubset(settled.valid), "what the authority had applied stays valid")
    promise(
        sites.taken_back or not settled.clashes,
        "nothing clashes while no home is taken away",
        settled.clashes,
    )
    for view in views:
        promise(not view.unanswered(), "all know that every proposal is answered", view.unanswered())
        promise(not view.lacks(), "nobody lacks anything", view.site)
        promise(view.asked_to_move() is None, "every release is answered by a move")
    promise(len({view.home for view in views}) == 1, "all agree on the home", [view.home for view in views])


def check_what_was_decided(sites: Sites, valid: Sequence[Any]) -> None:
    """Each decision was made in the knowledge of all before it, and an answer applies what was answered."""
    before: set[Any] = set()
    for event in valid:
        promise(before <= sites.known_to_maker[event], "nobody decides who has not heard all before", event)
        before.add(event)
        if event in sites.answers:
            promise(event.what == sites.answers[event], "what is accepted, and that alone, is applied", event)


def check_valid(valid: Sequence[Any], homes: Any) -> set[Any]:
    """One home an epoch, its events numbered without a gap, each proposal answered once: which were answered."""
    begun = bool(valid) and isinstance(valid[0], homes.Change) and valid[0].epoch == 1
    promise(begun, "what was begun stays so, whoever takes the aggregate back", valid[:1])
    home = valid[0].site
    epoch, sequence = 1, 0
    answered: set[Any] = set()
    for event in valid:
        if event.epoch == epoch:
            sequence += 1
        else:
            opens = isinstance(event, homes.Move) and event.epoch == epoch + 1
            promise(
                opens and event.cut == sequence, "an epoch begins by a move that cuts the one before", event
            )
            promise(event.home != home, "a move gives the aggregate to another", event)
            epoch, sequence, home = event.epoch, 1, event.home
        promise(event.sequence == sequence, "an epoch's events are numbered without a gap", event)
        if not isinstance(event, homes.Move):
            promise(event.site == home, "only the home changes an aggregate", event)
        if isinstance(event, homes.Change) and event.answers is not None:
            promise(event.answers not in answered, "a proposal is answered once", event)
            answered.add(event.answers)
    return answered


def _by_the_book(ordered: set[Any], homes: Any) -> Any:
    """The design's own sentence, word for word and slowly."""
    moves = [event for event in ordered if isinstance(event, homes.Move)]

    def invalid(event: Any) -> bool:
        return any(move.epoch == event.epoch + 1 and move.cut < event.sequence for move in moves)

    in_order = sorted(ordered, key=lambda event: (event.epoch, event.sequence))
    return homes.Settled(
        tuple(event for event in in_order if not invalid(event)),
        tuple(event for event in in_order if invalid(event)),
    )
