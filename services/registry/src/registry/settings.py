"""What the registry reads from its environment."""

from datetime import timedelta

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """The service's own prefix, and how long it may take to announce the directory."""

    model_config = SettingsConfigDict(env_prefix="REGISTRY_", frozen=True)

    announce_timeout: timedelta = timedelta(seconds=30)
    """How long the start waits for the broker to have the directory; then it fails, to be tried again."""
