"""Small changes are found, drawn and planted one at a time, and the tests of their module say what they notice."""

import ast
import importlib
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ssenet.development.mutants.attempts import Attempt, Change, Outcome, carry_out, folder_for_tests
from ssenet.development.mutants.held_by import HELD, Held, arguments
from ssenet.development.mutants.planting import mutants_in, plant
from ssenet.development.mutants.run import changes, draw, how_many, known_to_change_nothing
from ssenet.project import ROOT
from ssenet.terminal.errors import CommandError

SEQUENCE_CHECK = "chassis.consumer.sequence_check"


@pytest.mark.parametrize("held", HELD, ids=lambda held: held.name)
def test_every_row_names_modules_and_tests_that_are_there(held: Held) -> None:
    assert held.sources()
    for pattern in (*held.tests, *held.wider):
        assert all((ROOT / path).exists() for path in arguments([pattern]) if not path.startswith("-"))
        assert arguments([pattern]), pattern


def afters(source: str, operator: str) -> list[str]:
    return [one.after for one in mutants_in(source.encode()) if one.operator == operator]


@pytest.mark.parametrize(
    ("operator", "statement", "expected"),
    [
        ("comparison", "return a < b", ["return a >= b"]),
        ("comparison", "return a is None", ["return a is not None"]),
        ("boundary", "return a < b <= c", ["return a <= b <= c", "return a < b < c"]),
        ("negate condition", "return a if b else c", ["return a if not b else c"]),
        ("never", "return a if b else c", ["return a if b and False else c"]),
        ("and/or", "return a and b", ["return a or b"]),
        (
            "drop operand",
            "return a or b or c",
            ["return b or c", "return a or c", "return a or b"],
        ),
        ("drop not", "return not a", ["return a"]),
        ("remove statement", "raise a", ["pass"]),
        ("remove statement", "yield a", ["yield from ()"]),
        ("remove statement", "b = a", []),
        ("remove statement", "b = a\n    b = c", ["pass", "pass"]),
        ("boolean", "return True", ["return False"]),
        ("constant", "return 7", ["return 8", "return 6"]),
        ("string", "return 'a'", ["return 'aX'"]),
        ("string", "raise a('b')", []),
        ("regex", "return b.match('a+')", []),
        ("function", "return min(a, key=b)", ["return max(a, key=b)"]),
        ("function", "return sorted(a, key=b)", ["return list(a)"]),
        ("swap arguments", "return a(b, c)", ["return a(c, b)"]),
        (
            "drop filter",
            "return [a for a in b if c if d]",
            ["return [a for a in b if d]", "return [a for a in b if c]"],
        ),
        ("drop keyword", "return a(b=1, c=2)", ["return a(c=2)", "return a(b=1)"]),
        ("drop keyword", "return zip(a, b, strict=True)", []),
        ("return", "return a", ["return None"]),
        ("drop element", "return {a, b}", ["return {b}", "return {a}"]),
        ("drop element", "return {a: 1, b: 2}", ["return {b: 2}", "return {a: 1}"]),
    ],
)
def test_an_operator_makes_the_mistakes_of_its_name(
    operator: str, statement: str, expected: Sequence[str]
) -> None:
    assert afters(f"def decide():\n    {statement}", operator) == list(expected)


def test_a_pattern_loses_an_anchor_a_quantifier_or_moves_a_bound() -> None:
    found = afters("CODE = re.compile('^[a-z]+-[0-9]{2,4}$')", "regex")

    patterns = [ast.literal_eval(one.removeprefix("CODE = re.compile(").removesuffix(")")) for one in found]
    assert patterns == [
        "[a-z]+-[0-9]{2,4}$",
        "^[a-z]+-[0-9]{2,4}",
        "^[a-z]+-[0-9]{1,4}$",
        "^[a-z]+-[0-9]{3,4}$",
        "^[a-z]+-[0-9]{2,3}$",
        "^[a-z]+-[0-9]{2,5}$",
        "^[a-z]-[0-9]{2,4}$",
    ]


def test_what_decides_nothing_is_left_alone_and_a_field_of_a_model_is_not() -> None:
    source = '''
"""Words."""
from a import b
T = TypeVar("T")
class C:
    """Words."""
    one: "Literal[1]"
    two: Annotated[str, Field(pattern="a+")] = cast("str", b)
'''

    assert [(one.line, one.within, one.operator, one.after) for one in mutants_in(source.encode())] == [
        (8, "C", "drop keyword", "two: Annotated[str, Field()] = cast('str', b)"),
        (8, "C", "regex", "two: Annotated[str, Field(pattern='a')] = cast('str', b)"),
    ]


def test_a_planted_change_runs_and_touches_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "def is_due(day, today):\n    return day <= today\n"
    module = tmp_path / "due_in_these_tests.py"
    module.write_text(source, encoding="utf-8")
    [number] = [
        number for number, one in enumerate(mutants_in(source.encode())) if one.after == "return day < today"
    ]
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])

    plant("due_in_these_tests", number)

    assert importlib.import_module("due_in_these_tests").is_due(7, 7) is False
    assert [path.name for path in tmp_path.iterdir()] == ["due_in_these_tests.py"]
    assert module.read_text(encoding="utf-8") == source


def test_a_seed_draws_the_same_changes_whatever_else_could_be_drawn() -> None:
    found = changes(HELD[0].sources()["contracts.gate.merging"])
    some = found[::2]

    drawn = draw(found, 20, seed=3)

    assert draw(found, 20, seed=3) == drawn
    assert draw(found, 20, seed=4) != drawn
    assert {one.number for one in drawn} & {one.number for one in some} <= {
        one.number for one in draw(some, 20, seed=3)
    }
    assert len(draw(found, len(found) + 1, seed=3)) == len(found)


def test_a_path_without_decisions_and_a_number_that_is_none_are_refused() -> None:
    with pytest.raises(CommandError, match="no module that decides"):
        changes(ROOT / "README.md")
    with pytest.raises(CommandError, match="not 'many'"):
        how_many(["many"])
    assert how_many(["7"]) == 7


def test_every_change_that_changes_nothing_is_listed_with_a_reason() -> None:
    assert all(because.strip() for because in known_to_change_nothing().values())


def test_tests_tell_a_change_from_none_and_whatever_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    [held] = [one for one in HELD if one.name == SEQUENCE_CHECK]
    change = next(
        one for one in changes(held.sources()[SEQUENCE_CHECK]) if one.mutant.before == "return Arrival.TAKEN"
    )
    tests = ("chassis/tests/consumer/test_sequence_check.py",)

    def outcome_of(change: Change | None, patience: float) -> Outcome:
        with folder_for_tests() as folder:
            [(_, outcome, _)] = carry_out([Attempt(tests, change, patience)], folder)
        assert not folder.exists()
        return outcome

    assert outcome_of(None, math.inf) is Outcome.UNNOTICED
    assert outcome_of(change, math.inf) is Outcome.NOTICED
    assert outcome_of(None, 0) is Outcome.TIMED_OUT
