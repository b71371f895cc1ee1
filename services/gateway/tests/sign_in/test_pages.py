"""In by a link, and out again, as a person's browser sees it."""

from page_kit import TASK, Reader

from contracts.words import Language, Role


async def test_a_stranger_is_led_to_the_sign_in(stranger: Reader) -> None:
    for path in ("/", "/inbox", "/plan", f"/tasks/{TASK}", "/operations"):
        answer = await stranger.open(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in"), path

    assert "works once" in (await stranger.open("/sign-in")).text


async def test_a_link_is_not_used_up_by_opening_it_and_lets_one_browser_in(stranger: Reader) -> None:
    link = await stranger.link(Role.FOCAL_POINT, Language.EN)
    for _ in range(2):
        assert "CO-Dakar" in (await stranger.open(link)).text

    entered = await stranger.send(link)
    again = await stranger.send(link)

    assert (entered.status_code, entered.headers["Location"]) == (303, "/inbox")
    assert again.status_code == 410
    assert "does not work any more" in again.text


async def test_a_foreign_site_cannot_sign_a_member_in(stranger: Reader) -> None:
    link = await stranger.link(Role.FOCAL_POINT, Language.EN)

    answer = await stranger.http.post(link, headers={"Origin": "https://elsewhere.example"})

    assert answer.status_code == 403
    assert "session" not in stranger.http.cookies


async def test_signing_out_ends_the_session_on_the_server(member: Reader) -> None:
    cookie = member.http.cookies["session"]

    out = await member.send("/sign-out")
    member.http.cookies.set("session", cookie)

    assert (out.status_code, out.headers["Location"]) == (303, "/sign-in")
    assert (await member.open("/inbox")).headers["Location"] == "/sign-in"
