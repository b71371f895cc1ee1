"""Streams, durables and NATS users, described as data: `streams.yaml` and one file per service in `deploy/nats`.

`provision` makes what is described here, and nothing else does: services declare nothing, so that no start of a
service can change what is stored.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field

from chassis.broker.side_durables import side_permissions, sides_of
from chassis.partitions import Partition, partitions_of
from contracts.event import SUBJECTS, subjects_of

PROVISIONER = "provisioner"


class _Described(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StreamDescription(_Described):
    """One stream: what it stores, and its bounds."""

    subjects: tuple[str, ...]
    max_bytes: int = Field(gt=0)
    max_age: timedelta
    duplicate_window: timedelta = timedelta(hours=1)
    replicas: int = 1
    why: str


class DurableDescription(_Described):
    """One durable: the event types it is delivered."""

    durable: str
    types: tuple[str, ...] = Field(min_length=1)


class ServiceDescription(_Described):
    """What one service may publish, and what it hears."""

    service: str
    announces: tuple[str, ...]
    hears: tuple[DurableDescription, ...] = ()
    partitions: Literal[1, 2, 4, 8, 16] = 1
    """Into how many parts each durable is split; the service has it in its settings too."""

    @property
    def parts(self) -> list[Partition]:
        """All its durables, as they are on the server."""
        return [part for heard in self.hears for part in partitions_of(heard.durable, self.partitions)]


class Topology(_Described):
    """The whole of one site's messaging."""

    site: str
    streams: Mapping[str, StreamDescription]
    services: tuple[ServiceDescription, ...]
    heard_stream: str = "EVENTS"

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read `streams.yaml` and `services/*.yaml`; raises pydantic's ValidationError naming the field."""
        head: dict[str, Any] = yaml.load(
            (folder / "streams.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
        )
        services = [
            yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
            for path in sorted((folder / "services").glob("*.yaml"))
        ]
        return cls.model_validate({**head, "services": services})

    @property
    def durables(self) -> dict[str, set[str]]:
        """The names of all durables on the server, by their streams."""
        found: dict[str, set[str]] = {name: set() for name in self.streams}
        for service in (one for one in self.services if one.hears):
            found[self.heard_stream] |= {part.name for part in service.parts}
            for durable, stream in sides_of(service.service, self.heard_stream).items():
                if stream in found:
                    found[stream].add(durable)
        return found

    def permissions(self, service: ServiceDescription) -> dict[str, dict[str, list[str]]]:
        """What the service's NATS user may do, and nothing else: its own subjects, its own durables."""
        stream = self.heard_stream
        publish = [subjects_of(word, site=self.site) for word in service.announces]
        # To see whether the stream still has what it acknowledged: how far it is, and nothing of what it holds.
        publish.append(f"$JS.API.STREAM.INFO.{stream}")
        for part in service.parts:
            publish += [
                f"$JS.API.CONSUMER.INFO.{stream}.{part.name}",
                f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{part.name}",
                f"$JS.API.CONSUMER.RESET.{stream}.{part.name}",
                # The server's two forms of acknowledgement subject; the second, with domain and account, from 2.15.
                f"$JS.ACK.{stream}.{part.name}.>",
                f"$JS.ACK.*.*.{stream}.{part.name}.>",
            ]
        if service.hears:
            publish += side_permissions(service.service, stream)
        return {"publish": {"allow": publish}, "subscribe": {"allow": [f"_INBOX_{service.service}.>"]}}

    def users(self, public_keys: Mapping[str, str]) -> list[dict[str, Any]]:
        """The NATS users: one per service by its NKey, and the provisioner. There is no anonymous one."""
        users: list[dict[str, Any]] = [
            {"nkey": public_keys[service.service], "permissions": self.permissions(service)}
            for service in self.services
        ]
        users.append({"nkey": public_keys[PROVISIONER]})
        return users


def accounts_block(topology: Topology, public_keys: Mapping[str, str]) -> str:
    """The server's `accounts`: each service with exactly the permissions of its description, nobody anonymous."""
    accounts = {
        SUBJECTS.upper(): {"jetstream": "enabled", "users": topology.users(public_keys)},
        "SYS": {"users": list[object]()},
    }
    return f"accounts: {json.dumps(accounts, indent=2)}\nsystem_account: SYS\n"
