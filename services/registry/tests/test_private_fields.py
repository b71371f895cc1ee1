"""What the registry knows and no event names is stored and answered to operators, and told to nobody else.

The promise holds for any field that may come: here one is planted that no event names, and every other test asks
the classes themselves which fields there are.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
import structlog
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.database.engine import Database
from chassis.database.tables import outbox
from chassis.testing import FreshDatabase, Running, a_clock, announced
from contracts.catalogue import EVENTS
from contracts.registry import MemberFacts, OrganisationFacts
from contracts.words import Language, MemberId, Named, Role, Theme
from registry import tables
from registry.api import members as api
from registry.api.members import MemberBody
from registry.api.organisations import OrganisationBody
from registry.app import build
from registry.directory import packaged
from registry.domain.members import Member, NoSuchMemberError
from registry.domain.organisations import Organisation
from registry.settings import Settings
from registry.workflows.directory import load_directory
from registry.workflows.members import close_member, put_member

T = TypeVar("T", Member, Organisation)
MARK = "known to the registry alone"
GATEWAY = {"Authorization": "Bearer for-the-gateway"}
OPERATOR = {"Authorization": "Bearer for-the-operator"}
NOW = a_clock().now

CODES = st.from_regex(r"\A[A-Z0-9][A-Za-z0-9/ ._À-ÿ-]{0,39}\Z")
COUNTRIES = st.sampled_from(["CA", "ML", "SN"])
NAMES = st.builds(Named, language=st.just("fr"), name=st.just("Bureau"))


def any_of(value: type[T], **shaped: st.SearchStrategy[Any]) -> st.SearchStrategy[T]:
    """Values with every field filled in, those with a default as well; `shaped` are those a contract gives a shape."""
    return st.builds(value, **(dict.fromkeys((one.name for one in fields(value)), ...) | shaped))


THEMES = st.lists(st.sampled_from(Theme), max_size=len(Theme)).map(tuple)
MEMBERS = any_of(Member, organisation=CODES, themes=THEMES)
ORGANISATIONS = any_of(
    Organisation,
    code=CODES,
    names=st.lists(NAMES, min_size=1, max_size=20).map(tuple),
    parent=st.none() | CODES,
    country=st.none() | COUNTRIES,
    covers=st.sets(COUNTRIES).map(lambda countries: tuple(sorted(countries))),
)


@dataclass(frozen=True, kw_only=True)
class Confided(Member):
    """An account with a field that no event names, as one may come."""

    planted: str = ""


@pytest.fixture
async def db(fresh_database: FreshDatabase) -> Database:
    database = await fresh_database("registry", clock=a_clock())
    async with database.transaction() as tx:
        await load_directory(tx, packaged())
    return database


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> dict[UUID, str]:
    """What is stored of the planted field: this stands in for its column."""
    stored: dict[UUID, str] = {}
    value, take = tables.Member.value, tables.Member.take

    def confided(row: tables.Member) -> Confided:
        return Confided(**vars(value(row)), planted=stored.get(row.id, ""))

    def take_confided(row: tables.Member, wanted: Confided, **at: Any) -> None:
        stored[row.id] = wanted.planted
        take(row, wanted, **at)

    monkeypatch.setattr(tables.Member, "value", confided)
    monkeypatch.setattr(tables.Member, "take", take_confided)
    return stored


def an_account(words: str = "") -> Confided:
    return Confided(
        member_id=MemberId(uuid4()),
        organisation="DWT/CO-Dakar",
        role=Role.FOCAL_POINT,
        label="focal point, CO-Dakar",
        language=Language.FR,
        time_zone="Africa/Dakar",
        planted=words,
    )


async def _put(db: Database, wanted: Member) -> Member:
    async with db.transaction() as tx:
        return (await put_member(tx, wanted))[0]


@given(MEMBERS, st.text())
def test_an_event_tells_what_it_names_and_nothing_else(member: Member, words: str) -> None:
    confided = Confided(**vars(member), planted=words)

    for event in (event for event in EVENTS.values() if issubclass(event, MemberFacts)):
        told = confided.announced(event)
        assert {name: getattr(confided, name) for name in event.model_fields} == dict(told)
        assert "planted" not in told.model_dump()


@given(MEMBERS, st.text(), st.text())
def test_a_private_field_is_no_news_and_every_other_is(member: Member, before: str, after: str) -> None:
    known = Confided(**vars(member), planted=before)

    assert not replace(known, planted=after).is_news_after(known)
    assert replace(known, planted=after, time_zone=f"{known.time_zone}+").is_news_after(known)


@given(ORGANISATIONS)
def test_an_organisations_news_is_what_its_events_name(organisation: Organisation) -> None:
    assert not organisation.is_news_after(organisation)
    assert replace(organisation, city="Bulawayo").is_news_after(replace(organisation, city=None))
    assert dict(organisation.announced(OrganisationFacts)) == vars(organisation)


@given(MEMBERS)
def test_an_accounts_row_holds_every_field(member: Member) -> None:
    row = tables.Member(id=member.member_id)

    row.take(member, now=NOW)

    assert row.value() == member


@given(ORGANISATIONS)
def test_an_organisations_row_holds_every_field(organisation: Organisation) -> None:
    row = tables.Organisation(id=organisation.organisation_id, code=organisation.code)

    row.take(organisation, now=NOW)

    assert row.value(organisation.covers) == organisation


@pytest.mark.parametrize(
    ("body", "value", "settled"),
    [
        (MemberBody, Member, {"member_id", "label"}),
        (OrganisationBody, Organisation, {"organisation_id", "code"}),
    ],
)
def test_an_operator_says_every_field_that_the_registry_does_not_settle(
    body: Any, value: Any, settled: set[str]
) -> None:
    said = set(body.model_fields) - {"focal_point"}

    assert said == {field.name for field in fields(value)} - settled


async def test_what_only_the_registry_knows_changes_in_silence(
    db: Database, planted: dict[UUID, str]
) -> None:
    account = an_account()
    await _put(db, account)

    answered = await _put(db, replace(account, planted=MARK))

    assert (answered, planted[account.member_id]) == (replace(account, planted=MARK), MARK)
    told = [one for one in await announced(db) if one.subject == str(account.member_id)]
    assert [(one.type, one.sequence) for one in told] == [("registry.member.joined.v1", 1)]


async def test_the_next_announcement_follows_the_last_one_without_a_gap(
    db: Database, planted: dict[UUID, str]
) -> None:
    account = an_account()
    for words, language in (("1", Language.FR), ("2", Language.FR), ("3", Language.EN)):
        await _put(db, replace(account, planted=words, language=language))

    told = [one for one in await announced(db) if one.subject == str(account.member_id)]
    assert [(one.type, one.sequence) for one in told] == [
        ("registry.member.joined.v1", 1),
        ("registry.member.updated.v1", 2),
    ]


async def test_no_announcement_holds_what_no_event_names(db: Database, planted: dict[UUID, str]) -> None:
    account = an_account(MARK)
    for language in (Language.FR, Language.EN):
        await _put(db, replace(account, language=language))
    async with db.transaction() as tx:
        await close_member(tx, account.member_id)
    await _put(db, account)

    async with db.reading() as session:
        rows = await session.scalars(
            sa.select(sa.cast(sa.literal_column("outbox"), sa.Text)).select_from(outbox)
        )
        written = [row for row in rows if str(account.member_id) in row]
    assert len(written) == 4
    assert MARK not in " ".join(written)


def test_who_is_no_operator_is_answered_what_everyone_is_told() -> None:
    account = an_account(MARK)

    assert api._for("operator", account) is account
    assert api._for("gateway", account) == account.announced(MemberFacts)


@pytest.fixture
async def client(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    callers = {"gateway": "for-the-gateway", "operator": "for-the-operator"}
    async with running(build, Settings, "registry", callers=callers) as client:
        yield client


def _body() -> dict[str, Any]:
    return {"organisation": "CO-Hanoi", "role": "focal_point", "language": "en", "time_zone": "Asia/Bangkok"}


async def test_operators_are_answered_all_and_others_what_everyone_is_told(client: httpx.AsyncClient) -> None:
    answers = [
        ("/members", Member, MemberFacts),
        (f"/members/{packaged().every_member()[0].member_id}", Member, MemberFacts),
        ("/organisations", Organisation, OrganisationFacts),
        ("/organisations/CO-Dakar", Organisation, OrganisationFacts),
    ]
    for path, value, facts in answers:
        for caller, names in (
            (OPERATOR, [one.name for one in fields(value)]),
            (GATEWAY, [*facts.model_fields]),
        ):
            answer = (await client.get(path, headers=caller)).json()
            one = answer[0] if isinstance(answer, list) else answer
            assert set(one) == set(names), (path, caller)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter
    exporter.shutdown()


async def test_nothing_that_is_said_of_an_account_is_in_a_log_or_a_span(
    client: httpx.AsyncClient, spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    with structlog.testing.capture_logs() as logged:
        for field in (*MemberBody.model_fields, "unheard_of"):
            path = f"/members/{uuid4()}"
            await client.put(path, json=_body() | {field: MARK}, headers=OPERATOR)
            await client.put(path, json=_body() | {field: [MARK]}, headers=OPERATOR)

    seen = [(span.name, dict(span.attributes or {}), span.events) for span in spans.get_finished_spans()]
    assert len(seen) >= 2 * len(MemberBody.model_fields)
    assert MARK not in f"{seen} {logged} {caplog.text}"


def test_an_account_that_is_missing_is_named() -> None:
    member_id = MemberId(uuid4())

    assert str(NoSuchMemberError(member_id)) == f"There is no member account with the id {member_id}."
