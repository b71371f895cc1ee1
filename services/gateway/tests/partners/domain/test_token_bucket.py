"""How much a partner may send in a while."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.partners.domain.token_bucket import TokenBucket


@settings(deadline=None)
@given(
    waits=st.lists(st.floats(0, 5), max_size=60),
    per_second=st.integers(1, 50),
    burst=st.integers(1, 50),
)
def test_no_partner_gets_more_than_its_rate_and_one_burst(
    waits: list[float], per_second: int, burst: int
) -> None:
    bucket = TokenBucket(per_second=per_second, burst=burst)
    at, passed = 100.0, 0
    for wait in waits:
        at += wait
        passed += bucket.take(1, at=at).allowed

    assert passed <= burst + (at - 100.0) * per_second + 1e-6


def test_a_batch_larger_than_the_burst_passes_once_and_is_paid_off() -> None:
    bucket = TokenBucket(per_second=10, burst=20)

    assert bucket.take(100, at=0.0).allowed
    refused = bucket.take(1, at=1.0)
    assert not refused.allowed
    assert bucket.take(1, at=1.0 + refused.wait_seconds).allowed
