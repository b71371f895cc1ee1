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


@given(per_second=st.integers(1, 50), burst=st.integers(1, 50), pause=st.integers(0, 1000))
def test_a_partner_may_send_its_burst_at_once_to_the_last_event(
    per_second: int, burst: int, pause: int
) -> None:
    bucket = TokenBucket(per_second=per_second, burst=burst)
    bucket.take(1, at=0)
    # However long it was silent, no more than the burst is saved up.
    at = 1 + pause + burst

    passed = [bucket.take(1, at=at) for _ in range(burst + 1)]

    assert [one.left for one in passed] == [*reversed(range(burst)), 0]
    assert [one.allowed for one in passed] == [True] * burst + [False]


@given(per_second=st.integers(1, 50), burst=st.integers(1, 50), events=st.integers(1, 300))
def test_who_is_told_when_to_come_back_is_let_in_then_and_would_not_have_been_a_second_before(
    per_second: int, burst: int, events: int
) -> None:
    def after_a_batch() -> TokenBucket:
        bucket = TokenBucket(per_second=per_second, burst=burst)
        assert bucket.take(burst + events, at=0).allowed
        return bucket

    wait = after_a_batch().take(1, at=0).wait_seconds

    assert after_a_batch().take(1, at=wait).allowed
    assert wait == 1 or not after_a_batch().take(1, at=wait - 1).allowed


@given(per_second=st.integers(1, 50), burst=st.integers(1, 50), events=st.integers(1, 300))
def test_who_was_let_in_is_told_when_the_whole_burst_is_there_again(
    per_second: int, burst: int, events: int
) -> None:
    bucket = TokenBucket(per_second=per_second, burst=burst)
    bucket.take(1, at=0)

    charged = bucket.charge(events, at=0)

    assert charged.allowed
    assert charged.left == max(0, burst - 1 - events)
    assert bucket.take(1, at=charged.wait_seconds).left == burst - 1
