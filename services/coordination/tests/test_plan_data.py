"""The packaged action plan is the paper's, exactly."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.words import Labels, Language, TargetGroup, Theme
from coordination import packaged

ANNEX = Path(__file__).resolve().parents[3].parent / "shared" / "action_plan.yaml"


def test_the_plan_has_all_its_parts() -> None:
    plan = packaged.plan()
    results = list(plan.results())

    assert len(plan.tree.objectives) == 3
    assert len(list(plan.outputs())) == 9
    assert len(results) == 17
    assert sum(len(result.serves.conclusions) for result in results) == 97
    assert sum(len(result.serves.programme) for result in results) == 88
    assert len({code for result in results for code in result.serves.conclusions}) == 44
    assert len({code for result in results for code in result.serves.programme}) == 31


def test_the_plan_adds_up_to_the_cent() -> None:
    tree = packaged.plan().tree

    assert [str(objective.estimate) for objective in tree.objectives] == ["15.6", "17.2", "4.7"]
    assert tree.estimate == Decimal("37.5")


def test_the_plan_runs_from_2023_to_2029() -> None:
    plan = packaged.plan()
    ends = [result.years.last for result in plan.results()]

    assert (plan.tree.years.first, plan.tree.years.last) == (2023, 2029)
    assert {result.years.first for result in plan.results()} == {2023}
    assert (ends.count(2023), ends.count(2028), ends.count(2029)) == (2, 2, 13)


def test_the_plan_has_everything_around_its_tree() -> None:
    context = packaged.plan().context

    assert [principle.code for principle in context.principles] == ["7a", "7b", "7c", "7d", "7e"]
    assert [theme.code for theme in context.themes] == list(Theme)
    assert set(context.target_groups) == set(TargetGroup)
    assert len(context.actors) == 30
    assert len(context.consultation) == 12
    assert len(context.milestones) == 7
    assert (len(context.instruments), len(context.evaluations)) == (9, 2)


def test_every_text_of_the_plan_is_in_four_languages() -> None:
    for labels in _labels(packaged.plan().model_dump()):
        texts = [labels[language] for language in Language]
        assert all(text.strip() for text in texts)
        assert any("\N{ARABIC LETTER HAMZA}" <= letter <= "\N{ARABIC LETTER YEH}" for letter in labels["ar"])


@pytest.mark.skipif(
    not ANNEX.exists(), reason="the extraction of the paper's table is not beside this checkout"
)
class TestAgainstTheExtraction:
    """Where the extraction of the paper's table is at hand, the packaged plan says the same."""

    def test_the_tree_is_the_same(self) -> None:
        annex, tree = _annex(), packaged.plan().tree

        assert tree.code == annex["document"]["id"]
        assert str(tree.estimate) == str(annex["document"]["total_estimate_usd_million"])
        assert [*tree.biennia] == annex["biennia"]
        assert [
            {
                "code": each.code,
                "title": each.title.model_dump(),
                "short": each.short.model_dump(),
                "estimate_usd_million": str(each.estimate),
                "paragraphs": [*each.paragraphs],
            }
            for each in tree.objectives
        ] == [
            {**_less(each, "seed_lines"), "estimate_usd_million": str(each["estimate_usd_million"])}
            for each in annex["objectives"]
        ]

    def test_the_outputs_are_the_same(self) -> None:
        assert [
            {
                "code": output.code,
                "objective": objective.code,
                "paragraphs": [*output.paragraphs],
                "title": output.title.model_dump(),
            }
            for objective, output in packaged.plan().outputs()
        ] == _annex()["outputs"]

    def test_the_results_are_the_same(self) -> None:
        assert [
            {
                "code": result.code,
                "output": output.code,
                "title": result.title.model_dump(),
                "conclusions": [*result.serves.conclusions],
                "pb": [*result.serves.programme],
                "start": result.years.first,
                "end": result.years.last,
            }
            for _, output in packaged.plan().outputs()
            for result in output.results
        ] == [_less(each, "seed_lines") for each in _annex()["results"]]

    def test_what_surrounds_the_tree_is_the_same(self) -> None:
        annex, context = _annex(), packaged.plan().context

        assert {p.code: p.title.model_dump() for p in context.principles} == _titles(
            annex["operating_principles"]
        )
        assert {t.paragraph: t.title.model_dump() for t in context.themes} == _titles(
            annex["priority_themes"]
        )
        assert {group.value: [*named] for group, named in context.target_groups.items()} == {
            each["code"]: [_paragraph(one) for one in each["paragraphs"]] for each in annex["target_groups"]
        }
        assert [(a.code, a.kind, [*a.paragraphs], a.result) for a in context.actors] == [
            (a["code"], a["kind"], a.get("paragraphs", []), a.get("result")) for a in annex["actors"]
        ]
        assert [(m.code, m.year, m.month, m.until, [*m.results]) for m in context.milestones] == [
            (m["code"], m["year"], m.get("month"), m.get("end"), m.get("results", []))
            for m in annex["milestones"]
        ]
        assert [(i.code, i.year, i.amended, [*i.paragraphs]) for i in context.instruments] == [
            (i["code"], i.get("year"), i.get("amended"), i["paragraphs"]) for i in annex["instruments"]
        ]
        assert [(e.code, f"{e.years.first}-{e.years.last}") for e in context.evaluations] == [
            (e["code"], e["period"]) for e in annex["evaluations"]
        ]

    def test_who_is_consulted_is_the_same(self) -> None:
        assert [
            (c.about, c.kind, [*c.parties], [*c.also], c.conference, [*c.paragraphs])
            for c in packaged.plan().context.consultation
        ] == [
            (
                c["result"],
                c["kind"],
                c["parties"],
                c.get("also", []),
                c.get("conference"),
                [_paragraph(source.removeprefix("para ")) for source in c["sources"]],
            )
            for c in _annex()["consultation"]
        ]


def _annex() -> dict[str, Any]:
    # The annex writes French with the typewriter's apostrophe, and Arabic tanwin after its alif.
    return _typeset(yaml.safe_load(ANNEX.read_text(encoding="utf-8")))


def _tanwin_first(arabic: str) -> str:
    alif, tanwin = "\N{ARABIC LETTER ALEF}", "\N{ARABIC FATHATAN}"
    return arabic.replace(alif + tanwin, tanwin + alif)


def _typeset(content: Any) -> Any:
    match content:
        case {"fr": str(fr), "ar": str(ar), **labels}:
            return labels | {
                "fr": fr.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}"),
                "ar": _tanwin_first(ar),
            }
        case dict():
            return {name: _typeset(value) for name, value in content.items()}
        case list():
            return [_typeset(value) for value in content]
        case _:
            return content


def _less(content: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != key}


def _titles(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["code"]: row["title"] for row in rows}


def _paragraph(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def _labels(content: Any) -> Iterator[dict[str, str]]:
    if isinstance(content, dict):
        if set(content) == set(Labels.model_fields):
            yield content
        else:
            for value in content.values():
                yield from _labels(value)
    elif isinstance(content, (list, tuple)):
        for value in content:
            yield from _labels(value)
