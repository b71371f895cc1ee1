"""What a partner event still lacks, said so that whoever adds one learns what to write, and where.

For `./ssenet check`: nothing here is asked while the network runs.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Final, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from contracts import codes
from contracts.catalogue import PARTNER_EVENTS, PARTNER_MODULES
from contracts.checks import problems_of
from contracts.data_rules import InOrder, Rules
from contracts.fields import models_in, parts_of, types_of
from contracts.partner import Example, PartnerEvent
from contracts.words import Model

TYPE: Final = re.compile(r"partner\.[a-z]+\.[a-z]+(_[a-z]++)*\.v[1-9][0-9]*")
FEWEST_EXAMPLES: Final = 3
FEWEST_LANGUAGES: Final = 3
SPANS: Final = (
    ("from", "to"),
    ("from", "until"),
    ("since", "until"),
    ("begins", "ends"),
    ("starts", "ends"),
    ("opens", "closes"),
    ("first", "last"),
    ("min", "max"),
    ("least", "most"),
)
"""What the names of two numbers say when the one is the other's lower end; of dates every pair is asked about."""


def gaps(changelog: Path) -> list[str]:
    """Say what each partner event lacks in the contracts."""
    told = " ".join(changelog.read_text(encoding="utf-8").split())
    found = [gap for module in PARTNER_MODULES for gap in gaps_of_module(module)]
    for event in PARTNER_EVENTS.values():
        found += gaps_of(event)
        if TYPE.fullmatch(event.type) and event.type not in told and _in_words(event) not in told:
            found.append(
                f"{event.type} is not in contracts/CHANGELOG.md: say there, under Unreleased, that partners may send it"
            )
    return found


def gaps_of(event: type[PartnerEvent]) -> Iterator[str]:
    """Say what one event lacks."""
    place = place_of(event)
    if not TYPE.fullmatch(event.type):
        yield f"{event.type} is no type of partners: it reads partner.<noun>.<past_verb>.v<n>, in {place}"
    elif event.__name__ != _class_name(event):
        yield f"{event.__name__} is not named as its type reads: call it {_class_name(event)}, in {place}"
    if not event.event_name:
        yield f"{event.type} has no name: write `event_name`, in the words a member reads, in {place}"
    if not event.__doc__:
        yield f"{event.type} does not say what happened: give {event.__name__} a docstring in {place}"
    yield from _gaps_in_examples(event, place)
    misspelt = [gap for model in models_in(event) for gap in _rules_of_nothing(event, model, place)]
    # A rule of a field that is not there cannot be asked.
    yield from misspelt or _faults_of_examples(event, place)
    for model in models_in(event):
        for name, field in model.model_fields.items():
            yield from _gaps_in_labels(f"{event.type}: {name}", field)
        yield from _gaps_in_rules(event, model, place)


def place_of(event: type[PartnerEvent]) -> str:
    """Name the file an event stands in."""
    return f"contracts/src/{event.__module__.replace('.', '/')}.py"


def _class_name(event: type[PartnerEvent]) -> str:
    _, noun, verb, version = event.type.split(".")
    return "".join(word.capitalize() for word in f"{noun}_{verb}".split("_")) + version.upper()


def _in_words(event: type[PartnerEvent]) -> str:
    _, noun, verb, _ = event.type.split(".")
    return f"{noun} {verb}".replace("_", " ")


def gaps_of_module(module: ModuleType) -> Iterator[str]:
    """Say what keeps a module of `contracts.partner` from being an event."""
    place = f"contracts/src/{module.__name__.replace('.', '/')}.py"
    events = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, PartnerEvent) and value.__module__ == module.__name__
    ]
    if not events:
        yield f"{place} defines no event: whatever stands in contracts/partner is one"
    for event in events:
        if not hasattr(event, "type"):
            yield f'{event.__name__} has no type: write `type: ClassVar[str] = "partner.…"` in {place}'


def _gaps_in_examples(event: type[PartnerEvent], place: str) -> Iterator[str]:
    languages = {tag.partition("-")[0] for example in event.examples for tag in example.languages}
    if not event.examples:
        yield f"{event.type} has no example: write `examples`, three at least, in three languages, in {place}"
    elif len(event.examples) < FEWEST_EXAMPLES or len(languages) < FEWEST_LANGUAGES:
        yield (
            f"{event.type} has {len(event.examples)} examples, in {', '.join(sorted(languages))}: "
            f"three at least, in three languages, belong in {place}"
        )
    said = {name for example in event.examples for name in example.data}
    for name in sorted(event.model_fields.keys() - said - event.not_shown.keys()) if event.examples else ():
        yield f"{event.type}: no example says {name!r}; add it to one that is not published, or a new one, in {place}"


def _faults_of_examples(event: type[PartnerEvent], place: str) -> Iterator[str]:
    for example in event.examples:
        for fault in _faults(event, example):
            yield f"{event.type}: example {example.name!r}: {fault} ({place})"


def _faults(event: type[PartnerEvent], example: Example) -> Iterator[str]:
    try:
        read = event.model_validate(example.data)
    except ValidationError as error:
        for each in error.errors():
            yield f"{'/'.join(map(str, each['loc']))}: {each['msg']}"
        return
    yield from (f"{finding.pointer}: {finding}" for finding in problems_of(read))


def _gaps_in_labels(where: str, field: FieldInfo) -> Iterator[str]:
    """What is lacking for a member to read a code of this field in words."""
    values = _values_of(field)
    try:
        labelled = codes.list_for(field)
    except codes.UnknownCodeError as unknown:
        name = str(unknown).rpartition(" ")[2]
        yield (
            f"{where} holds codes without labels: write contracts/src/contracts/data/{name}.json, "
            "each code in en, fr, es and ar"
        )
        return
    if values and labelled is None:
        yield f"{where} holds codes without labels: make it an enum, or say by LabelledBy which list has them"
    elif labelled is not None and (missing := [value for value in values if value not in labelled]):
        yield (
            f"{where} may be {', '.join(missing)}, which contracts/src/contracts/data/{labelled.name}.json has not"
        )


def _values_of(field: FieldInfo) -> list[str]:
    found: list[str] = []
    for part in parts_of(field):
        if isinstance(part, type) and issubclass(part, StrEnum):
            found += [member.value for member in part]
        elif get_origin(part) is Literal:
            found += [value for value in get_args(part) if isinstance(value, str)]
    return found


def _rules_of(model: type[BaseModel]) -> Rules:
    return model.data_rules if issubclass(model, PartnerEvent | Model) else ()


def _rules_of_nothing(event: type[PartnerEvent], model: type[BaseModel], place: str) -> Iterator[str]:
    for rule in _rules_of(model):
        if missing := [name for name in rule.fields if name not in model.model_fields]:
            yield f"{event.type}: a rule speaks of {', '.join(missing)}, which {model.__name__} has not ({place})"


def _gaps_in_rules(event: type[PartnerEvent], model: type[BaseModel], place: str) -> Iterator[str]:
    fields, declared = model.model_fields, _rules_of(model)
    thought_of = {frozenset(rule.fields) for rule in declared}
    later = {
        name: {rule.later for rule in declared if isinstance(rule, InOrder) and rule.earlier == name}
        for name in fields
    }
    for one, other in _pairs(fields):
        if not (
            frozenset((one, other)) in thought_of
            or other in _reached(later, one)
            or one in _reached(later, other)
        ):
            yield (
                f"{event.type}: nothing says whether {other!r} may lie before {one!r}: write "
                f"InOrder({one!r}, {other!r}) into `data_rules` of {model.__name__} in {place}, or InAnyOrder and why"
            )


def _pairs(fields: Mapping[str, FieldInfo]) -> Iterator[tuple[str, str]]:
    """Every two dates, and every two numbers that are called the ends of a span."""
    dates = [name for name, field in fields.items() if _holds(field, date)]
    yield from combinations(dates, 2)
    numbers = [name for name, field in fields.items() if _holds(field, int, float, Decimal)]
    for name in numbers:
        words = name.split("_")
        for start, end in SPANS:
            other = "_".join(end if word == start else word for word in words)
            if other != name and other in numbers:
                yield name, other


def _holds(field: FieldInfo, *kinds: type) -> bool:
    return any(issubclass(kind, kinds) for kind in types_of(field) - {bool})


def _reached(later: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in later[waiting.pop()] - found:
            found.add(name)
            waiting += [name] if name in later else []
    return found
