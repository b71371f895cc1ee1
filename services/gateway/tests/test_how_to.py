"""What partners are told in docs/how-to/send-an-event.md is so."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from contracts.catalogue import PARTNER_EVENTS
from gateway.api.description import POST_EVENTS
from gateway.domain.cloudevents import read_event
from gateway.domain.journeys import Status

TEXT = (Path(__file__).parents[3] / "docs" / "how-to" / "send-an-event.md").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_the_example_is_taken_as_it_stands() -> None:
    [example] = re.findall(r"<<'JSON'\n(.*?)\nJSON\n", TEXT, re.DOTALL)

    assert (
        read_event(json.loads(example), now=NOW, grants=frozenset(PARTNER_EVENTS)).attributes.id
        == "REQ-2026-0417"
    )


def test_every_answer_shown_is_json() -> None:
    for answer in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL):
        assert json.loads(answer)


def test_every_status_is_explained() -> None:
    told = {int(status) for status in re.findall(r"^\| (\d{3})", TEXT, re.MULTILINE)}

    # 408 is only for a body that trickles in, and says all there is to say.
    assert told == {int(status) for status in POST_EVENTS["responses"]} - {200, 202, 408}
    assert all(f"`{status}`" in TEXT for status in Status)
