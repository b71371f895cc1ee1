"""What a partner event still lacks, in the contracts, in coordination's rules and on the task page.

Run as a program of its own: with a part of an event missing, other modules may not even load.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ssenet.project import ROOT

RULES = "services/coordination/src/coordination/data/rules.yaml"


def partner_event_faults(root: Path = ROOT) -> Iterator[str]:
    """Say what each event lacks and where it belongs; nothing when all are whole."""
    from contracts.completeness import gaps

    yield from gaps(root / "contracts" / "CHANGELOG.md")
    yield from _faults_of_rules(root)
    yield from _faults_on_the_page()


def _faults_of_rules(root: Path) -> Iterator[str]:
    from contracts.catalogue import PARTNER_EVENTS
    from coordination import packaged

    try:
        book = packaged.rule_book()
    except ValidationError as error:
        rules = yaml.safe_load((root / RULES).read_text(encoding="utf-8"))["rules"]
        yield from (_rule_fault(rules, each) for each in error.errors())
        return
    except ValueError as error:
        yield f"{RULES}: {error}"
        return
    for event_type in PARTNER_EVENTS:
        if not book.hearing(event_type):
            yield f"{event_type} has no rule, so it would become nobody's task: add one to {RULES}"


def _faults_on_the_page() -> Iterator[str]:
    """Which fields a member would not make out, or would not see for no reason."""
    from contracts.catalogue import PARTNER_EVENTS
    from contracts.completeness import place_of
    from gateway.members.pages.request_layout import layout_of, with_parts

    for event in PARTNER_EVENTS.values():
        for name, field in with_parts(layout_of(event).rows):
            if not field.label:
                yield (
                    f"{event.type}: the field {name!r} has no label: give it a `title`, as a member reads it on the "
                    f"task page, in {place_of(event)}; or say in `not_shown` why it is not shown"
                )
        for name, why in event.not_shown.items():
            if name not in event.model_fields or not why:
                yield (
                    f"{event.type}: `not_shown` has no reason, or the event no field, for {name!r} ({place_of(event)})"
                )


def _rule_fault(rules: list[dict[str, Any]], error: ErrorDetails) -> str:
    match error["loc"]:
        case ("rules", int(number), "title", str(language)) if error["type"] == "missing":
            from contracts import codes

            name = codes.label("languages", language, "en")
            return f"{RULES}: the title of rule {_code_of(rules[number])} is missing in {name} ({language})"
        case ("rules", int(number), *place):
            where = ".".join(map(str, place))
            return f"{RULES}: rule {_code_of(rules[number])}: {where and f'{where}: '}{error['msg']}"
        case _:
            return f"{RULES}: {error['msg']}"


def _code_of(rule: dict[str, Any]) -> str:
    return str(rule.get("code", "without a code"))


def main() -> int:
    """Print each fault as a line."""
    found = False
    try:
        for fault in partner_event_faults():
            found = True
            sys.stdout.write(f"{fault}\n")
    except ValueError as error:
        found = True
        sys.stdout.write(f"The events cannot be loaded: {error}\n")
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
