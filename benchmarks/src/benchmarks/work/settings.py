"""What the measured service reads from its environment."""

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """The service's own prefix, and whether it hears events or only announces them."""

    model_config = SettingsConfigDict(env_prefix="BENCHMARKS_", frozen=True)

    hears: bool = True
