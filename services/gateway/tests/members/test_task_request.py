"""A member reads all of a partner's event on the task page, or it is said why not."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape
from typing import Any, ClassVar

import pytest
from page_kit import TASK, Behind, Reader, a_task
from pydantic import AwareDatetime, Field
from starlette.requests import Request

from contracts.catalogue import PARTNER_EVENTS
from contracts.exact import WebAddress
from contracts.partner import PartnerEvent
from contracts.testing import Golden, golden_events
from contracts.words import CountryCode, Language, Model, Text, Title
from gateway.clients.coordination import PartnerEventView
from gateway.members.pages import task_request
from gateway.members.pages.request_layout import FIGURE_COLUMNS, breakdown, layout_of, with_parts
from gateway.members.pages.task_request import Row, Value, shown_request
from gateway.web.page import Page

CODE_OR_DAY = re.compile(r"[a-z_]+|[A-Z]{1,2}|\d{4}-\d\d-\d\d|[a-z]{2,3}-\w+|[\d.]+")

every_event = pytest.mark.parametrize("event", PARTNER_EVENTS.values(), ids=PARTNER_EVENTS)


def a_page(language: Language = Language.EN) -> Page:
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    return Page(Request({"type": "http"}), session=None, language=language, theme=None, now=now)


@every_event
def test_a_member_sees_every_field_of_an_event_or_it_says_why_not(event: type[PartnerEvent]) -> None:
    layout = layout_of(event)
    shown = {layout.title, layout.text, layout.figures, *(row.name for row in layout.rows)} - {None}

    assert shown | event.not_shown.keys() == event.model_fields.keys()
    assert all(event.not_shown.values())
    assert not shown & event.not_shown.keys()
    assert all(field.label for _, field in with_parts(layout.rows))


def test_a_member_sees_every_field_of_a_figure() -> None:
    figure = PARTNER_EVENTS["partner.statistics.reported.v1"].examples[0].data["figures"][0]

    assert figure.keys() <= {*FIGURE_COLUMNS, *(field.name for field in breakdown())}
    assert all(field.code_list for field in breakdown())


def words_in(value: Any) -> Iterator[str]:
    """What partners wrote themselves: no codes, days and numbers, which a page writes in its reader's way."""
    if isinstance(value, dict):
        for item in value.values():
            yield from words_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from words_in(item)
    elif isinstance(value, str) and not CODE_OR_DAY.fullmatch(value):
        yield value


@pytest.mark.parametrize("golden", golden_events(*PARTNER_EVENTS), ids=str)
async def test_a_member_reads_every_word_a_partner_wrote(
    member: Reader, behind: Behind, golden: Golden
) -> None:
    data = golden.cloudevent["data"]
    behind.answers[f"GET /tasks/{TASK}"] = a_task(partner_event={"type": golden.type, "data": data})

    page = unescape((await member.open(f"/tasks/{TASK}")).text)

    assert [words for words in words_in(data) if words not in page] == []


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (Language.EN, {"On behalf of": "Government", "Country": "Senegal", "Needed by": "28 Feb 2027"}),
        (Language.FR, {"Au nom de": "Gouvernement", "Pays": "Sénégal", "Attendu pour le": "28 févr. 2027"}),
    ],
)
def test_codes_and_days_are_read_in_the_members_language(language: Language, said: dict[str, str]) -> None:
    data = {"constituency": "government", "country": "SN", "needed_by": "2027-02-28"}
    event = PartnerEventView(type="partner.assistance.requested.v1", data=data)

    shown = shown_request(a_page(language), event)

    assert shown is not None
    assert {row.label: row.values[0].text for row in shown.rows} == said


def test_an_event_that_no_contract_describes_shows_its_type_alone() -> None:
    shown = shown_request(a_page(), PartnerEventView(type="partner.moon.landed.v7", data={"title": "x"}))

    assert shown is not None
    assert (shown.kind, shown.title, shown.rows) == ("partner.moon.landed.v7", None, ())


class Slice(Model):
    """Part of an offer, of the tests."""

    amount: Decimal = Field(title="Amount")
    countries: tuple[CountryCode, ...] = Field(default=(), title="Countries")
    paid_on: date | None = Field(default=None, title="Paid on")


class FundsOfferedV1(PartnerEvent):
    """Funds were offered, in the tests alone."""

    type: ClassVar[str] = "partner.funds.offered.v1"
    event_name = "Funds offered"

    title: Title
    short: Title | None = Field(default=None, title="In short")
    text: Text
    conditions: Text | None = Field(default=None, title="Conditions")
    slices: tuple[Slice, ...] = Field(default=(), title="Slices")
    decided_at: AwareDatetime | None = Field(default=None, title="Decided at")
    ceiling: Decimal | None = Field(default=None, title="Ceiling")
    calls: int | None = Field(default=None, title="Calls")
    address: WebAddress | None = Field(default=None, title="Web address")


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("short", {"language": "sw", "text": "Fedha"}, Value("Fedha", language="sw")),
        ("conditions", {"language": "ar", "text": "شروط"}, Value("شروط", language="ar")),
        (
            "slices",
            {"amount": "1200.50", "countries": ["SN", "EG"], "paid_on": "2027-02-28"},
            Value("Amount: 1,200.5 · Countries: Senegal, Egypt · Paid on: 28 Feb 2027"),
        ),
        ("slices", {"amount": "7"}, Value("Amount: 7")),
        ("decided_at", "2026-11-23T09:30:00Z", Value("23 Nov 2026, 09:30")),
        ("ceiling", "1200000", Value("1,200,000")),
        ("ceiling", "much", Value("much")),
        ("calls", 2027, Value("2027")),
        ("address", "https://x.example/a", Value("https://x.example/a", link="https://x.example/a")),
        ("address", "javascript:alert()", Value("javascript:alert()")),
    ],
)
def test_whatever_a_field_holds_can_be_read(
    monkeypatch: pytest.MonkeyPatch, field: str, value: object, shown: Value
) -> None:
    monkeypatch.setattr(task_request, "PARTNER_EVENTS", {FundsOfferedV1.type: FundsOfferedV1})
    label = FundsOfferedV1.model_fields[field].title or ""

    request = shown_request(a_page(), PartnerEventView(type=FundsOfferedV1.type, data={field: value}))

    assert request is not None
    assert request.rows == (Row(label, (shown,)),)
