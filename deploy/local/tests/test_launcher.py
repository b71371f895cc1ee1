"""`./ssenet`, the launcher: prepares what is missing, only then, and hands everything over."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from ssenet.project import ROOT

TOOLS = ("sh", "dirname", "readlink", "cat", "cksum", "awk", "rm", "mkdir", "touch", "chmod", "ln", "uname")
PYTHON = '#!/bin/sh\nprintf "%s\\n" "$@"\n'
UV = """#!/bin/sh
if [ "$1" = --version ]; then echo "uv 0.10.1 (test)"; exit; fi
echo "uv $* in $UV_PROJECT_ENVIRONMENT, active: ${VIRTUAL_ENV-none}" >>"$UV_CALLS"
mkdir -p "$UV_PROJECT_ENVIRONMENT/bin"
cat "$PYTHON_STUB" >"$UV_PROJECT_ENVIRONMENT/bin/python"
chmod +x "$UV_PROJECT_ENVIRONMENT/bin/python"
"""


@dataclass
class Clone:
    """A clone of the project with nothing installed, on a machine that has only the tools it is given."""

    root: Path
    machine: Path

    def run(self, *arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        environment = {
            "PATH": str(self.machine),
            "VIRTUAL_ENV": "/somewhere/else",
            "UV_CALLS": str(self.calls),
            "PYTHON_STUB": str(self.machine / "python.stub"),
        }
        return subprocess.run(
            [str(self.root / "ssenet"), *arguments],
            env=environment,
            cwd=cwd or self.machine,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> Path:
        return self.machine / "uv.calls"

    def installs(self) -> list[str]:
        return self.calls.read_text(encoding="utf-8").splitlines() if self.calls.exists() else []

    def provide(self, name: str, content: str) -> None:
        (self.machine / name).write_text(content, encoding="utf-8")
        (self.machine / name).chmod(0o755)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    root, machine = tmp_path / "a folder's name", tmp_path / "bin"
    (root / "deploy" / "local").mkdir(parents=True)
    (root / "chassis").mkdir()
    machine.mkdir()
    shutil.copy(ROOT / "ssenet", root / "ssenet")
    for name in ("uv.lock", "pyproject.toml", "chassis/pyproject.toml", "deploy/local/pyproject.toml"):
        (root / name).touch()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None, tool
        (machine / tool).symlink_to(os.path.realpath(found))
    made = Clone(root, machine)
    made.provide("uv", UV)
    made.provide("python.stub", PYTHON)
    return made


def test_the_first_run_installs_what_the_lock_pins_and_hands_the_arguments_over(clone: Clone) -> None:
    done = clone.run("partner", "add", "a b", "--grant", "*")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["-P", "-m", "ssenet", "partner", "add", "a b", "--grant", "*"]
    [install] = clone.installs()
    assert "sync --frozen" in install
    assert "--no-dev" in install
    assert f"in {clone.root}/.venv, active: none" in install


def test_a_second_run_installs_nothing(clone: Clone) -> None:
    clone.run("up")
    done = clone.run("status")

    assert len(clone.installs()) == 1
    assert done.stderr == ""


def test_the_tests_bring_their_tools_once(clone: Clone) -> None:
    for command in ("up", "test", "check", "up"):
        clone.run(command)

    assert ["--no-dev" in install for install in clone.installs()] == [True, False]


def test_a_changed_package_is_installed_anew(clone: Clone) -> None:
    clone.run("up")
    (clone.root / "chassis" / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    clone.run("up")

    assert len(clone.installs()) == 2


def test_a_moved_folder_gets_a_new_environment(clone: Clone, tmp_path: Path) -> None:
    clone.run("up")
    (clone.root / ".venv" / "old").touch()
    clone.root.rename(tmp_path / "elsewhere")
    clone.root = tmp_path / "elsewhere"

    done = clone.run("up")

    assert done.returncode == 0, done.stderr
    assert len(clone.installs()) == 2
    assert not (clone.root / ".venv" / "old").exists()


def test_it_runs_through_a_link_from_anywhere(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "network"
    link.symlink_to(clone.root / "ssenet")
    environment = {
        "PATH": str(clone.machine),
        "UV_CALLS": str(clone.calls),
        "PYTHON_STUB": str(clone.machine / "python.stub"),
    }

    done = subprocess.run(
        [str(link), "status"], env=environment, cwd="/", capture_output=True, text=True, check=False
    )

    assert done.stdout.splitlines()[-1] == "status"


def test_a_failed_installation_is_said_and_tried_again(clone: Clone) -> None:
    clone.provide("uv", '#!/bin/sh\n[ "$1" = --version ] && { echo "uv 0.10.1"; exit; }\nexit 2\n')
    failed = clone.run("up")
    clone.provide("uv", UV)

    assert failed.returncode == 1
    assert "could not be installed" in failed.stderr
    assert clone.run("up").returncode == 0


@pytest.mark.parametrize(
    ("uname", "said"),
    [
        ('[ "$1" = -s ] && echo MINGW64_NT-10.0 || echo x86_64', "use it within WSL"),
        ('[ "$1" = -s ] && echo Linux || echo riscv64', "use containers"),
    ],
)
def test_where_the_servers_do_not_exist_it_says_what_to_use_before_it_installs(
    clone: Clone, uname: str, said: str
) -> None:
    (clone.machine / "uname").unlink()
    clone.provide("uname", f"#!/bin/sh\n{uname}\n")

    done = clone.run("up")

    assert done.returncode == 1
    assert said in done.stderr
    assert clone.installs() == []


def test_without_a_recent_python_it_says_what_to_install(clone: Clone) -> None:
    (clone.machine / "uv").unlink()
    clone.provide("python3", "#!/bin/sh\ncase $2 in *version_info*) exit 1 ;; *) echo 3.9.2 ;; esac\n")
    old = clone.run("up")
    (clone.machine / "python3").unlink()
    none = clone.run("up")

    assert old.returncode == none.returncode == 1
    assert "Python 3.11 or newer is needed; python3 here is 3.9.2." in old.stderr
    assert "there is no python3 here" in none.stderr


def test_without_venv_it_says_what_to_install(clone: Clone) -> None:
    (clone.machine / "uv").unlink()
    clone.provide("python3", '#!/bin/sh\ncase $2 in venv) echo "No module named venv" >&2; exit 1 ;; esac\n')

    done = clone.run("up")

    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr


def test_an_outdated_uv_is_left_aside_for_one_of_the_projects_own(clone: Clone) -> None:
    clone.provide("uv", '#!/bin/sh\necho "uv 0.4.2"\n')
    clone.provide(
        "python3",
        '#!/bin/sh\ncase $2 in venv) mkdir -p "$3/bin"; ln -s "$(dirname "$0")/pip" "$3/bin/python"; '
        'ln -s "$(dirname "$0")/new-uv" "$3/bin/uv" ;; esac\n',
    )
    clone.provide("pip", "#!/bin/sh\n")
    clone.provide("new-uv", UV)

    done = clone.run("up")

    assert done.returncode == 0, done.stderr
    assert "Installing uv into .ssenet-tools" in done.stderr
    assert len(clone.installs()) == 1
