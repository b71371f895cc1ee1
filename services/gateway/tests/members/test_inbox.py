"""The inbox, without scripts and with them."""

from page_kit import ITEM, Behind, Reader, an_item


async def test_a_member_sees_the_partners_own_words_in_their_language_and_direction(member: Reader) -> None:
    page = (await member.open("/inbox")).text

    assert '<bdi lang="ar" dir="rtl">طلب مشورة</bdi>' in page
    assert "Your unit is to act" in page
    assert "hx-sse:connect=" in page


async def test_a_members_words_are_never_markup(member: Reader, behind: Behind) -> None:
    behind.inbox(
        an_item(title="<script>alert(1)</script>", request={"language": 'en" onload="x', "text": "<b>"})
    )

    page = (await member.open("/inbox")).text

    assert "<script>alert" not in page
    assert "&lt;b&gt;" in page
    assert 'onload="x"' not in page


async def test_older_items_are_a_page_of_their_own_that_nothing_new_is_pushed_into(
    member: Reader, behind: Behind
) -> None:
    behind.answers["GET inbox"] = {"unread": 1, "position": 9, "items": [an_item()], "next": 6}
    first = (await member.open("/inbox?only=all")).text
    older = (await member.open("/inbox?only=all&before=6")).text

    assert 'href="/inbox?only=all&amp;before=6"' in first
    assert "hx-sse:connect" not in older
    assert 'href="/inbox?only=all"' in older


async def test_a_member_marks_an_item_without_scripts_and_is_told_once(
    member: Reader, behind: Behind
) -> None:
    behind.answers[f"POST inbox/{ITEM}/done"] = an_item(done_at="2026-11-23T09:00:00Z")

    marked = await member.send(f"/inbox/{ITEM}/done", only="unread")

    assert (marked.status_code, marked.headers["Location"]) == (303, "/inbox?only=unread")
    assert "Marked as done." in (await member.open("/inbox")).text
    assert "Marked as done." not in (await member.open("/inbox")).text


async def test_a_member_marks_an_item_with_scripts_and_gets_the_item_and_the_count(
    member: Reader, behind: Behind
) -> None:
    behind.answers[f"POST inbox/{ITEM}/read"] = an_item(read_at="2026-11-23T09:00:00Z")
    behind.inbox(unread=4)

    answer = await member.send(f"/inbox/{ITEM}/read", htmx=True)

    assert answer.status_code == 200
    assert f'id="item-{ITEM}"' in answer.text
    assert '<hx-partial hx-target="#unread-nav" hx-swap="textContent">4</hx-partial>' in answer.text
    assert "<html" not in answer.text


async def test_a_card_counts_the_days_once(member: Reader, behind: Behind) -> None:
    late = an_item(due_on="2020-01-06", body="9 working days late.", request=None)
    behind.inbox(late)
    spelled_out = (await member.open("/inbox")).text
    behind.inbox(late | {"request": {"language": "fr", "text": "Appui"}})
    counted = (await member.open("/inbox")).text

    assert "9 working days late." in spelled_out
    assert "overdue" not in spelled_out
    assert "6 Jan 2020" in spelled_out
    assert "overdue" in counted


async def test_what_is_completed_is_not_shown_as_due(member: Reader, behind: Behind) -> None:
    behind.inbox(an_item(event_type="coordination.task.completed.v1", reason="follows_task"))
    completed = (await member.open("/inbox")).text
    behind.inbox(an_item())
    waiting = (await member.open("/inbox")).text

    assert 'class="due' not in completed
    assert 'class="due' in waiting
