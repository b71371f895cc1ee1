"""Rules of the types that JSON Schema has no word for: the `x-` keywords, and what goes without saying."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_jsonable_python

_KEYWORDS: Final[Mapping[str, str]] = {
    "allowed_schemes": "x-url-schemes",
    "ascii_only": "x-ascii-only",
    "decimal_places": "x-decimal-places",
    "ge": "x-minimum",
    "gt": "x-exclusive-minimum",
    "host_required": "x-host-required",
    "le": "x-maximum",
    "lt": "x-exclusive-maximum",
    "max_digits": "x-max-digits",
    "now_op": "x-now",
    "number": "x-number",
    "to_lower": "x-to-lower",
    "to_upper": "x-to-upper",
    "tz_constraint": "x-offset",
    "white_space": "x-white-space",
}
"""By the rule, most of them in Pydantic's word for it."""

_UNSAID: Final[Mapping[str, Any]] = {
    "x-number": {"type": "integer", "minimum": 1, "exclusiveMaximum": 10**10},
    "x-offset": "aware",
    "x-url-schemes": ["http", "https"],
}


def with_rules(about: Mapping[str, Any], **rules: Any) -> dict[str, Any]:
    """Add to a schema the rules it has no word for, but for those that go without saying; others are left out.

    A reader holds a sender to these, so the contract names them and the gate compares them.
    """
    said = {_KEYWORDS[rule]: to_jsonable_python(value) for rule, value in rules.items() if rule in _KEYWORDS}
    return {**about} | {
        keyword: value
        for keyword, value in said.items()
        if value is not None and value is not False and value != unsaid(keyword, about)
    }


def unsaid(keyword: str, about: Mapping[str, Any]) -> Any:
    """Tell what a schema means that does not name the keyword; nothing where it then sets no rule.

    All that was published before there was a keyword kept these rules: an address is of the web, a time has its
    offset, a padded number begins with 1, a text that may not be empty is read without the white space around it.
    """
    if keyword == "x-white-space":
        return "stripped" if about.get("minLength") else "kept"
    return _UNSAID.get(keyword)
