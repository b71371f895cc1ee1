"""A partner that sends too much is told when to come back."""

from partner_kit import BATCH, OTHER_KEY, Gateway, an_event, post_event


async def test_a_partner_that_sends_too_much_is_told_when_to_come_back(gateway: Gateway) -> None:
    async with gateway(events_per_second=1, events_burst=3) as client:
        first = await post_event(client, [an_event() for _ in range(5)], mode=BATCH)
        second = await post_event(client, an_event())
        other = await post_event(client, an_event(), key=OTHER_KEY)

    assert first.status_code == 202
    assert first.headers["RateLimit"].startswith('"events";r=0;')
    assert first.headers["RateLimit-Policy"] == '"events";q=3;w=3'
    assert second.status_code == 429
    assert int(second.headers["Retry-After"]) >= 3
    assert other.status_code == 202
