"""The durables on the broker are those that the subscribers name, and none goes unnoticed."""

import shutil
from pathlib import Path

import pytest

from chassis.subscriptions.router import Batch, Subscriptions, Tx
from contracts.registry import MemberFacts, MemberJoinedV1, MemberLeftV1, MemberUpdatedV1
from ssenet.development import generate_topology
from ssenet.development.generate_topology import described, lost, stale, write
from ssenet.project import ROOT
from ssenet.terminal.errors import CommandError

COORDINATION = "deploy/nats/services/coordination.yaml"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "deploy" / "nats", tmp_path / "deploy" / "nats")
    return tmp_path


def edit(checkout: Path, old: str, new: str) -> str:
    path = checkout / COORDINATION
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return text


def test_what_is_committed_is_what_the_subscribers_hear() -> None:
    assert stale() == []
    assert lost() == []


def test_a_changed_file_is_named_and_brought_back_to_the_byte(checkout: Path) -> None:
    before = edit(checkout, "[partner.research.published.v1]", "[partner.concern.raised.v1]")

    assert stale(checkout) == [COORDINATION]
    assert write(checkout) == [COORDINATION]

    assert (checkout / COORDINATION).read_text(encoding="utf-8") == before
    assert write(checkout) == []


def test_what_is_written_by_hand_stays(checkout: Path) -> None:
    edit(checkout, "partitions: 1\n", "partitions: 4\n")

    assert stale(checkout) == []


def test_a_durable_that_nobody_hears_on_is_never_taken_out(checkout: Path) -> None:
    edit(checkout, "durable: coordination-open-entity-tasks", "durable: coordination-open-body-tasks")

    assert [fault.partition(" any more")[0] for fault in lost(checkout)] == [
        f"{COORDINATION}: nobody hears on coordination-open-body-tasks"
    ]
    with pytest.raises(CommandError, match="a durable would go") as refusal:
        write(checkout)
    assert "never renamed" in refusal.value.hint


def test_a_durable_says_why_it_is_there_and_long_lists_stand_line_by_line() -> None:
    subscriptions = Subscriptions("listener")

    @subscriptions.hears(MemberJoinedV1, durable="listener-greet")
    async def greet(members: Batch[MemberFacts], tx: Tx) -> None:
        """Greet who joined.

        Once.
        """

    @subscriptions.hears(
        MemberJoinedV1, MemberUpdatedV1, MemberLeftV1, MemberLeftV1, durable="listener-count"
    )
    async def count(members: Batch[MemberFacts], tx: Tx) -> None: ...

    text = described("service: listener\nannounces: []\nhears: []\n", list(subscriptions))

    assert text == (
        "service: listener\n"
        "announces: []\n"
        f"{generate_topology.GENERATED}\n"
        "hears:\n"
        "  # Greet who joined.\n"
        "  - durable: listener-greet\n"
        "    types: [registry.member.joined.v1]\n"
        "  - durable: listener-count\n"
        "    types:\n"
        "      - registry.member.joined.v1\n"
        "      - registry.member.updated.v1\n"
        "      - registry.member.left.v1\n"
        "      - registry.member.left.v1\n"
    )
    assert described(text, list(subscriptions)) == text


def test_subscribers_that_cannot_be_loaded_are_said_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(name: str) -> None:
        raise ValueError(f"{name}: two rules share one code")

    monkeypatch.setattr(generate_topology, "import_module", refuse)

    with pytest.raises(CommandError, match="What registry hears is not known") as refusal:
        stale()
    assert "two rules share one code" in refusal.value.hint
