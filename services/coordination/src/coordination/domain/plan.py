"""The action plan as reviewed data: its tree, what surrounds it, and what must hold between the two."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from contracts import codes
from contracts.words import Labels, ResultCode, TargetGroup, Theme

Paragraph = int | str


def _written_out(value: object) -> object:
    if isinstance(value, float):
        raise ValueError("an amount is written as text, so that nothing rounds it")  # noqa: TRY004 - pydantic reports ValueError
    return value


Amount = Annotated[Decimal, BeforeValidator(_written_out), Field(gt=0)]
"""Millions of United States dollars, exact."""


class _Strict(BaseModel):
    """Reviewed data: an unknown key is a mistake of the writer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Years(_Strict):
    first: int
    last: int

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first > self.last:
            raise ValueError("the first year comes after the last")
        return self


class Serves(_Strict):
    """What a result answers to: points of the 2022 conclusions, and codes of the Programme and Budget."""

    conclusions: tuple[str, ...]
    programme: tuple[str, ...]

    @model_validator(mode="after")
    def _are_in_the_code_lists(self) -> Self:
        unknown = [code for code in self.conclusions if not codes.known("conclusions_points", code)]
        unknown += [code for code in self.programme if not codes.known("pb_outputs", code)]
        if unknown:
            raise ValueError(f"served but in no code list: {', '.join(unknown)}")
        return self


class Result(_Strict):
    code: ResultCode
    title: Labels
    years: Years
    serves: Serves


class Output(_Strict):
    code: str
    title: Labels
    paragraphs: tuple[Paragraph, ...]
    results: tuple[Result, ...] = Field(min_length=1)


class Objective(_Strict):
    code: str
    title: Labels
    short: Labels
    estimate: Amount
    paragraphs: tuple[Paragraph, ...]
    outputs: tuple[Output, ...] = Field(min_length=1)


class Conference(_Strict):
    conference: int
    year: int
    month: int


class MainOutcome(_Strict):
    programme: str
    biennium: str


class Source(_Strict):
    body: str
    session: int
    section: str
    item: int
    dated: date
    decision_paragraph: int
    related: tuple[str, ...]
    follows: Conference
    main_outcome: MainOutcome


class Tree(_Strict):
    """Objectives, outputs and results, in the order of the paper's table."""

    code: str
    years: Years
    currency: Literal["USD"]
    estimate: Amount
    source: Source
    biennia: tuple[str, ...]
    objectives: tuple[Objective, ...]

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if (total := sum(objective.estimate for objective in self.objectives)) != self.estimate:
            raise ValueError(f"the objectives add up to {total}, not to {self.estimate}")
        return self

    @model_validator(mode="after")
    def _codes_nest(self) -> Self:
        """Every code is its place in the table, which leaves room for no other and for none twice."""
        for number, objective in enumerate(self.objectives, start=1):
            if objective.code != str(number):
                raise ValueError(f"objective {objective.code} is out of place as number {number}")
            for place, output in enumerate(objective.outputs, start=1):
                if output.code != f"{objective.code}.{place}":
                    raise ValueError(f"output {output.code} is out of place under objective {objective.code}")
                for row, result in enumerate(output.results, start=1):
                    if result.code != f"{output.code}.{row}":
                        raise ValueError(f"result {result.code} is out of place under output {output.code}")
        return self


class Principle(_Strict):
    code: str
    title: Labels
    revised_when: tuple[str, ...] = ()


class PriorityTheme(_Strict):
    paragraph: str
    code: Theme
    title: Labels


class PlanActor(_Strict):
    """A body that the paper names; `unit` is its code in the directory where the two differ."""

    code: str
    kind: Literal["governance", "office", "constituent", "public", "statistics", "partner", "audience"]
    name: Labels
    unit: str | None = None
    part: str | None = None
    paragraphs: tuple[Paragraph, ...] = ()
    result: ResultCode | None = None


class Consultation(_Strict):
    """Who must be heard on a result (or on all of them, or on the network itself), and how."""

    about: ResultCode | Literal["all", "network"]
    kind: Literal["constituents", "conference", "demand", "bureaux", "governance"]
    how: str
    parties: tuple[str, ...] = Field(min_length=1)
    also: tuple[str, ...] = ()
    conference: int | None = None
    paragraphs: tuple[Paragraph, ...]


class Milestone(_Strict):
    code: str
    title: Labels
    year: int
    month: int | None = None
    until: int | None = None
    results: tuple[ResultCode, ...] = ()
    paragraphs: tuple[Paragraph, ...]


class ExtraCost(_Strict):
    paragraph: int
    amount: Amount
    beyond: str
    constant_at: str


class Shortfall(_Strict):
    choose: str
    within: tuple[str, ...]


class CostEffectiveness(_Strict):
    through: tuple[str, ...]
    first: str


class Funding(_Strict):
    estimate: ExtraCost
    sources: tuple[str, ...]
    levels: tuple[str, ...]
    shortfall: Shortfall
    cost_effectiveness: CostEffectiveness


class Instrument(_Strict):
    code: str
    year: int | None = None
    amended: int | None = None
    paragraphs: tuple[Paragraph, ...]


class Evaluation(_Strict):
    code: str
    years: Years
    paragraphs: tuple[Paragraph, ...]


class Context(_Strict):
    """What surrounds the tree."""

    principles: tuple[Principle, ...]
    themes: tuple[PriorityTheme, ...]
    target_groups: dict[TargetGroup, tuple[Paragraph, ...]]
    actors: tuple[PlanActor, ...]
    consultation: tuple[Consultation, ...]
    milestones: tuple[Milestone, ...]
    funding: Funding
    instruments: tuple[Instrument, ...]
    evaluations: tuple[Evaluation, ...]


class Plan(_Strict):
    """One content of the action plan; equal content has an equal hash."""

    tree: Tree
    context: Context

    @model_validator(mode="after")
    def _names_what_exists(self) -> Self:
        results = {result.code for result in self.results()}
        actors = {actor.code for actor in self.context.actors}
        named_results = {
            *(rule.about for rule in self.context.consultation if rule.about not in {"all", "network"}),
            *(code for milestone in self.context.milestones for code in milestone.results),
            *(actor.result for actor in self.context.actors if actor.result),
        }
        named_actors = {party for rule in self.context.consultation for party in (*rule.parties, *rule.also)}
        if unknown := sorted((named_results - results) | (named_actors - actors)):
            raise ValueError(f"named but not in the plan: {', '.join(unknown)}")
        if self.context.funding.estimate.amount != self.tree.estimate:
            raise ValueError("the funding rules and the tree estimate different amounts")
        return self

    def outputs(self) -> Iterator[tuple[Objective, Output]]:
        for objective in self.tree.objectives:
            for output in objective.outputs:
                yield objective, output

    def results(self) -> Iterator[Result]:
        for _, output in self.outputs():
            yield from output.results

    def content_hash(self) -> str:
        """SHA-256 over the content alone: comments and layout of the files do not count."""
        return sha256(self.model_dump_json().encode()).hexdigest()
