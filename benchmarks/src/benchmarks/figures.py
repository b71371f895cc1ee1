"""A figure: what was measured, against its floor and its goal; and how figures are taken and shown."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One line of the result. Without a goal it is a report, and `ok` says nothing."""

    name: str
    unit: str
    measured: float
    floor: float | None = None
    ratio: float | None = None
    goal: str | None = None
    ok: bool | None = None


def compared(
    name: str, unit: str, *, measured: float, floor: float, goal: float, least: float | None = None
) -> Figure:
    """What was measured as a share of its floor; the goal is a share, and where given a least value as well."""
    ratio = measured / floor
    said = f"ratio ≥ {goal:g}" + (f" and ≥ {least:,.0f} {unit}" if least is not None else "")
    ok = ratio >= goal and (least is None or measured >= least)
    return Figure(name, unit, round(measured, 1), round(floor, 1), round(ratio, 2), said, ok)


def bounded(name: str, unit: str, *, measured: float, at_most: float, valid: bool = True) -> Figure:
    """A figure whose goal is not to be exceeded; missed as well where what it was to be measured at was not reached."""
    ok = valid and measured <= at_most
    return Figure(name, unit, round(measured, 2), goal=f"≤ {at_most:g} {unit}", ok=ok)


def reported(name: str, unit: str, measured: float) -> Figure:
    """A figure without a goal."""
    return Figure(name, unit, round(measured, 2))


async def alternating(
    rounds: int, *measures: Callable[[], Awaitable[float]], tell: Callable[[str], None]
) -> list[float]:
    """Take each measure in turn, round after round, so that what the machine does besides meets all; the medians."""
    taken: list[list[float]] = [[] for _ in measures]
    for number in range(rounds):
        for place, measure in enumerate(measures):
            taken[place].append(await measure())
        latest = " against ".join(f"{values[-1]:,.0f}" for values in taken)
        tell(f"round {number + 1} of {rounds}: {latest}")
    return [median(values) for values in taken]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies (0.99 for p99)."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def as_json(figures: Sequence[Figure]) -> str:
    """The figures for programs, one object each."""
    keys = ("name", "unit", "floor", "measured", "ratio", "goal", "ok")
    return json.dumps(
        [{key: asdict(one)[key] for key in keys} for one in figures], ensure_ascii=False, indent=2
    )


def show(figures: Sequence[Figure], console: Console) -> None:
    """The figures for a person, as a table."""
    table = Table("what", "unit", "floor", "measured", "ratio", "goal", "")
    for column in table.columns[2:5]:
        column.justify = "right"
    for one in figures:
        mark = "" if one.ok is None else "[green]met[/]" if one.ok else "[bold red]missed[/]"
        floor = "" if one.floor is None else f"{one.floor:,.10g}"
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        table.add_row(one.name, one.unit, floor, f"{one.measured:,.10g}", ratio, one.goal or "", mark)
    console.print(table)
