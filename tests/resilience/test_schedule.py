"""The schedules: the same seed means the same faults, and over many seeds everything happens to everything."""

from tests.resilience.schedule import FEWEST, LASTS, MOST, ON_PROCESSES, SERVERS, Kind, draw

MANY = range(400)


def test_a_seed_always_means_the_same_faults() -> None:
    assert [draw(seed) for seed in MANY] == [draw(seed) for seed in MANY]
    assert len({draw(seed).faults for seed in MANY}) == len(MANY)


def test_what_a_seed_means_stays_as_it_was() -> None:
    """A change here means that seeds noted down so far mean other faults from now on."""
    assert str(draw(7)).splitlines()[:2] == [
        "seed 7:",
        "   0.14 s  deaf coordination-postgres, for 0.36 s",
    ]


def test_over_many_seeds_everything_happens_to_everything() -> None:
    done = {(fault.kind, fault.target) for seed in MANY for fault in draw(seed).faults}
    assert {kind for kind, _ in done} == set(Kind)
    names = {*SERVERS, "registry", "coordination", "notifications", "gateway"}
    assert {(kind, name) for kind in ON_PROCESSES for name in names} <= done
    assert len({target for kind, target in done if kind is Kind.DEAF}) == 8


def test_every_schedule_is_short_and_does_nothing_twice_at_once_to_one_target() -> None:
    for seed in MANY:
        faults = draw(seed).faults
        assert FEWEST <= len(faults) <= MOST
        assert all(fault.at <= LASTS for fault in faults)
        for before, after in ((a, b) for a in faults for b in faults if a is not b and a.target == b.target):
            if "stream" not in (before.target, after.target) and Kind.CLOCK not in (before.kind, after.kind):
                assert before.ends < after.at or after.ends < before.at


def test_what_cannot_be_done_is_left_out_and_the_rest_stays_as_it_was() -> None:
    for seed in MANY:
        whole, less = draw(seed), draw(seed).without([Kind.FULL])
        assert less.faults == tuple(fault for fault in whole.faults if fault.kind is not Kind.FULL)
