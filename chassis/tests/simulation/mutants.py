"""Planted bugs: one small change each to the source of the decisions, as a tired hand might make it."""

import inspect
from dataclasses import dataclass
from types import ModuleType

from chassis.consumer import sequence_check
from chassis.inbox import ordering
from chassis.outbox import low_watermark, relay_decisions
from chassis.sites import homes


@dataclass(frozen=True)
class Mutant:
    """A bug by its name, and the words of the source that it changes."""

    name: str
    module: ModuleType
    was: str
    becomes: str

    @property
    def decides(self) -> ModuleType:
        """The module of the decisions in which the bug shows."""
        return relay_decisions if self.module is low_watermark else self.module

    def build(self) -> ModuleType:
        """Make the module that decides, with the bug in it."""
        source = inspect.getsource(self.module)
        assert source.count(self.was) == 1, f"{self.name}: the source has changed, and the bug no longer fits"
        mutated = self._run(self.module, source.replace(self.was, self.becomes))
        if self.decides is self.module:
            return mutated
        relay = self._run(relay_decisions, inspect.getsource(relay_decisions))
        relay.__dict__["LowWatermark"] = mutated.__dict__["LowWatermark"]
        return relay

    def _run(self, module: ModuleType, source: str) -> ModuleType:
        made = ModuleType(module.__name__)
        exec(compile(source, f"<{self.name}>", "exec"), made.__dict__)  # noqa: S102 - our own source
        return made


_SEND = "(yield from self._publish(found.rows))"
_MARK = f"            acknowledged = self._mark(found.rows, {_SEND})\n            yield acknowledged\n"
_PUBLISH_NEXT = "                found = yield from self._publish_next()\n"


def _relay(name: str, was: str, becomes: str) -> Mutant:
    return Mutant(name, relay_decisions, was, becomes)


def _watermark(name: str, was: str, becomes: str) -> Mutant:
    return Mutant(name, low_watermark, was, becomes)


def _home(name: str, was: str, becomes: str) -> Mutant:
    return Mutant(name, homes, was, becomes)


def _order(name: str, was: str, becomes: str) -> Mutant:
    return Mutant(name, ordering, was, becomes)


def _count(name: str, was: str, becomes: str) -> Mutant:
    return Mutant(name, sequence_check, was, becomes)


MUTANTS = [
    _relay(
        "leads without the lock",
        "self.is_leader or (yield TryLock())",
        "self.is_leader or [(yield TryLock())]",
    ),
    _relay(
        "believes in a lock that went with its connection",
        "                self.is_leader = False\n                yield Disconnect()\n",
        "                yield Disconnect()\n",
    ),
    _relay(
        "keeps the lock's connection open",
        "                yield Disconnect()\n                yield Pause(pause, after=error)\n",
        "                return\n",
    ),
    _relay(
        "calls an absent database without pauses",
        "yield Pause(pause, after=error)\n                pause = min(pause * 2, LONGEST_D",
        "pause = min(pause * 2, LONGEST_D",
    ),
    _relay(
        "calls an absent database again and again", "pause = min(pause * 2, LONGEST_DATABASE_PAUSE)", "pass"
    ),
    _relay("calls an absent broker again and again", "pause = min(pause * 2, LONGEST_BROKER_PAUSE)", "pass"),
    _relay("never polls", "yield AwaitWork(FALLBACK_POLL)", "yield AwaitWork(1e9)"),
    _relay(
        "never sleeps",
        "            self.woken = False\n            try:\n",
        "            self.woken = True\n            try:\n",
    ),
    _relay(
        "forgets who woke it while it looked",
        _PUBLISH_NEXT,
        f"{_PUBLISH_NEXT}                self.woken = False\n",
    ),
    _relay(
        "leaves what one batch could not hold", "            if found.more:\n                continue\n", ""
    ),
    _relay(
        "drains nothing at a stop",
        "while (yield from self._publish_next()).rows:",
        "while False and (yield from self._publish_next()).rows:",
    ),
    _relay(
        "gives up a refused batch",
        "            except BatchRefusedError:\n                pass\n",
        "            except BatchRefusedError:\n                raise\n",
    ),
    _relay(
        "takes a refused batch for stored",
        "            except BatchRefusedError:\n                pass\n",
        "            except BatchRefusedError:\n                return [1] * len(rows)\n",
    ),
    _relay(
        "publishes singles backwards",
        "        for row in rows:\n            if not self._sure",
        "        for row in reversed(rows):\n            if not self._sure",
    ),
    _relay(
        "marks before it publishes",
        _MARK,
        "            yield self._mark(found.rows, [1] * len(found.rows))\n"
        "            yield from self._publish(found.rows)\n",
    ),
    _relay(
        "marks nothing while it publishes",
        "yield Meanwhile(batch, acknowledged,",
        "yield Meanwhile(batch, Mark((), ()),",
    ),
    _relay("reads again what is on its way", "self._next_look(besides=found.rows)", "self._next_look()"),
    _relay(
        "forgets the last marks of many",
        "        if acknowledged.rows:\n            yield acknowledged\n",
        "        if acknowledged.rows:\n",
    ),
    _relay(
        "takes a missing acknowledgement for one",
        "            raise published\n        return published",
        "            return [1] * len(rows)\n        return published",
    ),
    _relay(
        "gives up a refused batch of many",
        "            return (yield from self._singly(rows))\n        if",
        "            yield from ()\n            raise published\n        if",
    ),
    _relay(
        "tells before it publishes",
        "        found: Found = yield self._next_look()\n",
        "        found: Found = yield self._next_look()\n        self._tell(Mark(found.rows, ()))\n",
    ),
    _relay(
        "tells nobody", "        self.notices.tell(row.event_id for row in marked.rows)\n", "        pass\n"
    ),
    _relay(
        "tells only of the last of many",
        "                raise both.found\n            self._tell(acknowledged)\n",
        "                raise both.found\n",
    ),
    _relay("forgets at once what was acknowledged", "        self._recent.update(told)\n", ""),
    _relay(
        "tells a waiter when one of its events is there",
        "            if not waiter.missing:\n                self._waiters",
        "            if waiter.missing or not waiter.missing:\n                self._waiters",
    ),
    _relay("never asks which stream it is", "while found.rows and not self._sure:", "while False:"),
    _relay(
        "asks once which stream it is",
        "        self._sure = False\n\n    def stop",
        "        pass\n\n    def stop",
    ),
    _relay(
        "publishes to whatever stream there is",
        'raise StreamLostError(f"the stream {lost}")',
        "pass",
    ),
    _relay("notes no stream", "            yield Note(seen)\n", "            pass\n"),
    _relay(
        "begins to doubt and goes on",
        "while found.more and len(found.rows) > 1 and self._sure:",
        "while found.more and len(found.rows) > 1:",
    ),
    _relay("looks nothing up as a follower", "if missing := self.notices.missing():", "if missing := []:"),
    _relay(
        "looks no further back after all was taken back",
        "            yield from self._recall()\n        found",
        "            yield from ()\n        found",
    ),
    _relay(
        "looks from the end of what was published for a former stream",
        "        self._watermark = LowWatermark(known.published_below)\n",
        "        self._watermark.looked((), ())\n",
    ),
    _watermark(
        "waits for nobody who writes",
        "        self._writers &= writing\n",
        "        self._writers = frozenset()\n",
    ),
    _watermark(
        "takes everyone for done",
        "self._decided = self._until if writing else self._seen",
        "self._decided = self._seen",
    ),
    _watermark(
        "passes what it has seen and not published",
        "min([self._decided + 1, *positions])",
        "self._decided + 1",
    ),
    _watermark(
        "looks past what was committed while it looked",
        "        self.at = max(self.at, min([self._decided + 1, *positions]))\n        self._seen",
        "        self.at = max([self.at, *(one + 1 for one in positions)])\n        self._seen",
    ),
    _home(
        "lets any site move a home",
        "if self.site != self.authority or self.home == home:",
        "if self.home == home:",
    ),
    _home(
        "lets a site that is not home change",
        "if not self.may_change():\n            return self._made(Proposal",
        "if self.last is None:\n            return self._made(Proposal",
    ),
    _home(
        "cuts one too early",
        "return self._made(Move(self.site, last.epoch + 1, home, cut))",
        "return self._made(Move(self.site, last.epoch + 1, home, cut - 1))",
    ),
    _home(
        "cuts above what was applied",
        "cut = self._applied(last.epoch) if last else 0",
        "cut = last.sequence if last else 0",
    ),
    _home("cuts the wrong epoch", "{event.epoch - 1: event.cut", "{event.epoch: event.cut"),
    _home(
        "takes the last valid event for a clash",
        "event.sequence > cuts.get(event.epoch, event.sequence)",
        "event.sequence >= cuts.get(event.epoch, event.sequence + 1)",
    ),
    _home(
        "drops what clashes",
        "return Settled(tuple(valid), tuple(clashes))",
        "return Settled(tuple(valid), ())",
    ),
    _home(
        "orders by sequence before epoch",
        "for event in sorted(ordered, key=lambda event: (event.epoch, event.sequence)):",
        "for event in sorted(ordered, key=lambda event: (event.sequence, event.epoch)):",
    ),
    _home(
        "decides before it has heard all",
        "not isinstance(self.last, Release) and not self.lacks()",
        "not isinstance(self.last, Release)",
    ),
    _home(
        "changes what it has let go",
        "self.home == self.site and not isinstance(self.last, Release)",
        "self.home == self.site",
    ),
    _home(
        "answers a release before it has heard all",
        "not isinstance(last, Release) or self.lacks():",
        "not isinstance(last, Release):",
    ),
    _home(
        "never answers a release",
        "            return None\n        return last\n",
        "            return None\n        return None\n",
    ),
    _home(
        "counts an answer that clashes",
        "for event in self.settled().valid if isinstance(event, Change)}",
        "for event in self.events if isinstance(event, Change)}",
    ),
    _home(
        "answers twice",
        "if not self.may_change() or proposal not in self.unanswered():",
        "if not self.may_change():",
    ),
    _home(
        "numbers on from the epoch before",
        "self.last.epoch, self.last.sequence + 1",
        "self.last.epoch, max(event.sequence for event in self.events) + 1",
    ),
    _home("applies what it refuses", "what = proposal.what if accept else None", "what = proposal.what"),
    _home("loses what it accepts", "what = proposal.what if accept else None", "what = None"),
    _home(
        "begins a second time",
        '        if self.events:\n            raise NotAllowedError("it exists")\n',
        "",
    ),
    _home("moves what it has not heard the beginning of", "if last is None or not cut:", "if last is None:"),
    _home(
        "moves a home to where it is",
        "if self.site != self.authority or self.home == home:",
        "if self.site != self.authority:",
    ),
    _order(
        "forgets one half of a failed batch",
        "self._parts.extendleft((part[middle:], part[:middle]))",
        "self._parts.extendleft((part[:middle],))",
    ),
    _order(
        "tries the second half first",
        "self._parts.extendleft((part[middle:], part[:middle]))",
        "self._parts.extendleft((part[:middle], part[middle:]))",
    ),
    _order(
        "gives up a whole batch",
        "        if len(step.apply) > 1:\n",
        "        if permanent and len(step.apply) > 1:\n"
        "            buried = [replace(one, attempts=one.attempts + 1) for one in step.apply]\n"
        "            self._judged = BatchStep(dead_letter=buried, behind=step.behind)\n"
        "            return\n"
        "        if len(step.apply) > 1:\n",
    ),
    _order(
        "lets later events of a key overtake",
        "        self._stopped.update(one.key for one in step.retry)\n",
        "",
    ),
    _order("forgets which keys wait", "(not one.waits and one.key in self._waiting)", "False"),
    _order("parks every key", "(not one.waits and one.key in self._waiting)", "bool(self._stopped)"),
    _order(
        "forgets what it parks",
        "self._judged = BatchStep(retry=[tried], behind=step.behind)",
        "self._judged = BatchStep(retry=[tried])",
    ),
    _order("tries for ever", "if permanent or tried.attempts >= MAX_ATTEMPTS:", "if permanent:"),
    _order("gives up too soon", "tried.attempts >= MAX_ATTEMPTS", "tried.attempts >= MAX_ATTEMPTS - 1"),
    _order("repeats what no repeat can mend", "if permanent or tried.attempts", "if tried.attempts"),
    _order(
        "gives up at once",
        "if permanent or tried.attempts >= MAX_ATTEMPTS:",
        "if permanent or tried.attempts:",
    ),
    _order("does not count attempts", "attempts=guilty.attempts + 1)", "attempts=guilty.attempts or 1)"),
    _order(
        "takes a step for done that is not",
        "        self._judged = None\n        else:",
        "        pass\n        else:",
    ),
    _order("waits as long each time", "self.first * 2 ** min(max(attempts - 1, 0), 60)", "self.first"),
    _order("says nothing is due", "return list(found)", "return []"),
    _order(
        "never learns that a key waits no more", "                self.forget(key)", "                pass"
    ),
    _order("forgets a key that waits", "        self._due[key] = due\n", ""),
    _count("sees no gap", "follows = consumer_sequence == self._last_consumer + 1", "follows = True"),
    _count("ignores heartbeats", "if last_sent != self._last_consumer:", "if False:"),
]
