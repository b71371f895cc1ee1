"""Whoever reads may go away."""

import subprocess
import sys
from pathlib import Path


def test_a_reader_that_has_had_enough_is_no_failure(tmp_path: Path) -> None:
    code = (
        "import sys; from ssenet.terminal.output import tell; sys.stdin.readline();"
        "[tell('line') for _ in range(9)]; print('more')"
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as speaker:
        assert speaker.stdin is not None
        assert speaker.stdout is not None
        assert speaker.stderr is not None
        speaker.stdout.close()
        speaker.stdin.write("go\n")
        speaker.stdin.close()
        assert speaker.wait(timeout=30) == 0
        assert speaker.stderr.read() == ""
