"""What the dashboards and the alerts ask Prometheus: read by a parser, and held against what is really served."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import yaml
from prometheus_client.parser import text_string_to_metric_families

TELEMETRY = Path(__file__).resolve().parents[1] / "deploy" / "telemetry"
RANGE = "30s"
"""What Grafana would put for `$__rate_interval`."""

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Panel:
    """One panel of a dashboard, with what it asks."""

    dashboard: str
    title: str
    kind: str
    expressions: tuple[str, ...]


@dataclass(frozen=True)
class Selector:
    """One metric that an expression asks for, with its matchers: label, operator, value."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]

    def matches(self, labels: Labels) -> bool:
        """Whether these labels fit every matcher, as Prometheus would say; an absent label is an empty one."""
        return all(_fits(labels.get(label, ""), how, value) for label, how, value in self.matchers)


@dataclass(frozen=True)
class Sample:
    """One series that a target serves."""

    name: str
    labels: Labels


def _fits(found: str, how: str, value: str) -> bool:
    match how:
        case "Equal":
            return found == value
        case "NotEqual":
            return found != value
        case "Re":
            return re.fullmatch(value, found) is not None
        case "NotRe":
            return re.fullmatch(value, found) is None
        case _:
            raise AssertionError(how)


def dashboards() -> dict[str, Any]:
    """Every dashboard that Grafana is given, by file name."""
    found = sorted((TELEMETRY / "grafana" / "dashboards").glob("*.json"))
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in found}


def panels() -> list[Panel]:
    """Every panel of every dashboard; `$__rate_interval` filled in."""
    return [
        Panel(
            name,
            panel["title"],
            panel["type"],
            tuple(one["expr"].replace("$__rate_interval", RANGE) for one in panel.get("targets", [])),
        )
        for name, dashboard in dashboards().items()
        for panel in dashboard["panels"]
    ]


def alerts() -> list[dict[str, Any]]:
    """Every alerting rule."""
    document = yaml.safe_load((TELEMETRY / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def everything_asked() -> list[str]:
    """The expression of every panel and every alert."""
    asked = [expression for panel in panels() for expression in panel.expressions]
    return asked + [rule["expr"] for rule in alerts()]


def selectors(expression: str) -> list[Selector]:
    """The metrics an expression asks for."""
    return [
        Selector(
            str(one.name),
            tuple((m.name, str(m.op).rpartition(".")[2], m.value) for m in one.matchers.matchers),
        )
        for one in _nodes(promql_parser.parse(expression))
        if isinstance(one, promql_parser.VectorSelector)
    ]


def grouped_by(expression: str) -> set[str]:
    """The labels that an expression groups or joins by."""
    found: set[str] = set()
    for one in _nodes(promql_parser.parse(expression)):
        if isinstance(one, promql_parser.AggregateExpr) and one.modifier is not None:
            found |= set(one.modifier.labels)
        elif isinstance(one, promql_parser.BinaryExpr) and one.modifier is not None and one.modifier.matching:
            found |= set(one.modifier.matching.labels)
    return found


def _nodes(expression: Any) -> list[Any]:
    found: list[Any] = []
    promql_parser.walk(expression, found.append)
    return found


def samples(text: str, target: Labels) -> Iterator[Sample]:
    """What a target served, as Prometheus would store it: with the target's own labels."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield Sample(sample.name, {**sample.labels, **target})


def unanswered(expression: str, served: Iterable[Sample]) -> list[Selector]:
    """What an expression asks for and nobody serves."""
    by_name: dict[str, list[Labels]] = {}
    for sample in served:
        by_name.setdefault(sample.name, []).append(sample.labels)
    return [
        asked
        for asked in selectors(expression)
        if not any(asked.matches(labels) for labels in by_name.get(asked.name, ()))
    ]
