"""Who announces and who listens, read from the same data the broker is set up by."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from contracts.catalogue import owner_of


class Hearing(BaseModel):
    """One durable of a service and the event types it takes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    durable: str
    types: tuple[str, ...]


class ServiceTopology(BaseModel):
    """What one service may publish and what it hears."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    service: str
    announces: tuple[str, ...] = ()
    hears: tuple[Hearing, ...] = ()


@dataclass(frozen=True)
class Topology:
    """All services; without any, each type's first word stands for its announcer."""

    services: Sequence[ServiceTopology]

    def announcer_of(self, event_type: str) -> str:
        owner = owner_of(event_type)
        return next((each.service for each in self.services if owner in each.announces), owner)

    def listeners_of(self, event_type: str) -> list[tuple[str, str]]:
        """Service and durable of everyone who takes this type."""
        return [
            (each.service, hearing.durable)
            for each in self.services
            for hearing in each.hears
            if event_type in hearing.types
        ]


def read_topology(folder: Path) -> Topology:
    """Read every service's file; a folder that is not there is an empty topology."""
    documents = (
        yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        for path in sorted(folder.glob("*.yaml"))
    )
    return Topology([ServiceTopology.model_validate(document) for document in documents])
