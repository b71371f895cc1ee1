"""What must hold in a plan before a service starts with it, and what makes two plans one."""

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from coordination import packaged
from coordination.domain.plan import Plan

CONTENT: dict[str, Any] = packaged.plan().model_dump(mode="json")
RESULT_CODES = [result.code for result in packaged.plan().results()]


def the_plan_with(*path: str | int, value: Any) -> dict[str, Any]:
    """The packaged plan, with one place of it said otherwise."""
    content = deepcopy(CONTENT)
    at(content, *path[:-1])[path[-1]] = value
    return content


def at(content: Any, *path: str | int) -> Any:
    for step in path:
        content = content[step]
    return content


def objective(number: int, *path: str | int) -> tuple[str | int, ...]:
    return ("tree", "objectives", number, *path)


FIRST_RESULT = objective(0, "outputs", 0, "results", 0)


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (objective(0, "estimate"), "15.7", r"add up to 37\.6"),
        (objective(0, "estimate"), 15.6, "written as text"),
        (objective(0, "estimate"), "0", "greater than 0"),
        (objective(0, "code"), "2", "objective 2 is out of place"),
        (objective(1, "outputs", 1, "code"), "2.1", r"output 2\.1 is out of place"),
        (objective(1, "outputs", 1, "code"), "1.2", r"output 1\.2 is out of place"),
        ((*FIRST_RESULT, "code"), "1.1.2", r"result 1\.1\.2 is out of place"),
        (objective(2, "outputs"), [], "at least 1"),
        (objective(2, "outputs", 1, "results"), [], "at least 1"),
        ((*FIRST_RESULT, "years"), {"first": 2029, "last": 2023}, "first year comes after"),
        ((*FIRST_RESULT, "serves", "conclusions"), ["7(a)", "7(z)"], r"no code list: 7\(z\)"),
        ((*FIRST_RESULT, "serves", "programme"), ["4.1", "D.1"], r"no code list: D\.1"),
        ((*FIRST_RESULT, "colour"), "red", "not permitted"),
        (("tree", "currency"), "CHF", "USD"),
        (("context", "funding", "estimate", "amount"), "37.4", "different amounts"),
        (("context", "consultation", 0, "about"), "3.3.9", r"not in the plan: 3\.3\.9"),
        (("context", "consultation", 0, "parties"), ["NOBODY"], "not in the plan: NOBODY"),
        (("context", "consultation", 0, "parties"), [], "at least 1"),
        (("context", "consultation", 0, "also"), ["NOBODY", "GB", "ANYBODY"], "plan: ANYBODY, NOBODY"),
        (("context", "milestones", 0, "results"), ["1.1.1", "3.3.9"], r"not in the plan: 3\.3\.9"),
        (("context", "actors", 0, "result"), "3.3.9", r"not in the plan: 3\.3\.9"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(
    path: tuple[str | int, ...], value: Any, complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Plan.model_validate(the_plan_with(*path, value=value))


def test_an_objective_may_cost_less_than_a_million() -> None:
    content = the_plan_with(*objective(0, "estimate"), value="0.5")
    content["tree"]["objectives"][1]["estimate"] = "32.3"

    assert [str(each.estimate) for each in Plan.model_validate(content).tree.objectives] == [
        "0.5",
        "32.3",
        "4.7",
    ]


def test_a_result_may_end_in_the_year_it_begins() -> None:
    content = the_plan_with(*FIRST_RESULT, "years", value={"first": 2026, "last": 2026})

    assert next(Plan.model_validate(content).results()).years.last == 2026


@given(st.permutations(RESULT_CODES))
def test_a_result_stands_at_its_own_place_and_at_no_other(order: list[str]) -> None:
    content, codes = deepcopy(CONTENT), iter(order)
    for each in content["tree"]["objectives"]:
        for output in each["outputs"]:
            for result in output["results"]:
                result["code"] = next(codes)

    if order == RESULT_CODES:
        assert Plan.model_validate(content) == packaged.plan()
    else:
        with pytest.raises(ValidationError, match="out of place"):
            Plan.model_validate(content)


@pytest.mark.parametrize(
    "collection",
    [("tree", "objectives"), objective(0, "outputs"), objective(0, "outputs", 0, "results")],
    ids=lambda path: path[-1],
)
def test_nothing_stands_twice_in_a_plan(collection: tuple[str | int, ...]) -> None:
    content = deepcopy(CONTENT)
    at(content, *collection).append(deepcopy(at(content, *collection, -1)))
    # That the amounts add up says nothing of the codes.
    total = str(sum(Decimal(each["estimate"]) for each in content["tree"]["objectives"]))
    content["tree"]["estimate"] = content["context"]["funding"]["estimate"]["amount"] = total

    with pytest.raises(ValidationError, match="out of place"):
        Plan.model_validate(content)


def test_the_same_content_has_the_same_hash_and_any_other_content_another() -> None:
    same = Plan.model_validate(deepcopy(CONTENT))
    others = [
        the_plan_with(*FIRST_RESULT, "years", "last", value=2028),
        the_plan_with(*FIRST_RESULT, "title", "ar", value="بحث"),
        the_plan_with("context", "milestones", 0, "year", value=2030),
    ]

    assert same.content_hash() == packaged.plan().content_hash()
    assert len({plan.content_hash() for plan in (same, *map(Plan.model_validate, others))}) == 4


def test_nobody_who_reads_the_plan_can_change_it_for_the_others() -> None:
    field = "code"

    for part in (packaged.plan().tree, packaged.plan().tree.objectives[0], packaged.rule_book().rules[0]):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, field, "3")
