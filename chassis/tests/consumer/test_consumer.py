"""How long a part lets events come to share its next small batch."""

import pytest

from chassis.consumer.consumer import pace_after


@pytest.mark.parametrize(
    ("per_second", "seconds"),
    [
        pytest.param(1, 0.1, id="a lone event"),
        pytest.param(50, 0.1, id="a trickle"),
        pytest.param(300, 0.25, id="under load"),
    ],
)
@pytest.mark.parametrize("before", [0, 50], ids=["after calm", "after a burst"])
def test_under_load_batches_are_fewer_and_larger(per_second: int, seconds: float, before: int) -> None:
    pace = pace_after(before)
    for _ in range(5):
        pace = pace_after(round(per_second * pace))

    assert pace == seconds


@pytest.mark.parametrize("before", [0, 50])
def test_between_calm_and_load_the_pace_stays_as_it_is(before: int) -> None:
    pace = pace_after(before)

    assert pace_after(round(100 * pace)) == pace
