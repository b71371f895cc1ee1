"""The templates of all rooms: `members/inbox.html` is `inbox.html` in the folder `templates` of the room `members`."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined

from gateway.web.assets import static
from gateway.web.formats import bdi
from gateway.web.translations import catalogue


@cache
def rooms_with_templates() -> tuple[str, ...]:
    """Every package of the gateway that has templates beside its pages."""
    return tuple(room.name for room in files("gateway").iterdir() if (room / "templates").is_dir())


@cache
def environment_for(language: str) -> Environment:
    """One template environment per language: its words are compiled into its templates' calls."""
    environment = Environment(
        loader=PrefixLoader({room: PackageLoader(f"gateway.{room}") for room in rooms_with_templates()}),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined]  # i18n adds it
    environment.filters["bdi"] = bdi
    environment.globals["static"] = static  # pyright: ignore[reportArgumentType]
    return environment
