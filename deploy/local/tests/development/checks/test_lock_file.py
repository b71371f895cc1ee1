"""What is asked for and not locked is found."""

from pathlib import Path

from ssenet.development.checks.lock_file import lock_faults
from ssenet.project import ROOT


def test_the_lock_holds_what_the_packages_ask_for() -> None:
    assert list(lock_faults(ROOT)) == []


def test_a_requirement_that_is_not_locked_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["part"]\n', encoding="utf-8")
    (tmp_path / "part" / "pyproject.toml").write_text(
        '[project]\nname = "part"\ndependencies = ["rich", "psutil>=7"]\n', encoding="utf-8"
    )
    (tmp_path / "uv.lock").write_text(
        '[[package]]\nname = "part"\n[package.metadata]\nrequires-dist = [{ name = "rich" }]\n',
        encoding="utf-8",
    )

    assert list(lock_faults(tmp_path)) == ["part: psutil is not in uv.lock; run `uv lock`"]
