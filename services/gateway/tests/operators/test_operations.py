"""The operators' page."""

from page_kit import Reader

from contracts.words import Role


async def test_operations_is_for_operators_and_the_coordinator(stranger: Reader) -> None:
    await stranger.sign_in(Role.FOCAL_POINT)
    assert (await stranger.open("/operations")).status_code == 403

    await stranger.sign_in(Role.OPERATOR)
    page = await stranger.open("/operations")

    assert page.status_code == 200
    assert page.text.count("Not reachable") == 3
    assert "gateway-end-sessions" in page.text
