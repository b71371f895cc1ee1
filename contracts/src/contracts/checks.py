"""What is wrong with a partner's event although its types are right; asked by the gateway before it accepts.

Pure: no clock and no network. `today` is passed in where a date is to be compared with the present.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache, partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from types import MappingProxyType
from typing import Final, NamedTuple, cast

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from contracts import codes
from contracts.catalogue import PARTNER_EVENTS
from contracts.codes import Guesses
from contracts.data_rules import DataRule, InOrder, NotAhead, NotPast
from contracts.exact import WebAddressForm, parts_of_address
from contracts.fields import mark_of, models_in
from contracts.findings import Finding
from contracts.partner import PartnerEvent
from contracts.words import InList, Model

_SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "unknown-country": "There is no country with the code %(value)s in ISO 3166-1.",
        "unknown-country-near": (
            "There is no country with the code %(value)s in ISO 3166-1. Did you mean %(suggestion)s?"
        ),
        "unknown-language": "There is no language with the code %(value)s in ISO 639.",
        "unknown-language-near": "There is no language with the code %(value)s. Did you mean %(suggestion)s?",
        "unknown-code": "The list %(list)s has no code %(value)s.",
        "unknown-code-near": "The list %(list)s has no code %(value)s. Did you mean %(suggestion)s?",
        "address-with-credentials": (
            "The address holds a user name or a password, which every reader would see. Leave it out."
        ),
        "address-not-public": "Readers do not reach the host %(host)s from where they are.",
        "date-out-of-range": "The year of %(value)s does not lie between %(first)s and %(last)s.",
        "nothing-to-read": "The text holds no letter, figure or sign that could be read.",
        "control-character": "The text holds the control character %(value)s, which cannot be stored.",
    }
)

# Tab, line feed and carriage return are text; lone surrogates are not.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2100


@dataclass(slots=True)
class _Looking:
    """What was found so far, how much more is wanted, which day it is where that is asked, and what may be guessed."""

    today: date | None
    guesses: Guesses | None
    most: int | None
    found: list[Finding] = field(default_factory=list[Finding])

    @property
    def enough(self) -> bool:
        return self.most is not None and len(self.found) >= self.most


# Each adds what it finds: nearly every event has nothing to be found, and generators within one another cost more to
# make than all else.
Check = Callable[[str, str, _Looking], None]


def problems_of(
    event: PartnerEvent,
    *,
    today: date | None = None,
    guesses: Guesses | None = None,
    most: int | None = None,
) -> list[Finding]:
    """List everything that is wrong with the event, in the order of its fields, or nothing; at `most` so much.

    With `today`, what cannot be in the past or in the future is checked as well. With `guesses`, no more near misses
    are looked for than these.
    """
    looking = _Looking(today, guesses, most)
    _in_value(event, _text, "/data", looking)
    return looking.found[:most]


def _in_fields(value: BaseModel, plan: "_Plan", pointer: str, looking: _Looking) -> None:
    fields = value.__dict__
    for name, check in plan.checks:
        one = fields[name]
        # Nearly every field: there is nothing in it, or it is held to nothing more than to be text.
        if one is None or (
            check is _text and isinstance(one, str) and one.isprintable() and not one.isspace()
        ):
            continue
        _in_value(one, check, f"{pointer}/{name}", looking)
        if looking.enough:
            return
    for rule in plan.rules:
        looking.found.extend(rule.findings(value, pointer, looking.today))


class _Plan(NamedTuple):
    """What a model's fields, each by its name, and all of them together are held to."""

    checks: tuple[tuple[str, Check], ...]
    rules: tuple[DataRule, ...]


@cache
def _plan_of(kind: type) -> _Plan | None:
    """Say what is asked of a model; None of a type that is none, which takes long to be told by `isinstance`."""
    if not issubclass(kind, BaseModel):
        return None
    # `origin` is the gateway's own stamp; nobody who posts an event can put it right.
    checks = [(name, _check_of(about)) for name, about in kind.model_fields.items() if name != "origin"]
    return _Plan(tuple(checks), _rules_of(kind))


def _check_of(about: FieldInfo) -> Check:
    if code_list := mark_of(about, InList):
        return _OF_LISTS.get(code_list.name) or partial(_code_of, code_list.name)
    return _address if mark_of(about, WebAddressForm) else _text


def _rules_of(model: type[BaseModel]) -> tuple[DataRule, ...]:
    declared = model.data_rules if issubclass(model, PartnerEvent | Model) else ()
    return tuple(rule for rule in declared if isinstance(rule, DataRule))


def _in_value(value: object, check: Check, pointer: str, looking: _Looking) -> None:
    if isinstance(value, str):
        check(value, pointer, looking)
    elif (plan := _plan_of(type(value))) is not None:
        _in_fields(cast("BaseModel", value), plan, pointer, looking)
    elif isinstance(value, tuple):
        for index, item in enumerate(cast("tuple[object, ...]", value)):
            _in_value(item, check, f"{pointer}/{index}", looking)
            if looking.enough:
                return
    elif isinstance(value, date) and not FIRST_YEAR <= value.year <= LAST_YEAR:
        years = {"first": str(FIRST_YEAR), "last": str(LAST_YEAR)}
        looking.found.append(_finding(pointer, "date-out-of-range", value=str(value), **years))


def _country(code: str, pointer: str, looking: _Looking) -> None:
    if not codes.known("countries", code):
        meant = codes.suggest("countries", code, looking.guesses)
        looking.found.append(_unknown(pointer, "unknown-country", code, meant))


def _language(tag: str, pointer: str, looking: _Looking) -> None:
    if not codes.known_language(tag):
        meant = codes.suggest_language(tag, looking.guesses)
        looking.found.append(_unknown(pointer, "unknown-language", tag, meant))


def _unknown(pointer: str, code: str, value: str, suggestion: str | None, **more: str) -> Finding:
    if suggestion is None:
        return Finding(pointer, code, _SENTENCES[code], {"value": value, **more})
    params = {"value": value, "suggestion": suggestion, **more}
    return Finding(pointer, code, _SENTENCES[f"{code}-near"], params)


def _text(text: str, pointer: str, looking: _Looking) -> None:
    """Refuse what PostgreSQL cannot hold (U+0000) and what no page should show (the other controls)."""
    if _is_plain(text):
        return
    if found := _CONTROLS.search(text):
        looking.found.append(_finding(pointer, "control-character", value=f"U+{ord(found.group()):04X}"))
    # Categories Z (separators) and C (format characters such as U+200B) leave nothing on a page.
    elif all(unicodedata.category(character)[0] in "ZC" for character in text):
        looking.found.append(_finding(pointer, "nothing-to-read"))


def _is_plain(value: object) -> bool:
    """Tell of a text that it is fine; no control character is printable, and what is, can be read but for a blank."""
    return isinstance(value, str) and value.isprintable() and not value.isspace()


def _code_of(name: str, code: str, pointer: str, looking: _Looking) -> None:
    if not codes.known(name, code):
        looking.found.append(
            _unknown(pointer, "unknown-code", code, codes.suggest(name, code, looking.guesses), list=name)
        )


def _address(address: str, pointer: str, looking: _Looking) -> None:
    """Refuse what would show members a secret, or lead them to a machine of their own."""
    authority, *_ = re.split("[/?#]", address.partition("://")[2], maxsplit=1)
    if "@" in authority:
        looking.found.append(_finding(pointer, "address-with-credentials"))
    host = (parts_of_address(address).host or "").strip("[]").rstrip(".")
    if not _is_public(host):
        looking.found.append(_finding(pointer, "address-not-public", host=host))


def _is_public(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return "." in host and ".." not in host and not host.endswith(_WITHIN_A_HOUSE)
    if isinstance(address, IPv6Address):
        within = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            within = IPv4Address(int(address) & 0xFFFFFFFF)
        if within is None and address not in _UNICAST:
            return False
        address = within or address
    return address.is_global and not address.is_multicast


_NAT64: Final = IPv6Network("64:ff9b::/96")
"""RFC 6052: an IPv4 address stands in the last 32 bits."""
_UNICAST: Final = IPv6Network("2000::/3")
"""All that IANA has given out; beside it are the other disguises of IPv4 addresses, and what leads nowhere."""


_WITHIN_A_HOUSE: Final = (".localhost", ".local", ".internal", ".home.arpa")

_OF_LISTS: Final[Mapping[str, Check]] = {"countries": _country, "languages": _language}


def _finding(pointer: str, code: str, **params: str) -> Finding:
    return Finding(pointer, code, _SENTENCES[code], params)


MESSAGES: Final[Mapping[str, str]] = MappingProxyType(
    dict(_SENTENCES)
    | {rule.code: rule.message for rule in (InOrder, NotPast, NotAhead)}
    | {
        rule.code: rule.message
        for event in PARTNER_EVENTS.values()
        for model in models_in(event)
        for rule in _rules_of(model)
    }
)
"""Every sentence a partner may be shown by its code, as a msgid for the catalogues of whoever shows it."""
