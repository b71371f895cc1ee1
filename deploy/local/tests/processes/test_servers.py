"""What is said where a server cannot be made on this system."""

from pathlib import Path

import pytest

from ssenet.processes import servers
from ssenet.processes.servers import ServerFailedError, start_postgres

REFUSED = """#!/bin/sh
echo 'initdb: error: invalid locale name "C.UTF-8"' >&2
exit 1
"""


def test_a_system_without_the_databases_locale_is_told_what_is_missing_and_who_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "initdb").write_text(REFUSED, encoding="utf-8")
    (tmp_path / "initdb").chmod(0o755)
    monkeypatch.setattr(servers, "postgres_binaries", lambda: tmp_path)

    with pytest.raises(ServerFailedError) as failed:
        start_postgres(tmp_path / "postgres", password="unused")

    # Who starts it shows the first line.
    [said] = str(failed.value).splitlines()
    assert said.startswith("this system has no locale C.UTF-8")
    assert "glibc 2.35" in said
