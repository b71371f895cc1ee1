"""Draws changes from a seed, has the tests run with each in turn, and says which of them nobody noticed."""

import hashlib
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from ssenet.development.mutants.attempts import Attempt, Change, Outcome, carry_out, folder_for_tests
from ssenet.development.mutants.held_by import HELD
from ssenet.development.mutants.operators import WEIGHTS
from ssenet.development.mutants.planting import mutants_in
from ssenet.project import ROOT
from ssenet.terminal.errors import USAGE, CommandError

DEFAULT_COUNT: Final = 100
ASKED: Final = 0.95
"""The share of changes that has to be noticed."""
CHANGE_NOTHING: Final = Path(__file__).with_name("change_nothing.toml")
_TIMES_AS_LONG, _AND_SECONDS = 4, 30.0
"""Tests that take so many times as long as without a change, and so many seconds more, hang."""

Key = tuple[str, str, str]
"""What a change is known by when lines and files have moved: the function it is in, and its words before and after."""


def how_many(words: Sequence[str]) -> int:
    """Read the number that may follow `--mutants`."""
    match words:
        case []:
            return DEFAULT_COUNT
        case [number] if number.isdecimal() and int(number):
            return int(number)
        case _:
            said = " ".join(words)
            raise CommandError(f"--mutants takes a number, not {said!r}.", exit_code=USAGE)


def run_mutants(count: int, *, seed: int, of: Path | None) -> int:
    """Plant so many changes and print what became of them; returns 1 unless enough of them were noticed."""
    console = Console(soft_wrap=True, highlight=False)
    known = known_to_change_nothing()
    everything = changes(of)
    drawn = draw((change for change in everything if key_of(change) not in known), count, seed)
    outcomes = dict.fromkeys(drawn, Outcome.UNNOTICED)
    with folder_for_tests() as folder, Progress(console=console, transient=True) as progress:
        for wider in (False, True):
            left = [change for change, outcome in outcomes.items() if outcome is Outcome.UNNOTICED]
            outcomes |= _try(left, folder, progress, wider=wider)
    stale = [] if of else known.keys() - {key_of(change) for change in everything}
    _report(console, outcomes, sorted(stale))
    return 0 if _noticed(outcomes) >= ASKED * len(drawn) else 1


def changes(of: Path | None = None) -> list[Change]:
    """Every change that could be planted, or those in this file or folder."""
    chosen = of and of.resolve()
    found = [
        Change(held, module, path, number, mutant)
        for held in HELD
        for module, path in held.sources().items()
        if chosen is None or chosen in {path, *path.parents}
        for number, mutant in enumerate(mutants_in(path.read_bytes()))
    ]
    if not found:
        names = ", ".join(held.name for held in HELD)
        raise CommandError(f"{of} is no module that decides.", hint=f"Those are: {names}.", exit_code=USAGE)
    return found


def key_of(change: Change) -> Key:
    return change.mutant.within, change.mutant.before, change.mutant.after


def known_to_change_nothing() -> dict[Key, str]:
    """The changes that change nothing, each with the reason."""
    listed = tomllib.loads(CHANGE_NOTHING.read_text(encoding="utf-8"))["change"]
    return {(one["within"], one["before"], one["after"]): one["because"] for one in listed}


def draw(found: Iterable[Change], count: int, seed: int) -> list[Change]:
    """Draw so many by chance, the telling ones more often; each keeps its luck when others come and go."""

    def luck(change: Change) -> float:
        digest = hashlib.sha256("\n".join((str(seed), *key_of(change))).encode()).digest()
        chance = (int.from_bytes(digest[:8]) + 1) / 2**64
        return -math.log(chance) / WEIGHTS[change.mutant.operator]

    return sorted(sorted(found, key=luck)[:count], key=lambda change: (change.module, change.number))


def _try(left: Sequence[Change], folder: Path, progress: Progress, *, wider: bool) -> dict[Change, Outcome]:
    """Run the tests with each change: first without any, to know that they pass and how long they may take."""
    kind = "wider tests" if wider else "tests"
    tests = {change: change.held.wider if wider else change.held.tests for change in left}
    as_ever = [Attempt(each, None, math.inf) for each in dict.fromkeys(tests.values()) if each]
    patience = dict[Sequence[str], float]()
    for attempt, outcome, seconds in _shown(as_ever, f"{kind} as ever", folder, progress):
        if outcome is not Outcome.UNNOTICED:
            hint = f"See ./ssenet test {' '.join(attempt.tests)}"
            raise CommandError("The tests fail without any change.", hint=hint)
        patience[attempt.tests] = _TIMES_AS_LONG * seconds + _AND_SECONDS
    changed = [Attempt(each, change, patience[each]) for change, each in tests.items() if each]
    outcomes = _shown(changed, f"{kind} with a change", folder, progress)
    return {attempt.change: outcome for attempt, outcome, _ in outcomes if attempt.change}


def _shown(
    attempts: Sequence[Attempt], what: str, folder: Path, progress: Progress
) -> Iterator[tuple[Attempt, Outcome, float]]:
    with closing(carry_out(attempts, folder)) as results:
        yield from progress.track(results, total=len(attempts), description=what)


def _report(console: Console, outcomes: Mapping[Change, Outcome], stale: Sequence[Key]) -> None:
    for module in dict.fromkeys(change.module for change in outcomes):
        of_it = {change: outcome for change, outcome in outcomes.items() if change.module == module}
        _tell(console, module, of_it)
        for change, outcome in of_it.items():
            if outcome is Outcome.UNNOTICED:
                console.print(escape(f"    {change}"))
    if stale:
        console.print(f"\n[yellow]{CHANGE_NOTHING.relative_to(ROOT)} lists what can be planted no more:[/]")
    for within, before, after in stale:
        console.print(escape(f"    {within}: `{before}` -> `{after}`"))
    console.print()
    _tell(console, "in all", outcomes)


def _tell(console: Console, name: str, outcomes: Mapping[Change, Outcome]) -> None:
    planted, noticed = len(outcomes), _noticed(outcomes)
    late = sum(outcome is Outcome.TIMED_OUT for outcome in outcomes.values())
    figures = (
        f"{planted:4} planted {noticed:4} noticed {planted - noticed:4} unnoticed {noticed / planted:7.1%}"
    )
    colour = "green" if noticed >= ASKED * planted else "red"
    console.print(f"{name:34} [{colour}]{figures}[/]{f' ({late} timed out)' if late else ''}")


def _noticed(outcomes: Mapping[Change, Outcome]) -> int:
    return sum(outcome is not Outcome.UNNOTICED for outcome in outcomes.values())
