"""One seed: its faults over the running network under load, then recovery, then the checker over the whole history."""

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ssenet.data_folder.folder import DataFolder
from ssenet.partners.grants_and_keys import ensure, make_key
from tests.conftest import PARTNER, PARTNER_NAME
from tests.resilience.checker import RECOVERY, Violation, check
from tests.resilience.deeds import carry_out
from tests.resilience.handling import Trouble
from tests.resilience.history import History, Recovery
from tests.resilience.load import Load, focal_point
from tests.resilience.observing import Observer
from tests.resilience.schedule import Fault, Kind, Schedule, draw
from tests.resilience.stage import Stage, staged

GRANT = "partner.assistance.requested.v1"
_CHECK = 0.05


@dataclass(frozen=True)
class Outcome:
    """What became of one seed."""

    schedule: Schedule
    done: Sequence[Fault]
    """Those of its faults that could be done: what is in the way of another is left out."""
    left_out: Sequence[Kind]
    events: int
    waited: int
    """Events that were not applied when they were taken: one of their key failed, and they came through later."""
    recovered_after: float | None
    violations: Sequence[Violation]

    def __str__(self) -> str:
        recovered = "never" if self.recovered_after is None else f"{self.recovered_after:.1f} s"
        faults = ", ".join(
            f"{fault.kind} {fault.target}" + ("" if fault in self.done else " (left out)")
            for fault in self.schedule.faults
        )
        verdict = f"{len(self.violations)} VIOLATIONS" if self.violations else "ok"
        told = f"seed {self.schedule.seed}: {verdict}; {self.waited} events waited; recovered: {recovered}"
        return f"{told}; {faults}"


@dataclass
class Arena:
    """A stage and all that was seen on it. One serves many seeds; one that broke is left for a fresh one."""

    root: Path
    _used: int = 0
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _observer: Observer | None = None
    _partner_key: str = ""
    _member_id: str = ""
    _known: set[Violation] = field(default_factory=set[Violation])

    async def stage(self) -> Stage:
        return (await self.observer()).stage

    async def observer(self) -> Observer:
        if self._observer is None:
            self._used += 1
            stage = await self._stack.enter_async_context(staged(self.root / f"network-{self._used}"))
            await asyncio.to_thread(ensure, stage.asked, PARTNER, name=PARTNER_NAME, grants=[GRANT])
            self._partner_key = await asyncio.to_thread(make_key, stage.asked, PARTNER)
            self._member_id = await asyncio.to_thread(focal_point, stage.asked.ask)
            self._observer = Observer(stage)
            await self._observer.begin()
            self._known = set()
        return self._observer

    async def load(self, seed: int) -> Load:
        return Load(await self.stage(), seed, self._partner_key, self._member_id)

    async def close(self) -> None:
        self._observer = None
        await self._stack.aclose()

    def tidy(self) -> None:
        """Take everything away but what was kept of failed seeds."""
        for network in self.root.glob("network-*"):
            shutil.rmtree(network, ignore_errors=True)
        if not any(self.root.iterdir()):
            self.root.rmdir()

    async def run(self, seed: int) -> Outcome:
        """Do what the seed says, wait for the recovery, and check everything there is by then."""
        observer = await self.observer()
        stage = observer.stage
        schedule = draw(seed)
        cannot = [kind for kind, why in stage.impossible.items() if why]
        left_out = sorted({fault.kind for fault in schedule.faults} & set(cannot))
        schedule = schedule.without(cannot)
        load = await self.load(seed)
        stage.trouble(Trouble(seed))
        working = asyncio.create_task(load.run(give_up_after=RECOVERY + 5))
        done = await carry_out(stage, schedule)
        stage.trouble(None)
        began = asyncio.get_running_loop().time()
        await working
        seconds, left = await recovered(observer, began)
        stage.excused.clear()
        history = observer.history
        history.sent += load.sent
        history.deeds += load.deeds
        history.unserved += load.unserved
        history.recoveries.append(Recovery(seed, seconds, left))
        waited = have_waited(history)
        if seconds is not None:
            await observer.look()
        violations = self._new(history)
        waited = have_waited(history) - waited
        outcome = Outcome(schedule, done, left_out, len(load.sent), waited, seconds, violations)
        if violations:
            self.keep(outcome, history)
        if seconds is None:
            await self.close()
        return outcome

    async def examine(self, load: Load) -> set[str]:
        """The invariants that are newly broken, once all that can arrive has arrived."""
        observer = await self.observer()
        await recovered(observer, asyncio.get_running_loop().time())
        observer.history.sent += load.sent
        await observer.look()
        return {one.invariant for one in self._new(observer.history)}

    def _new(self, history: History) -> list[Violation]:
        """What is wrong and was not before: a broken history stays broken, and is one seed's fault."""
        found = [one for one in check(history) if one not in self._known]
        self._known.update(found)
        return found

    def keep(self, outcome: Outcome, history: History) -> Path:
        """Lay what is needed to find out why beside the others: schedule, history, logs."""
        kept = self.kept(outcome.schedule.seed)
        shutil.copytree(DataFolder(self.root / f"network-{self._used}").logs, kept, dirs_exist_ok=True)
        (kept / "history.json").write_text(history.written(), encoding="utf-8")
        violations = "\n".join(f"- {one}" for one in outcome.violations)
        (kept / "outcome.txt").write_text(f"{outcome.schedule}\n\n{violations}\n", encoding="utf-8")
        return kept

    def kept(self, seed: int) -> Path:
        return self.root / f"failed-seed-{seed}"


def have_waited(history: History) -> int:
    """How many events have had their effect in another transaction than the one that took them."""
    taken = {(one.durable, one.event_id): one.work for one in history.taken}
    return sum(taken.get((one.durable, one.event_id), 0) not in {0, one.work} for one in history.effects)


async def recovered(observer: Observer, began: float) -> tuple[float | None, str]:
    """Wait until everything is ready and has arrived; the seconds since `began`, or None and what is left."""
    loop = asyncio.get_running_loop()
    while left := await observer.is_settled():
        if loop.time() - began > RECOVERY + 5:
            return None, left
        await asyncio.sleep(_CHECK)
    return loop.time() - began, ""
