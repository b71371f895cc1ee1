"""What others wrote becomes one line that says the same and cannot steer the terminal."""

import json
import unicodedata
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ssenet.terminal.escaping import printable, printable_json


def steering(text: str) -> set[str]:
    """What a terminal would obey, line ends apart."""
    return {one for one in text if unicodedata.category(one) in {"Cc", "Cf"}} - {"\n"}


@given(st.text(st.characters(exclude_categories=[])))
def test_whatever_is_written_becomes_one_line_that_can_be_encoded(written: str) -> None:
    shown = printable(written)

    assert shown.splitlines() in ([shown], [])
    assert steering(shown) == set()
    shown.encode()


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda some: st.lists(some) | st.dictionaries(st.text(), some)
    )
)
def test_json_for_a_person_is_the_same_json(told: Any) -> None:
    assert json.loads(printable_json(told)) == told
