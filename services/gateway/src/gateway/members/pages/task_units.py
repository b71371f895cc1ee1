"""The units of a task by their names, and the units and offices to choose from when it is placed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from contracts.registry import OrganisationFacts
from contracts.words import OrganisationKind
from gateway.web.page import Page
from gateway.web.translations import msg

HEADQUARTERS = msg("Headquarters")
OTHER_REGION = msg("Other")
REGIONS = {
    "africa": msg("Africa"),
    "americas": msg("Americas"),
    "arab_states": msg("Arab States"),
    "asia_and_the_pacific": msg("Asia and the Pacific"),
    "europe_and_central_asia": msg("Europe and Central Asia"),
}


@dataclass(frozen=True)
class Unit:
    """A unit or office, with its name in the language it was found in."""

    code: str
    name: str | None = None
    language: str | None = None
    chosen: bool = False


@dataclass(frozen=True)
class UnitGroup:
    """Units of one region."""

    name: str
    units: tuple[Unit, ...]
    open: bool


def units(page: Page, wanted: Collection[str], directory: Sequence[OrganisationFacts]) -> list[Unit]:
    """The units of a task with their names, or their codes alone where the directory is out of reach."""
    known = {organisation.code: organisation for organisation in directory}
    return [_unit(page, known[code]) if code in known else Unit(code) for code in wanted]


def choices(page: Page, directory: Sequence[OrganisationFacts], chosen: Collection[str]) -> list[UnitGroup]:
    """All units and offices by region, headquarters first; a group with chosen units stands open."""
    groups: dict[str, list[Unit]] = {}
    places = [one for one in directory if one.kind is not OrganisationKind.PARTNER]
    for one in sorted(
        places,
        # An office of no region, such as the one at the United Nations, comes after those of the regions.
        key=lambda one: (
            one.kind is not OrganisationKind.UNIT,
            one.region is None,
            one.region or "",
            one.code,
        ),
    ):
        name = (
            HEADQUARTERS if one.kind is OrganisationKind.UNIT else REGIONS.get(one.region or "", OTHER_REGION)
        )
        groups.setdefault(name, []).append(_unit(page, one, chosen=one.code in chosen))
    return [
        UnitGroup(page.gettext(name), tuple(units), any(unit.chosen for unit in units))
        for name, units in groups.items()
    ]


def _unit(page: Page, organisation: OrganisationFacts, *, chosen: bool = False) -> Unit:
    by_language = {named.language: named.name for named in organisation.names}
    language = next((one for one in (page.language, "en", *by_language) if one in by_language), None)
    return Unit(organisation.code, by_language.get(language or ""), language, chosen)
