"""Where things lie: the project, and the data folder of one running network."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
"""The project's root; every package is installed in place."""

SERVICES = ("registry", "coordination", "notifications", "gateway")
SITE = "hq"


@dataclass(frozen=True)
class DataFolder:
    """Everything one network keeps between runs."""

    path: Path

    def make(self) -> None:
        """Make it where it is missing, for its owner alone; what is written of the processes is theirs in any case.

        Started by root, PostgreSQL runs as another user: on its way to its own folder that one is let through this.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.logs.mkdir(mode=0o700, exist_ok=True)
        self.logs.chmod(0o700)

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def nats(self) -> Path:
        return self.path / "nats"

    @property
    def broker_users(self) -> Path:
        return self.path / "nats-users.conf"

    @property
    def prepared(self) -> Path:
        return self.path / "prepared.json"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def state(self) -> Path:
        return self.path / "state.json"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def tour(self) -> Path:
        return self.path / "tour.json"

    def names(self) -> set[str]:
        """What may lie in it before anything was started, and what the system puts into any folder."""
        ours = (self.logs, self.lock, self.state, self.tour, self.prepared, self.postgres, self.nats)
        return {one.name for one in ours} | {"lost+found", ".DS_Store"}

    def log_of(self, process: str) -> Path:
        return self.logs / f"{process}.log"


def data_folder(chosen: Path | None) -> DataFolder:
    """The folder that was asked for, else the project's own."""
    return DataFolder((chosen or ROOT / ".ssenet").expanduser().absolute())


def rotate(log: Path, *, keep: int = 3) -> None:
    """Give a starting process an empty log; the last ones stay beside it as `.1`, `.2`, `.3`."""
    if not log.exists() or log.stat().st_size == 0:
        return
    for number in range(keep - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    log.replace(log.with_name(f"{log.name}.1"))


def tail(log: Path, lines: int) -> list[str]:
    """The last lines of a log; nothing when there is none yet."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            # A log line is rarely longer than 2 kB; a tail need not read a big file through.
            file.seek(max(0, size - lines * 2048))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-lines:]
