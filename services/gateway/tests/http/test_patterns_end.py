"""Patterns that are held against what others send take no longer than it is long, whatever it is."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import chassis
import contracts
import gateway


def patterns() -> Iterator[tuple[str, "re.Pattern[Any]"]]:
    for package in (gateway, chassis, contracts):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith("__main__") or ".migrations" in module.name:
                continue
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, re.Pattern):
                    yield f"{module.name}.{name}", value


def endless_within(parsed: Any, *, within: bool = False) -> bool:
    """Tell whether a repeat without end holds another, and both may be taken back: 2^n ways through n characters."""
    for kind, about in parsed:
        inner, repeats = [], False
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            _, most, body = about
            repeats, inner = most == op.MAXREPEAT, [body]
        elif kind == op.SUBPATTERN:
            inner = [about[-1]]
        elif kind == op.BRANCH:
            inner = about[1]
        elif kind in (op.ASSERT, op.ASSERT_NOT):
            inner = [about[1]]
        elif kind in (op.POSSESSIVE_REPEAT, op.ATOMIC_GROUP) and endless_within(
            about if kind == op.ATOMIC_GROUP else about[2]
        ):
            return True
        if (repeats and within) or any(endless_within(one, within=within or repeats) for one in inner):
            return True
    return False


@pytest.mark.parametrize("pattern", [pytest.param(one, id=name) for name, one in patterns()])
def test_no_repeat_without_end_holds_another(pattern: "re.Pattern[Any]") -> None:
    assert not endless_within(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))


@pytest.mark.parametrize("known", [r"(a+)+b", r"(?:;\s*(x)?\s*)*", r"(?:a|b+)*c"])
def test_what_never_ends_is_noticed(known: str) -> None:
    assert endless_within(parser.parse(known))
