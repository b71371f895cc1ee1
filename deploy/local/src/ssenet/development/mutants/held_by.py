"""Which modules decide, and which tests hold them: the one table to be kept when such a module moves or comes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ssenet.project import ROOT


@dataclass(frozen=True)
class Held:
    """A module, or a package and all in it; the tests written for it, and those asked about what these let pass."""

    name: str
    tests: tuple[str, ...]
    wider: tuple[str, ...] = ()

    def sources(self) -> dict[str, Path]:
        """The modules and their files."""
        path = self.name.replace(".", "/")
        return {
            ".".join(found.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): found
            for root in (*ROOT.glob("*/src"), *ROOT.glob("services/*/src"))
            for found in sorted({*root.glob(f"{path}.py"), *root.glob(f"{path}/**/*.py")})
        }


def arguments(tests: Sequence[str]) -> list[str]:
    """For pytest: options as they are, and of each pattern the files it stands for."""
    return [found for each in tests for found in ([each] if _is_option(each) else _files(each))]


def _is_option(argument: str) -> bool:
    return argument.startswith("-")


def _files(pattern: str) -> Iterator[str]:
    return (str(path.relative_to(ROOT)) for path in sorted(ROOT.glob(pattern)))


_SIMULATION: Final = ("chassis/tests/simulation/test_seeds.py", "chassis/tests/simulation/test_stateful.py")
_FEWER: Final = "--sim-seeds=200"
_EVENTS_READ: Final = "services/gateway/tests/partners/domain/test_*.py"

HELD: Final = (
    Held(
        "contracts.gate",
        ("contracts/tests/test_gate_*.py", "contracts/tests/test_gate.py"),
        ("contracts/tests/test_*.py", "deploy/local/tests/development/test_contract_editions.py"),
    ),
    Held(
        "contracts.data_rules",
        ("contracts/tests/test_data_rules.py", "contracts/tests/test_checks.py"),
        ("contracts/tests",),
    ),
    Held(
        "contracts.checks",
        ("contracts/tests/test_checks.py", "contracts/tests/test_data_rules.py"),
        ("contracts/tests",),
    ),
    Held("contracts.completeness", ("contracts/tests/test_completeness.py",), ("contracts/tests",)),
    Held(
        "chassis.outbox.relay_decisions",
        ("chassis/tests/outbox/test_relay_*.py", *_SIMULATION, _FEWER),
        _SIMULATION,
    ),
    Held("chassis.outbox.low_watermark", ("chassis/tests/outbox/test_low_watermark.py",), _SIMULATION),
    Held(
        "chassis.inbox.ordering",
        (
            "chassis/tests/inbox/test_ordering.py",
            "chassis/tests/simulation/test_ordering.py",
            *_SIMULATION,
            _FEWER,
        ),
        _SIMULATION,
    ),
    Held(
        "chassis.consumer.sequence_check",
        ("chassis/tests/consumer/test_sequence_check.py", *_SIMULATION, _FEWER),
        _SIMULATION,
    ),
    Held("chassis.sites.homes", (*_SIMULATION, _FEWER), _SIMULATION),
    Held(
        "chassis.partitions",
        ("chassis/tests/test_partitions.py",),
        ("chassis/tests/broker/test_provision.py", "chassis/tests/test_backbone.py"),
    ),
    Held(
        "coordination.domain",
        (
            "services/coordination/tests/test_*rules.py",
            "services/coordination/tests/test_plan_data.py",
            "services/coordination/tests/test_working_days.py",
        ),
        ("services/coordination/tests",),
    ),
    Held(
        "notifications.domain",
        (
            "services/notifications/tests/test_domain.py",
            "services/notifications/tests/test_settling.py",
            "services/notifications/tests/test_moves.py",
        ),
        ("services/notifications/tests",),
    ),
    Held("registry.domain", ("services/registry/tests/test_domain.py",), ("services/registry/tests",)),
    Held("gateway.partners.domain", (_EVENTS_READ,), ("services/gateway/tests/partners",)),
    Held(
        "gateway.http.faults",
        ("services/gateway/tests/http/test_faults.py", _EVENTS_READ),
        ("services/gateway/tests/partners",),
    ),
    Held(
        "gateway.http.validation",
        (_EVENTS_READ,),
        ("services/gateway/tests/partners", "services/gateway/tests/http"),
    ),
    Held(
        "gateway.journeys.domain",
        ("services/gateway/tests/journeys/test_domain.py",),
        ("services/gateway/tests/journeys", "services/gateway/tests/partners"),
    ),
    Held(
        "gateway.sessions.domain",
        ("services/gateway/tests/sessions/test_domain.py",),
        ("services/gateway/tests/sessions", "services/gateway/tests/sign_in"),
    ),
    Held("gateway.sign_in.domain", ("services/gateway/tests/sign_in/test_workflows.py",)),
)
