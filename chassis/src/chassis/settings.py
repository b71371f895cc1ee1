"""The settings every service has; each service's own class adds its prefix and what else it needs."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.partitions import COUNTS


def _countable(partitions: int) -> int:
    if partitions not in COUNTS:
        raise ValueError(f"one of {', '.join(map(str, COUNTS))}")
    return partitions


STREAM = "EVENTS"
"""The stream that a site's services announce to and hear from, where they are told no other."""


class ServiceSettings(BaseSettings):
    """Read from the environment once, by the composition root; frozen, no default for URLs or secrets."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    database_url: SecretStr
    """`postgresql+asyncpg://role:password@host:port/database`; a secret, since it carries one."""
    nats_url: str
    nats_seed: SecretStr
    """The service's NKey seed: the broker knows only its public half."""
    nats_monitor_url: str | None = None
    """The broker's monitoring endpoint, for the one service of a deployment that serves the broker's figures with its
    own; none where the official exporter does."""
    site: str = Field(default="hq", pattern=r"^[a-z0-9-]{1,40}$")
    hears_streams: str = STREAM
    """The stream this service's durables stand on."""
    announces_stream: str = STREAM
    """The stream that stores what this service announces."""
    partitions: Annotated[int, AfterValidator(_countable)] = 1
    """Parts that each durable is split into, each served by one process at a time; as `deploy/nats` has it."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)]
    callers: dict[str, str] = {}
    """Who may call the internal HTTP API: caller's name to the SHA-256 (hex) of its bearer token."""
    migrate_on_start: bool = False
    stop_timeout: timedelta = timedelta(seconds=6)
    """From SIGTERM until what is still held is given back; the whole stop stays under ten seconds."""
    log_level: str = "info"
    database_pool: Annotated[int, Field(ge=2, le=100)] = 8
    max_connections: Annotated[int, Field(ge=16, le=30_000)] = 4096
    """HTTP connections that this process holds at once; fewer where the operating system allows it fewer files."""
