"""A budget: for each caller and in all, waited for in order, and given back whatever becomes of who had it."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.testing import eventually
from gateway.http.budgets import ALL, CALLER, Budget, OverBudgetError


class _Holder:
    """Somebody who asks for a share, and keeps it until told to let go."""

    def __init__(self, budget: Budget, caller: str, amount: int) -> None:
        self.has_it = False
        self._let_go = asyncio.Event()
        self.task = asyncio.create_task(self._hold(budget, caller, amount))

    async def _hold(self, budget: Budget, caller: str, amount: int) -> None:
        async with budget.share(caller, amount):
            self.has_it = True
            await self._let_go.wait()

    async def let_go(self) -> None:
        self._let_go.set()
        await self.task


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("caller", "whose"), [("one", CALLER), ("another", ALL)], ids=["its own part", "the whole"]
)
async def test_who_finds_nothing_left_in_time_is_told_whose_part_was_used_up(caller: str, whose: str) -> None:
    budget = Budget("test", in_all=10, per_caller=8, patience=0)
    async with budget.share("one", 8):
        with pytest.raises(OverBudgetError) as refused:
            async with budget.share(caller, 4):
                pass

    assert refused.value.whose == whose
    assert budget.used == 0


async def test_who_waits_gets_what_another_gives_back() -> None:
    budget = Budget("test", in_all=10, per_caller=10, patience=30)
    first, second = _Holder(budget, "one", 10), _Holder(budget, "another", 10)
    await _settled()
    assert (first.has_it, second.has_it) == (True, False)

    await first.let_go()
    await _settled()

    assert second.has_it
    await second.let_go()
    assert budget.used == 0


async def test_a_caller_over_its_own_part_holds_up_nobody_behind_it() -> None:
    budget = Budget("test", in_all=10, per_caller=6, patience=30)
    has, waits, other = (
        _Holder(budget, "one", 6),
        _Holder(budget, "one", 6),
        _Holder(budget, "another", 4),
    )
    await _settled()

    assert (has.has_it, waits.has_it, other.has_it) == (True, False, True)
    for holder in (has, waits, other):
        await holder.let_go()


async def test_small_shares_do_not_pass_a_large_one_that_waits() -> None:
    budget = Budget("test", in_all=10, per_caller=10, patience=30)
    has, large, small = (
        _Holder(budget, "one", 5),
        _Holder(budget, "two", 10),
        _Holder(budget, "three", 1),
    )
    await _settled()
    assert (large.has_it, small.has_it) == (False, False)

    await has.let_go()
    await _settled()
    assert (large.has_it, small.has_it) == (True, False)
    await large.let_go()
    await small.let_go()


async def test_a_share_larger_than_all_fits_alone() -> None:
    budget = Budget("test", in_all=10, per_caller=4, patience=0)

    async with budget.share("one", 1000):
        assert budget.used == 4


async def test_what_is_not_needed_is_given_back_at_once() -> None:
    budget = Budget("test", in_all=10, per_caller=10, patience=30)
    async with budget.share("one", 10) as share:
        second = _Holder(budget, "another", 7)
        await _settled()
        assert not second.has_it

        budget.shrink(share, 3)
        await _settled()
        assert (second.has_it, budget.used) == (True, 10)
    await second.let_go()
    assert budget.used == 0


async def test_a_share_grows_where_there_is_room_and_waits_in_line_where_there_is_none() -> None:
    budget = Budget("test", in_all=10, per_caller=8, patience=30)
    async with budget.share("one", 2) as share:
        await budget.grow(share, 6)
        assert (share.amount, budget.used, budget.is_wanted(share)) == (6, 6, False)
        await budget.grow(share, 5)
        assert (share.amount, budget.used) == (6, 6)

        other = _Holder(budget, "another", 4)
        await _settled()
        second = _Holder(budget, "one", 1)
        growing = asyncio.create_task(budget.grow(share, 1000))
        await _settled()
        assert (other.has_it, growing.done(), budget.is_wanted(share)) == (True, False, True)
        await other.let_go()
        await second.let_go()
        await growing
        assert (share.amount, budget.used) == (8, 8)
    assert budget.used == 0


async def test_a_share_that_may_not_grow_stays_what_it_was() -> None:
    budget = Budget("test", in_all=10, per_caller=8, patience=0)
    async with budget.share("one", 2) as share, budget.share("another", 7):
        with pytest.raises(OverBudgetError) as refused:
            await budget.grow(share, 8)
        assert (share.amount, budget.used, refused.value.whose) == (2, 9, ALL)
    assert budget.used == 0


async def test_nothing_is_kept_of_who_failed_or_was_cancelled_having_it_or_waiting() -> None:
    budget = Budget("test", in_all=10, per_caller=10, patience=30)
    with pytest.raises(ZeroDivisionError):
        async with budget.share("one", 10):
            raise ZeroDivisionError
    assert budget.used == 0

    has, waits = _Holder(budget, "one", 10), _Holder(budget, "two", 10)
    await _settled()
    for holder in (waits, has):
        holder.task.cancel()
    await asyncio.gather(has.task, waits.task, return_exceptions=True)

    assert budget.used == 0
    await _Holder(budget, "three", 10).let_go()


async def test_who_gives_up_in_the_moment_of_its_turn_gives_it_back() -> None:
    budget = Budget("test", in_all=10, per_caller=10, patience=30)
    has, waits = _Holder(budget, "one", 10), _Holder(budget, "two", 10)
    await _settled()

    letting_go = asyncio.create_task(has.let_go())
    await eventually(lambda: budget.used == 10 and has.task.done())
    waits.task.cancel()
    await asyncio.gather(waits.task, letting_go, return_exceptions=True)

    assert budget.used == 0


async def test_a_queue_has_an_end() -> None:
    budget = Budget("test", in_all=10, per_caller=1, patience=30, queue=2)
    holders = [_Holder(budget, "one", 1) for _ in range(3)]
    await _settled()

    with pytest.raises(OverBudgetError) as refused:
        async with budget.share("one", 1):
            pass
    assert refused.value.whose == CALLER
    # However many of one caller's wait, they are in nobody else's way.
    async with budget.share("another", 1):
        pass
    for holder in holders:
        await holder.let_go()


async def test_who_has_nothing_yet_is_let_in_beyond_what_others_hold() -> None:
    budget = Budget("test", in_all=10, per_caller=5, patience=0, beyond=10)
    async with budget.share("one", 5), budget.share("two", 5), budget.share("three", 4):
        assert budget.used == 14
        with pytest.raises(OverBudgetError):
            async with budget.share("three", 1):
                pass
        async with budget.share("four", 1) as small:
            await budget.grow(small, 5)
            assert budget.used == 19
    assert budget.used == 0


async def test_who_has_nothing_yet_stands_behind_nobody_who_waits_for_the_whole() -> None:
    budget = Budget("test", in_all=10, per_caller=5, patience=30, beyond=5)
    held = [_Holder(budget, caller, amount) for caller, amount in (("one", 4), ("two", 4), ("three", 2))]
    await _settled()
    waits = _Holder(budget, "one", 1)
    await _settled()
    assert [one.has_it for one in (*held, waits)] == [True, True, True, False]

    at_once = _Holder(budget, "four", 3)
    later = _Holder(budget, "five", 4)
    await _settled()
    assert (at_once.has_it, later.has_it) == (True, False)

    # Two more beyond the whole: not for who has something already, but for who has nothing.
    await held[2].let_go()
    await _settled()
    assert (waits.has_it, later.has_it) == (False, True)
    for holder in (*held[:2], at_once, waits, later):
        await holder.let_go()
    assert budget.used == 0


async def test_a_share_is_wanted_by_its_own_caller_and_by_who_has_not_had_its_part() -> None:
    budget = Budget("test", in_all=10, per_caller=6, patience=30)
    async with budget.share("one", 4) as share:
        holders = [_Holder(budget, "two", 6), _Holder(budget, "two", 2)]
        await _settled()
        assert not budget.is_wanted(share)
        holders.append(_Holder(budget, "three", 1))
        await _settled()
        assert budget.is_wanted(share)
    for holder in holders:
        await holder.let_go()


@given(
    asked=st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 7)), max_size=12),
    gone=st.lists(st.integers(0, 11), max_size=12),
)
async def test_whoever_comes_and_goes_it_is_never_overdrawn_and_ends_at_nothing(
    asked: Sequence[tuple[str, int]], gone: Sequence[int]
) -> None:
    budget = Budget("test", in_all=9, per_caller=6, patience=30)
    holders = [_Holder(budget, caller, amount) for caller, amount in asked]
    await _settled()
    assert budget.used <= 9
    for place in gone:
        if place < len(holders):
            holders[place].task.cancel()
            await _settled()
            assert budget.used <= 9
    for holder in holders:
        holder._let_go.set()
    await asyncio.wait_for(asyncio.gather(*(one.task for one in holders), return_exceptions=True), 30)

    assert budget.used == 0
