"""The data folder of one network: where each thing in it lies."""

from dataclasses import dataclass
from pathlib import Path

from ssenet.project import ROOT


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

    def has_database(self) -> bool:
        """Tell whether a database was made here, which opens with its own secrets alone."""
        return (self.postgres / "data" / "PG_VERSION").exists()

    def may_be_used(self) -> bool:
        """Tell whether a network may keep its data here: it did before, or nothing else is here."""
        if not self.path.exists() or self.secrets.exists() or self.has_database():
            return True
        return all(one.name in self.names() for one in self.path.iterdir())

    def names(self) -> set[str]:
        """What may lie in it before anything was started, and what the system puts into any folder."""
        ours = (self.logs, self.lock, self.state, self.tour, self.prepared, self.postgres, self.nats)
        return {one.name for one in ours} | {"lost+found", ".DS_Store"}

    def log_of(self, process: str) -> Path:
        return self.logs / f"{process}.log"


def data_folder(chosen: Path | None) -> DataFolder:
    """The folder that was asked for, else the project's own."""
    return DataFolder((chosen or ROOT / ".ssenet").expanduser().absolute())
