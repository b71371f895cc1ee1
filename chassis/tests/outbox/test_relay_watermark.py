"""A relay looks into the outbox from its low watermark on, and asks who writes where that is far behind."""

from relay_talk import LIMIT, Talk, some_rows

from chassis.outbox.relay_decisions import AwaitWork, Look, Mark, Meanwhile, Pause


def test_a_relay_looks_from_the_watermark_on_and_keeps_it_with_the_marks() -> None:
    rows = some_rows(1, after=500)
    talk = Talk([*rows], published_below=400)

    talk.until(Pause)

    assert [step.since for step in talk.of(Look)] == [400, 400]
    assert [step.published_below for step in talk.of(Mark)] == [400]


def test_a_relay_that_is_far_above_its_watermark_asks_who_writes_until_that_rises() -> None:
    talk = Talk(some_rows(1, after=500), published_below=400, writers=["1"])
    for writers in (["1"], ["1", "2"], ["2"], [], []):
        talk.until(AwaitWork)
        talk.writers = writers
        talk.go_on()
    talk.until(AwaitWork)

    # Once all have ended who wrote when it was first asked, what was seen by then is decided.
    looks = [(step.since, step.and_writers) for step in talk.of(Look)]
    assert looks == [(400, False), (400, False), *[(400, True)] * 4, (502, False)]


def test_while_much_waits_the_watermark_rises_by_the_looks_made_meanwhile() -> None:
    first, second = some_rows(LIMIT, after=200), some_rows(LIMIT, after=400)
    talk = Talk([*first, *second], writers=[])

    talk.until(AwaitWork)

    looks = [each.look for each in talk.of(Meanwhile)]
    assert [look.and_writers for look in looks] == [True, True]
    # What is on its way is not published yet.
    assert all(
        look.since <= step.publish.rows[0].position
        for look, step in zip(looks, talk.of(Meanwhile), strict=True)
    )
