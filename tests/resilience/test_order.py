"""Per aggregate from commit to handler: with several relay candidates and consumers, whatever is killed.

`./ssenet test tests/resilience/test_order.py --events 1000000 -s` is the run of the full size.
"""

from pathlib import Path

import pytest

from tests.resilience.order_run import Plan, check, run

SMALL = Plan(
    events=4_000,
    keys=60,
    relays=3,
    consumers=4,
    kill_every=0.4,
    trouble_every=100,
    seed=1,
    per_transaction=50,
)


@pytest.mark.timeout(0)
async def test_each_aggregates_events_are_handled_in_order_and_once_whoever_is_killed(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    events: int = request.config.getoption("--events")  # type: ignore[assignment]
    large = Plan(
        events=events, keys=2_000, relays=4, consumers=8, kill_every=3.0, trouble_every=1_000, seed=1
    )
    plan = large if events else SMALL

    found = await run(plan, tmp_path, print)

    print(found)  # noqa: T201 - the figures of a large run
    assert not found.faults
    assert sum(found.kills.values()) > 2
    assert not events or set(found.kills) == {"relay", "consumer"}
    # The parts were shared, and taken over from those that died.
    assert found.processes >= (8 if events else 4)
    # About one in so many was in trouble, and others of its key came meanwhile.
    assert found.failed > plan.events / plan.trouble_every / 2
    assert found.waited > found.failed


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        ([1, 2, 3], None),
        ([1, 3, 2], "inversions"),
        ([1, 2, 2, 3], "repeats"),
        ([1, 2], "missing"),
        ([1, 3], "gaps"),
    ],
)
def test_the_checker_of_the_order_finds_each_planted_fault(seen: list[int], fault: str | None) -> None:
    faults = check((("key", sequence) for sequence in seen), {"key": 3})

    assert bool(faults) == (fault is not None)
    assert fault is None or getattr(faults, fault) == 1
