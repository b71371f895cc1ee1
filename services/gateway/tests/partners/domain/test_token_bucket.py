"""How much a partner may send in a while."""

from random import Random

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
    full = after_a_batch().take(1, at=0).full_seconds
    assert after_a_batch().take(1, at=full).left == burst - 1


@given(per_second=st.integers(1, 50), burst=st.integers(1, 50), events=st.integers(1, 300))
def test_who_was_let_in_is_told_when_the_whole_burst_is_there_again(
    per_second: int, burst: int, events: int
) -> None:
    bucket = TokenBucket(per_second=per_second, burst=burst)
    bucket.take(1, at=0)

    charged = bucket.take_rest(events, at=0)

    assert charged.allowed
    assert charged.left == max(0, burst - 1 - events)
    assert bucket.take(1, at=charged.full_seconds).left == burst - 1


@given(
    batches=st.lists(st.integers(1, 1000), min_size=1, max_size=12),
    burst=st.integers(1, 50),
    shuffled=st.randoms(use_true_random=False),
)
def test_batches_sent_at_once_overdraw_a_bucket_by_one_of_them_at_most(
    batches: list[int], burst: int, shuffled: Random
) -> None:
    bucket = TokenBucket(per_second=1, burst=burst)
    begun = [size for size in batches if bucket.take(1, at=0).allowed]
    shuffled.shuffle(begun)

    passed = [size for size in begun if bucket.take_rest(size - 1, at=0).allowed]

    # All but the last of them fitted into what was left.
    assert sum(passed[:-1]) <= burst
    assert len(begun) == min(len(batches), burst)


def test_what_is_given_back_may_be_taken_again_and_no_more_than_the_burst() -> None:
    bucket = TokenBucket(per_second=1, burst=2)
    bucket.take(2, at=0)

    bucket.give_back(1, at=0)
    assert bucket.take(1, at=0).allowed
    assert not bucket.take(1, at=0).allowed

    bucket.give_back(10, at=0)
    assert bucket.take(1, at=0).left == 1
