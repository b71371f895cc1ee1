"""`contracts diff`, `publish` and `examples`: the contracts of today against everything that was published."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from difflib import get_close_matches

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.gate.checkout import Example, Gate, PublishingRefusedError
from contracts.gate.editions import HistoryChangedError
from contracts.gate.verdicts import Status, Verdict, as_json
from ssenet.terminal.errors import CommandError

COLOURS = {
    Status.PUBLISHED: "green",
    Status.GROWN: "yellow",
    Status.NEW: "yellow",
    Status.BREAKING: "red",
    Status.GONE: "red",
}


def show_diff(event: str | None, *, as_json_text: bool) -> int:
    """Show what differs from what was published; the exit code is 1 when somebody would be hurt by it."""
    gate = _gate()
    verdicts = _chosen(gate.verdicts(), event)
    lists = [] if event else gate.lists_broken()
    breaks = bool(lists) or any(verdict.breaks for verdict in verdicts)
    if as_json_text:
        document = {"breaks": breaks, "contracts": [as_json(one) for one in verdicts], "code_lists": lists}
        print(json.dumps(document, ensure_ascii=False, indent=2))
        return int(breaks)
    _print_verdicts(verdicts, with_all=event is not None)
    print("".join(f"\n{line}\n" for line in lists), end="")
    return int(breaks)


def publish(retire: str | None) -> int:
    """Record what is new as published; exits with 1, and records nothing, where it would break something."""
    gate, today = _gate(), datetime.now(UTC).date()
    if retire is not None:
        try:
            gate.retire(retire, today=today)
        except LookupError as error:
            raise CommandError(f"It cannot be retired: {error.args[0]}.") from error
        print(f"{retire} is retired: nobody need understand it any more.")
        return 0
    try:
        published = gate.publish(today=today)
    except PublishingRefusedError as error:
        raise CommandError("Nothing was published, for this breaks what is.", hint=str(error)) from error
    for line in published:
        print(f"published {line}")
    print("Commit contracts/src/contracts/published." if published else "Everything is published already.")
    return 0


def show_examples(event: str | None, *, as_json_text: bool) -> int:
    """List the examples, and hold each to the class of today; the exit code is 1 when one does not hold."""
    held = list(_gate().examples_held())
    if event is not None:
        _known(event, {one.golden.type for one in held})
        held = [one for one in held if one.golden.type == event]
    faults = [one.fault for one in held if one.fault]
    if as_json_text:
        print(json.dumps([_example_json(one) for one in held], ensure_ascii=False, indent=2))
        return int(bool(faults))
    table = Table("Event", "Example", "Languages", "Edition", "", box=None, padding=(0, 2, 0, 0))
    for one in held:
        mark = Text("does not hold", "red") if one.fault else Text("holds", "green")
        edition = str(one.edition) if one.edition else "not published"
        table.add_row(one.golden.type, one.golden.name, ", ".join(_languages(one)), edition, mark)
    _console().print(table)
    print("".join(f"\n{fault}\n" for fault in faults), end="")
    return int(bool(faults))


def _gate() -> Gate:
    try:
        return Gate.of_checkout()
    except HistoryChangedError as error:
        raise CommandError(str(error)) from error


def _chosen(verdicts: list[Verdict], event: str | None) -> list[Verdict]:
    if event is None:
        return verdicts
    _known(event, {verdict.type for verdict in verdicts})
    return [verdict for verdict in verdicts if verdict.type == event]


def _known(event: str, types: Iterable[str]) -> None:
    names = sorted(types)
    if event not in names:
        near = get_close_matches(event, names, n=1, cutoff=0.3)
        hint = f"Did you mean {near[0]}?" if near else "contracts/CATALOGUE.md lists them."
        raise CommandError(f"There is no event {event!r}.", hint=hint, exit_code=2)


def _print_verdicts(verdicts: list[Verdict], *, with_all: bool) -> None:
    shown = [one for one in verdicts if with_all or one.status is not Status.PUBLISHED or one.unrecorded]
    for verdict in shown:
        _print_verdict(verdict)
    if len(verdicts) > len(shown):
        print(f"{len(verdicts) - len(shown)} contracts are as they were published.")


def _print_verdict(verdict: Verdict) -> None:
    console = _console()
    console.print(Text.assemble(verdict.type, ": ", (verdict.status.value, COLOURS[verdict.status])))
    table = Table("Edition", "Field", "Change", "Hurts", box=None, padding=(0, 2, 0, 0))
    for edition, change in verdict.rows():
        effect = Text(change.effect.value, "red" if change.breaks else "")
        table.add_row(str(edition.number) if edition else "", change.field, change.reason, effect)
    for name in verdict.unrecorded:
        table.add_row("", "", f"example {name} is not published", "nobody")
    if table.rows:
        console.print(table)
    if verdict.breaks:
        print(verdict.way_out)
    if table.rows or verdict.breaks:
        print()


def _languages(example: Example) -> list[str]:
    return sorted(example.golden.languages) if not example.fault else []


def _example_json(example: Example) -> dict[str, object]:
    return {
        "type": example.golden.type,
        "name": example.golden.name,
        "edition": example.edition,
        "languages": _languages(example),
        "fault": example.fault or None,
    }


def _console() -> Console:
    return Console(highlight=False)
