"""What coordination reads from its environment."""

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """The service's own prefix; it needs nothing that others do not."""

    model_config = SettingsConfigDict(env_prefix="COORDINATION_", frozen=True)
