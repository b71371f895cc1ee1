"""The command as it is composed: its help, and what every sub-command does with words that are none and with Ctrl-C."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ssenet.main import cli
from ssenet.terminal.errors import CommandError


@pytest.mark.parametrize(
    "words",
    ["logs", "link", "partner add", "deadletters replay", "deadletters discard", "bench", "contracts diff"],
)
def test_help_brackets_what_may_be_left_out_only_once(words: str) -> None:
    said = CliRunner().invoke(cli, [*words.split(), "--help"]).stdout

    assert f"{words} [OPTIONS]" in said
    assert "[[" not in said


def test_a_command_that_is_interrupted_while_it_loads_ends_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")

    ended = subprocess.run(
        [sys.executable, "-P", "-m", "ssenet", "status"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )

    assert ended.stderr == b""
    assert ended.returncode == -signal.SIGINT


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("deadletters list", "--handler"),
        ("deadletters list", "--type"),
        ("deadletters list", "--error"),
        ("deadletters replay --all", "--by"),
        ("deadletters discard --all", "--reason"),
        ("events replay", "--handler"),
        ("partner add FAO", "--grant"),
        ("partner add FAO --grant partner.research.published.v1", "--name"),
        ("partner add FAO --grant partner.research.published.v1", "--language"),
        ("partner revoke FAO", "--key"),
        ("link coordinator", "--organisation"),
    ],
)
def test_words_that_are_no_text_are_refused_with_their_option(command: str, option: str) -> None:
    said = CliRunner().invoke(cli, [*command.split(), option, "caf\udce9"])

    assert isinstance(said.exception, CommandError)
    assert said.exception.what == f"{option}: 'caf\\udce9' is not UTF-8."
    assert said.exception.exit_code == 2
