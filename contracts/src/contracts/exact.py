"""Types that keep what was sent: figures to the last digit, whole numbers, days, web addresses as they were written."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any, Final

from pydantic import (
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationError,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import (
    CoreSchema,
    PydanticCustomError,
    PydanticKnownError,
    SchemaValidator,
    Url,
    core_schema,
)

_PLAIN: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LARGEST_EXPONENT: Final = 400
"""No double comes near; a larger power of ten would be written out in as many noughts."""


def _exactly(value: Any) -> Decimal:
    """Read a figure in the one notation there is, however large; how many digits it may have says the type.

    Pydantic alone would read `1_000`, digits of any script, blanks around and `+`. What is as large is written the same
    (`1e3` is 1000), and there is no minus nought.
    """
    if isinstance(value, str):
        if not _PLAIN.fullmatch(value):
            raise PydanticCustomError("figure_notation", "A figure in a string is in plain decimal notation")
        number = Decimal(value)
    elif isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise PydanticKnownError("decimal_type")
    elif not isfinite(value):
        raise PydanticKnownError("finite_number")
    elif isinstance(value, float):
        number = Decimal(int(value)) if value.is_integer() else Decimal(repr(value))
    else:
        number = Decimal(value)
    if not number:
        return number.copy_abs()
    is_shortened = 0 < int(number.as_tuple().exponent) <= _LARGEST_EXPONENT
    return Decimal(int(number)) if is_shortened else number


@dataclass(frozen=True)
class _InPlainNotation:
    """Says of the strings a decimal is read from, and written to, how they look."""

    whole_digits: int
    places: int

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        shape = f"^-?(0|[1-9][0-9]{{0,{self.whole_digits - 1}}})(\\.[0-9]{{1,{self.places}}})?$"
        about = handler(schema)
        for form in (about, *about.get("anyOf", ())):
            if form.get("type") == "string":
                form["pattern"] = shape
        return about


_PLACES: Final = 6
_DIGITS: Final = 24

Figure = Annotated[
    Decimal,
    Field(max_digits=_DIGITS, decimal_places=_PLACES),
    BeforeValidator(_exactly),
    _InPlainNotation(_DIGITS - _PLACES, _PLACES),
]
"""A number that is kept to its last digit, sent as a number or, in plain decimal notation, as a string."""

WholeNumber = Annotated[
    int,
    BeforeValidator(lambda value: int(value) if isinstance(value, float) and value.is_integer() else value),
]
"""A whole number as JSON Schema has it: `2025.0` is one."""


def _as_a_day(value: Any) -> Any:
    """Read a day, and refuse what pydantic would take for seconds since 1970: `"1774915200"`."""
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticKnownError("date_parsing", {"error": "a day is written as 2026-03-31"})


Day = Annotated[date, BeforeValidator(_as_a_day)]
"""A day as it is written in a calendar, never counted from one."""

_URLS: Final = SchemaValidator(core_schema.url_schema(allowed_schemes=["http", "https"]))
_NEVER_IN_AN_ADDRESS: Final = frozenset('\\<>"')


@dataclass(frozen=True)
class WebAddressForm:
    """Marks a string as an address of the web: it leads somewhere, and stays as it was written."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(_as_written, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"format": "uri"}


def _as_written(address: str) -> str:
    for character in address:
        # Blanks, controls and marks that nobody sees; letters of any script may stand in an address.
        if character in _NEVER_IN_AN_ADDRESS or unicodedata.category(character)[0] in "ZC":
            raise PydanticCustomError(
                "address_character",
                "The character {character} must be percent-encoded",
                {"character": f"U+{ord(character):04X}"},
            )
    try:
        _URLS.validate_python(address)
    except ValidationError as error:
        raise PydanticKnownError("url_parsing", {"error": "it leads nowhere"}) from error
    return address


def parts_of_address(address: str) -> Url:
    """Take an address apart as browsers do: `0x7f.1` is 127.0.0.1."""
    url: Url = _URLS.validate_python(address)
    return url


WEB_ADDRESS_PATTERN: Final = "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#]"

WebAddress = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000, pattern=WEB_ADDRESS_PATTERN),
    WebAddressForm(),
]
"""A web address of at most 2000 characters as they were sent: nothing is encoded, completed or put into lower case."""
