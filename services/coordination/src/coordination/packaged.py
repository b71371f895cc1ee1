"""The reviewed data that travels inside the package: the action plan and the rules, read and checked once."""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from coordination.domain.plan import Plan
from coordination.domain.rules import RuleBook


@cache
def plan() -> Plan:
    """Give the packaged action plan; data that breaks its own rules never starts a service."""
    return Plan(tree=_read("action_plan.yaml"), context=_read("action_plan_context.yaml"))


@cache
def rule_book() -> RuleBook:
    """Give the packaged rules, each of which serves a result that the packaged plan has."""
    book = RuleBook.model_validate(_read("rules.yaml"))
    known = {result.code for result in plan().results()}
    for rule in book.rules:
        if unknown := [code for code in rule.results() if code not in known]:
            raise ValueError(f"rule {rule.code} serves {', '.join(unknown)}, which the plan has not")
    return book


def _read(name: str) -> Any:
    # By libyaml: the same in Python takes a fifth of a second of the start.
    return yaml.load(
        files("coordination").joinpath("data", name).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
    )
