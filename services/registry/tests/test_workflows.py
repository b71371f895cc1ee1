"""The registry's use cases on a real PostgreSQL."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from chassis.database.engine import Database
from chassis.database.tables import backbone
from chassis.testing import FreshDatabase, SettableClock, a_clock, announced
from contracts.registry import OrganisationFacts
from contracts.words import Language, MemberId, Named, OrganisationId, OrganisationKind, Role
from registry import tables
from registry.directory import Directory, packaged
from registry.domain.findings import RefusedError
from registry.domain.members import Member, member_id
from registry.domain.organisations import KindIsFixedError, Organisation, organisation_id
from registry.domain.partners import KeyExpiredError, NewKey, NoSuchKeyError, TooManyKeysError, partner_id
from registry.workflows.directory import load_directory
from registry.workflows.members import close_member, put_member
from registry.workflows.organisations import put_organisation
from registry.workflows.partners import (
    issue_key,
    put_partner,
    revoke_key,
    revoke_keys,
    rotate_key,
    verify_key,
)

GRANT = "partner.assistance.requested.v1"


@pytest.fixture
def clock() -> SettableClock:
    return a_clock()


@pytest.fixture
async def db(fresh_database: FreshDatabase, clock: SettableClock) -> Database:
    return await fresh_database("registry", clock=clock)


async def _load(db: Database, directory: Directory | None = None) -> int:
    async with db.transaction() as tx:
        return len(await load_directory(tx, directory or packaged()))


async def _known(db: Database, code: str) -> Organisation:
    async with db.reading() as session:
        row = await tables.organisation_by_code(session, code)
        assert row is not None
        return row.value((await tables.coverage_of(session, [row.id]))[row.id])


async def _put(db: Database, wanted: Organisation) -> bool:
    async with db.transaction() as tx:
        return (await put_organisation(tx, wanted))[1]


def an_organisation(code: str, *, covers: Sequence[str] = (), parent: str | None = None) -> Organisation:
    return Organisation(
        organisation_id=OrganisationId(organisation_id(packaged().namespace, code)),
        code=code,
        kind=OrganisationKind.OFFICE,
        names=(Named(language="en", name=f"ILO Office, {code}"),),
        parent=parent,
        covers=tuple(covers),
        confirmed=False,
    )


def a_member(organisation: str = "DWT/CO-Dakar") -> Member:
    return Member(
        member_id=MemberId(uuid4()),
        organisation=organisation,
        role=Role.FOCAL_POINT,
        label="",
        language=Language.FR,
        time_zone="Africa/Dakar",
    )


def _without(directory: Directory, code: str, **changes: object) -> Directory:
    rows = [row.model_copy(update=changes) if row.code == code else row for row in directory.organisations]
    return directory.model_copy(update={"organisations": tuple(rows)})


async def test_migrations_make_the_tables_that_the_code_expects(db: Database) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        ours = {table.name for table in tables.Base.metadata.sorted_tables}

        def is_ours(name: str | None, kind: str, _: object) -> bool:
            return kind != "table" or name in ours

        context = MigrationContext.configure(connection, opts={"include_name": is_ours})
        return compare_metadata(context, tables.Base.metadata)

    async with db.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    assert backbone.tables.keys().isdisjoint(tables.Base.metadata.tables)


async def test_loading_announces_every_unit_office_and_account(db: Database) -> None:
    await _load(db)

    types = Counter(envelope.type for envelope in await announced(db))
    assert types == {"registry.organisation.registered.v1": 62, "registry.member.joined.v1": 64}


async def test_loading_again_announces_nothing(db: Database) -> None:
    await _load(db)

    assert await _load(db) == 0


async def test_two_processes_that_load_at_once_announce_everything_once(db: Database) -> None:
    counts = await asyncio.gather(_load(db), _load(db))

    assert sorted(counts) == [0, 126]


async def test_a_site_that_is_not_the_directorys_home_loads_nothing(db: Database) -> None:
    assert await _load(db, packaged().model_copy(update={"home": "elsewhere"})) == 0


async def test_a_changed_row_is_announced_alone_and_in_sequence(db: Database) -> None:
    await _load(db)

    assert await _load(db, _without(packaged(), "CO-Harare", city="Bulawayo")) == 1
    newest = (await announced(db))[-1]
    assert (newest.type, newest.sequence) == ("registry.organisation.updated.v1", 2)
    assert newest.data["city"] == "Bulawayo"


async def test_a_country_moves_from_one_office_to_another_with_the_file(db: Database) -> None:
    await _load(db)
    moved = _without(packaged(), "DWT/CO-Dakar", covers=("CV", "GN", "GW"))

    await _load(db, _without(moved, "CO-Abidjan", covers=("BJ", "BF", "CI", "ML", "NE", "SN", "TG")))

    assert "SN" in (await _known(db, "CO-Abidjan")).covers
    assert "SN" not in (await _known(db, "CO-Dakar")).covers


async def test_what_an_operator_edited_survives_the_next_start(db: Database) -> None:
    await _load(db)
    dakar = await _known(db, "CO-Dakar")
    await _put(db, replace(dakar, covers=(*dakar.covers, "CA")))

    assert await _load(db) == 0
    assert "CA" in (await _known(db, "CO-Dakar")).covers


async def test_a_country_an_operator_placed_stays_when_the_file_gives_it_elsewhere(
    db: Database,
) -> None:
    await _load(db)
    await _put(db, an_organisation("ILO-Ottawa", covers=["CA"]))

    announced_now = await _load(db, _without(packaged(), "ILO-Washington", covers=("CA", "US")))

    assert announced_now == 0
    assert (await _known(db, "ILO-Ottawa")).covers == ("CA",)


async def test_an_office_is_registered_once_and_the_same_again_is_silent(db: Database) -> None:
    wanted = an_organisation("ILO-Ottawa", covers=["CA"])

    assert [await _put(db, wanted) for _ in range(2)] == [True, False]
    registered, joined = await announced(db)
    assert registered.type == "registry.organisation.registered.v1"
    assert registered.subject == str(wanted.organisation_id)
    assert joined.type == "registry.member.joined.v1"


async def _accounts(db: Database, organisation: str) -> list[Member]:
    async with db.reading() as session:
        return [row.value() for row in await tables.members(session, organisation=organisation)]


@pytest.mark.parametrize("kind", [OrganisationKind.OFFICE, OrganisationKind.UNIT])
async def test_a_new_unit_or_office_has_someone_to_tell(db: Database, kind: OrganisationKind) -> None:
    await _put(db, replace(an_organisation("ILO-Ottawa"), kind=kind))

    [account] = await _accounts(db, "ILO-Ottawa")
    assert account.member_id == member_id(packaged().namespace, Role.FOCAL_POINT, "ILO-Ottawa")
    assert (account.role, account.label) == (Role.FOCAL_POINT, "focal point, ILO-Ottawa")
    assert (account.language, account.time_zone) == (Language.EN, "UTC")


async def test_an_updated_office_keeps_its_accounts_as_they_are(db: Database) -> None:
    await _put(db, an_organisation("ILO-Ottawa"))
    [account] = await _accounts(db, "ILO-Ottawa")
    async with db.transaction() as tx:
        await close_member(tx, account.member_id)

    await _put(db, an_organisation("ILO-Ottawa", covers=["CA"]))

    assert await _accounts(db, "ILO-Ottawa") == []


@pytest.mark.parametrize("code", ["CO-Dakar", "DWT/CO-DAKAR"])
async def test_an_office_registered_before_the_file_had_it_keeps_its_code_and_id(
    db: Database, code: str
) -> None:
    earlier = an_organisation(code, covers=["SN"])
    await _put(db, earlier)

    await _load(db)

    kept = await _known(db, "DWT/CO-Dakar")
    assert (kept.code, kept.organisation_id, kept.covers) == (code, earlier.organisation_id, ("SN",))
    assert len(await _accounts(db, code)) == 1
    assert await _load(db) == 0


async def test_a_parent_registered_before_the_file_had_it_is_the_parent(db: Database) -> None:
    await _put(db, an_organisation("RO-AFRICA"))

    await _load(db)

    assert (await _known(db, "CO-Abidjan")).parent == "RO-AFRICA"


async def test_a_partner_that_has_the_name_of_an_office_does_not_stop_the_start(db: Database) -> None:
    await _enter(db, "CO-Harare")

    await _load(db)

    assert (await _known(db, "CO-Harare")).kind is OrganisationKind.PARTNER
    assert await _accounts(db, "CO-Harare") == []


async def test_an_office_is_announced_before_the_one_it_stands_under(db: Database) -> None:
    await _load(db)

    told = [
        OrganisationFacts.model_validate(each.data) for each in await announced(db) if "covers" in each.data
    ]
    place = {facts.code: number for number, facts in enumerate(told)}
    assert all(place[facts.code] < place[facts.parent] for facts in told if facts.parent)


async def test_coordinators_stand_at_the_coordinating_unit_alone(db: Database) -> None:
    await _load(db)
    coordinator = replace(a_member("DWT/CO-Dakar"), role=Role.COORDINATOR)

    with pytest.raises(RefusedError) as refused:
        async with db.transaction() as tx:
            await put_member(tx, coordinator)
    async with db.transaction() as tx:
        await put_member(tx, replace(coordinator, organisation="COOP"))

    assert [finding.pointer for finding in refused.value.findings] == ["/role"]


async def test_an_office_written_another_way_keeps_its_code_and_id(db: Database) -> None:
    await _load(db)
    dakar = await _known(db, "DWT/CO-Dakar")

    await _put(db, an_organisation("CO-Dakar", covers=["SN"]))

    after = await _known(db, "DWT/CO-Dakar")
    assert (after.code, after.organisation_id, after.covers) == (dakar.code, dakar.organisation_id, ("SN",))


async def test_a_covered_country_is_refused_with_the_office_that_has_it(db: Database) -> None:
    await _load(db)

    with pytest.raises(RefusedError, match="SN is covered by DWT/CO-Dakar"):
        await _put(db, an_organisation("ILO-Thiès", covers=["SN"]))


async def test_two_offices_that_claim_a_country_at_once_do_not_both_get_it(db: Database) -> None:
    claims = [_put(db, an_organisation(code, covers=["CA"])) for code in ("ILO-Ottawa", "ILO-Toronto")]

    results = await asyncio.gather(*claims, return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["RefusedError", "bool"]


async def test_a_parent_that_does_not_exist_or_stands_below_is_refused(db: Database) -> None:
    await _load(db)

    with pytest.raises(RefusedError) as unknown:
        await _put(db, an_organisation("ILO-Ottawa", parent="RO-Nowhere"))
    with pytest.raises(RefusedError) as circular:
        await _put(db, an_organisation("RO-Africa", parent="CO-Dakar"))

    codes = [error.value.findings[0].code for error in (unknown, circular)]
    assert codes == ["unknown-organisation", "circular-parent"]


async def test_an_account_takes_its_label_from_its_place(db: Database) -> None:
    await _load(db)

    async with db.transaction() as tx:
        member, new = await put_member(tx, a_member("CO-Dakar"))

    assert new
    assert (member.organisation, member.label) == ("DWT/CO-Dakar", "focal point, CO-Dakar")


async def test_a_closed_account_is_announced_once_and_may_open_again(db: Database) -> None:
    await _load(db)
    member = a_member()
    for _ in range(2):
        async with db.transaction() as tx:
            await put_member(tx, member)
        async with db.transaction() as tx:
            await close_member(tx, member.member_id)

    told = [each for each in await announced(db) if each.subject == str(member.member_id)]
    assert [each.type.split(".")[2] for each in told] == ["joined", "left", "joined", "left"]
    assert [each.sequence for each in told] == [1, 2, 3, 4]


async def test_an_account_that_an_operator_closed_stays_closed_at_the_next_start(db: Database) -> None:
    await _load(db)
    harare = next(each for each in packaged().every_member() if each.organisation == "CO-Harare")
    async with db.transaction() as tx:
        await close_member(tx, harare.member_id)

    assert await _load(db) == 0


async def test_a_partner_has_no_members(db: Database) -> None:
    await _enter(db)

    with pytest.raises(RefusedError, match="members belong to units and offices"):
        async with db.transaction() as tx:
            await put_member(tx, a_member("UNTFSSE"))


async def _enter(db: Database, code: str = "UNTFSSE", grants: Sequence[str] = (GRANT,)) -> bool:
    wanted = replace(an_organisation(code), kind=OrganisationKind.PARTNER, confirmed=True)
    rights = partner_id(packaged().namespace, code)
    async with db.transaction() as tx:
        *_, new = await put_partner(tx, wanted, partner_id=rights, language="en", grants=grants)
        return new


async def _issue(db: Database, *, rotate: bool = False) -> NewKey:
    async with db.transaction() as tx:
        return await (rotate_key(tx, "UNTFSSE") if rotate else issue_key(tx, "UNTFSSE"))


async def _opens(db: Database, key: NewKey) -> bool:
    try:
        async with db.transaction() as tx:
            await verify_key(tx, key.key_id, sha256(key.secret.encode()).hexdigest())
    except NoSuchKeyError:
        return False
    return True


async def test_a_partner_is_announced_as_an_organisation_and_its_grants_are_not(
    db: Database,
) -> None:
    assert await _enter(db)
    assert not await _enter(db, grants=[GRANT, "partner.research.published.v1"])

    [envelope] = await announced(db)
    assert (envelope.type, envelope.data["kind"]) == ("registry.organisation.registered.v1", "partner")
    async with db.reading() as session:
        [(partner, _)] = await tables.partners(session)
    assert partner.grants == [GRANT, "partner.research.published.v1"]


async def test_a_unit_never_becomes_a_partner(db: Database) -> None:
    await _load(db)

    with pytest.raises(KindIsFixedError):
        await _enter(db, "COOP")


async def test_a_third_key_needs_a_rotation_and_the_oldest_falls_out(
    db: Database, clock: SettableClock
) -> None:
    await _enter(db)
    first = await _issue(db)
    clock.advance(timedelta(days=90))
    second = await _issue(db)
    with pytest.raises(TooManyKeysError):
        await _issue(db)

    third = await _issue(db, rotate=True)

    assert [await _opens(db, key) for key in (first, second, third)] == [False, True, True]


async def test_rotating_the_only_key_leaves_time_to_change_over(db: Database) -> None:
    await _enter(db)
    first, second = await _issue(db), await _issue(db, rotate=True)

    assert [await _opens(db, key) for key in (first, second)] == [True, True]


async def test_two_keys_asked_for_at_once_are_never_three(db: Database) -> None:
    await _enter(db)
    await _issue(db)

    results = await asyncio.gather(_issue(db), _issue(db), return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["NewKey", "TooManyKeysError"]


async def test_a_revoked_key_opens_nothing(db: Database) -> None:
    await _enter(db)
    first, second = await _issue(db), await _issue(db)
    async with db.transaction() as tx:
        await revoke_key(tx, "UNTFSSE", first.key_id)
    assert [await _opens(db, key) for key in (first, second)] == [False, True]

    async with db.transaction() as tx:
        await revoke_keys(tx, "UNTFSSE")
    assert not await _opens(db, second)


async def test_an_expired_key_opens_nothing_and_makes_room(db: Database, clock: SettableClock) -> None:
    await _enter(db)
    async with db.transaction() as tx:
        short = await issue_key(tx, "UNTFSSE", expires_at=clock.now + timedelta(hours=1))
    await _issue(db)
    clock.advance(timedelta(hours=1))

    with pytest.raises(KeyExpiredError):
        await _opens(db, short)
    # Who has not the secret is told no more of it than of any other key.
    assert not await _opens(db, NewKey(short.key_id, "guess"))
    assert await _opens(db, await _issue(db))


async def test_an_expired_key_that_was_revoked_is_told_as_any_other(
    db: Database, clock: SettableClock
) -> None:
    await _enter(db)
    async with db.transaction() as tx:
        short = await issue_key(tx, "UNTFSSE", expires_at=clock.now + timedelta(hours=1))
        await revoke_keys(tx, "UNTFSSE")
    clock.advance(timedelta(hours=1))

    assert not await _opens(db, short)


async def test_a_wrong_secret_opens_nothing(db: Database) -> None:
    await _enter(db)
    key = await _issue(db)

    assert not await _opens(db, NewKey(key.key_id, "guess"))
    assert not await _opens(db, NewKey("\x00", key.secret))


async def test_the_secret_itself_is_stored_nowhere(db: Database) -> None:
    await _enter(db)
    key = await _issue(db)

    async with db.reading() as session:
        stored = await session.scalar(sa.text("SELECT string_agg(k::text, ' ') FROM partner_keys k"))
    assert key.key_id in stored
    assert key.secret not in stored


async def test_a_keys_last_use_is_recorded_once_a_minute(db: Database, clock: SettableClock) -> None:
    await _enter(db)
    key = await _issue(db)
    seen = []
    for _ in range(4):
        await _opens(db, key)
        async with db.reading() as session:
            seen.append(await session.scalar(sa.select(tables.PartnerKey.last_used_at)))
        clock.advance(timedelta(seconds=30))

    start = clock.now - timedelta(minutes=2)
    assert seen == [start, start, start + timedelta(minutes=1), start + timedelta(minutes=1)]
