"""What notifications reads from its environment."""

from datetime import timedelta

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """The service's own prefix, and how it keeps live streams."""

    model_config = SettingsConfigDict(env_prefix="NOTIFICATIONS_", frozen=True)

    heartbeat: timedelta = timedelta(seconds=15)
    """How often an open stream carries a comment, so that proxies keep it and dead peers show."""
    send_timeout: timedelta = timedelta(seconds=20)
    """How long a stream waits for a client to take what is sent; then it closes, and replay goes on."""
