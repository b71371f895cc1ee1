"""Who leaves the network, or becomes another, is signed out."""

import pytest
from partner_kit import a_member

from chassis.database.engine import Database
from chassis.testing import Deliver
from contracts.registry import MemberFacts, MemberLeftV1, MemberUpdatedV1
from contracts.words import Role
from gateway.sessions.workflows import session_for
from gateway.sign_in.workflows import issue_link, redeem_link
from gateway.subscribers import subscriptions


@pytest.fixture
def deliver(database: Database) -> Deliver:
    return Deliver(database, subscriptions)


async def _signed_in(database: Database, member: MemberFacts) -> str:
    async with database.transaction() as tx:
        token = await issue_link(tx, member)
        await issue_link(tx, member)
        entered = await redeem_link(tx, token)
    assert entered is not None
    return entered[0]


async def _is_live(database: Database, cookie: str) -> bool:
    async with database.reading() as session:
        return await session_for(session, cookie, now=database.clock()) is not None


async def test_who_left_is_signed_out(database: Database, deliver: Deliver) -> None:
    leaver, stayer = a_member(), a_member(organisation="CO-Abuja")
    left, stays = await _signed_in(database, leaver), await _signed_in(database, stayer)

    await deliver(MemberLeftV1(**leaver.model_dump()))

    assert not await _is_live(database, left)
    assert await _is_live(database, stays)


async def test_who_changed_role_signs_in_anew_and_who_changed_language_stays(
    database: Database, deliver: Deliver
) -> None:
    promoted, polyglot = a_member(), a_member(organisation="CO-Abuja")
    before, stays = await _signed_in(database, promoted), await _signed_in(database, polyglot)

    await deliver(MemberUpdatedV1.model_validate(promoted.model_dump() | {"role": Role.OPERATOR}))
    await deliver(MemberUpdatedV1.model_validate(polyglot.model_dump() | {"language": "ar"}))

    assert not await _is_live(database, before)
    assert await _is_live(database, stays)
