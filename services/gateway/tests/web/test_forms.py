"""Which forms are believed."""

from page_kit import TASK, Behind, Reader


async def test_an_action_is_refused_without_the_forms_token(member: Reader, behind: Behind) -> None:
    answer = await member.send(f"/tasks/{TASK}/accept", csrf="0" * 64)

    assert answer.status_code == 403
    assert "out of date" in answer.text
    assert not [asked for asked, _ in behind.asked if asked.endswith("/accept")]


async def test_no_two_pages_hold_the_same_token_and_each_works(member: Reader) -> None:
    await member.open("/inbox")
    first = member.csrf
    await member.open("/inbox")

    assert member.csrf != first
    for token in (first, member.csrf):
        assert (await member.send("/theme", csrf=token, theme="dark")).status_code == 303
    assert (await member.send("/theme", csrf=first[:64], theme="dark")).status_code == 403


async def test_a_form_sent_after_the_session_ended_is_not_lost_in_silence(member: Reader) -> None:
    member.http.cookies.delete("session")

    sent = await member.send(f"/tasks/{TASK}/accept")

    assert (sent.status_code, sent.headers["Location"]) == (303, "/sign-in")
    assert "was not stored" in (await member.open("/sign-in")).text
