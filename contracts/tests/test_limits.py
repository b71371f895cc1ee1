"""Every list and every text of an event ends somewhere: whoever reads it knows how much may come."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from contracts.schema import schemas

ENDING_FORMATS = {"date", "date-time", "uuid"}


def endless(about: Any, path: str = "") -> Iterator[str]:
    """Name every list and text within a schema that may be of any length."""
    if isinstance(about, Mapping):
        if about.get("type") == "array" and "maxItems" not in about:
            yield path
        if about.get("type") == "string" and not ends(about):
            yield path
        for name, part in about.items():
            yield from endless(part, f"{path}/{name}")
    elif isinstance(about, list):
        for place, part in enumerate(about):
            yield from endless(part, f"{path}/{place}")


def ends(text: Mapping[str, Any]) -> bool:
    listed = {"const", "enum", "maxLength"} & text.keys() or text.get("format") in ENDING_FORMATS
    without_classes = re.sub(r"\\.|\[[^\]]*\]", ".", text.get("pattern", "*"))
    return bool(listed) or not re.search(r"[*+]|\{\d+,\}", without_classes)


@pytest.mark.parametrize(("name", "schema"), schemas().items())
def test_every_list_and_text_of_an_event_has_its_limit(name: str, schema: Mapping[str, Any]) -> None:
    assert list(endless(schema)) == [], name


def test_what_may_be_of_any_length_is_found_wherever_it_stands() -> None:
    class Within(BaseModel):
        words: str
        code: Annotated[str, Field(pattern="^[*+]{2}$")]
        number: Annotated[str, Field(pattern="^[0-9]+$")]

    class Whole(BaseModel):
        few: tuple[Within, ...] = Field(max_length=3)
        many: tuple[Annotated[str, Field(max_length=3)], ...] | None

    assert sorted(endless(Whole.model_json_schema())) == [
        "/$defs/Within/properties/number",
        "/$defs/Within/properties/words",
        "/properties/many/anyOf/0",
    ]
