"""What a partner cannot be, and how long its keys are good."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ssenet.data_folder.folder import DataFolder
from ssenet.data_folder.state_file import State
from ssenet.network.client import Network
from ssenet.partners import grants_and_keys
from ssenet.terminal.errors import CommandError


@pytest.mark.parametrize("code", ["bad code!", "fao", "", "A/B", "É", "A" * 41])
def test_a_code_that_no_partner_can_have_is_refused_in_words(folder: DataFolder, code: str) -> None:
    with pytest.raises(CommandError) as refused:
        grants_and_keys.add(folder, code, name="Name", grants=[], language="en")

    assert "begins with a capital letter or a digit" in refused.value.hint


@dataclass(frozen=True)
class Registry(Network):
    """A registry that issues keys, and notes what it was told of them."""

    told: list[Any] = field(default_factory=list[Any])

    def ask(self, service: str, method: str, path: str, body: object = None) -> Any:  # noqa: ARG002 - as it is
        if method == "GET":
            at = "2027-06-30T00:00:00Z"
            keys = [{"key_id": "abc", "expires_at": None}, {"key_id": "xyz", "expires_at": at}]
            return [{"code": "FAO", "name": "FAO", "grants": ["partner.x.v1"], "keys": keys}]
        self.told.append(body)
        return {"key": "sse_a_b", "expires_at": (body or {}).get("expires_at")}  # type: ignore[attr-defined]


@pytest.fixture
def registry(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> Registry:
    stand_in = Registry(folder, State(1, 0.0, "http://localhost:1", 1))

    def running(_: DataFolder) -> Registry:
        return stand_in

    monkeypatch.setattr(grants_and_keys, "the_network", running)
    return stand_in


def test_a_key_ends_when_it_is_told_to(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    grants_and_keys.add(registry.folder, "FAO", name="FAO", grants=[], language="en", expires="365d")
    grants_and_keys.rotate(registry.folder, "FAO", expires="2027-06-30")
    grants_and_keys.rotate(registry.folder, "FAO")

    _partner, added, rotated, lasting = registry.told
    in_a_year = datetime.now(UTC) + timedelta(days=365)
    assert abs(datetime.fromisoformat(added["expires_at"]) - in_a_year) < timedelta(minutes=5)
    assert rotated == {"expires_at": "2027-06-30T00:00:00+00:00"}
    assert lasting is None
    printed = capsys.readouterr()
    assert printed.out == "sse_a_b\n" * 3
    assert "good until 2027-06-30;" in printed.err


def test_the_list_says_until_when_a_key_is_good(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    grants_and_keys.show(registry.folder, as_json=False)

    assert "xyz until 2027-06-30" in capsys.readouterr().out


def test_the_list_shortens_no_code(
    registry: Registry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    code = "A-CODE-OF-FORTY-CHARACTERS-NOT-SHORTENED"
    one: dict[str, Any] = {
        "code": code,
        "name": "A name of many words that takes several lines",
        "grants": ["partner.assistance.requested.v1"],
        "keys": [],
    }

    def ask(*_: Any) -> list[dict[str, Any]]:
        return [one]

    monkeypatch.setattr(Registry, "ask", ask)

    grants_and_keys.show(registry.folder, as_json=False)

    printed = capsys.readouterr().out
    assert code in printed
    assert "partner.assistance.requested.v1" in printed
    assert "…" not in printed


@pytest.mark.parametrize("expires", ["soon", "365", "-1d"])
def test_an_end_that_is_no_time_is_refused_before_anything_is_done(registry: Registry, expires: str) -> None:
    with pytest.raises(CommandError, match="--expires"):
        grants_and_keys.add(registry.folder, "FAO", name="FAO", grants=[], language="en", expires=expires)

    assert registry.told == []
