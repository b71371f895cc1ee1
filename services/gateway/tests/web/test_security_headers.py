"""What every answer tells the browser about safety."""

from page_kit import TASK, Behind, Reader, reading_pages

from chassis.testing import Running


async def test_every_page_is_guarded_by_headers(member: Reader) -> None:
    for path in ("/inbox", "/sign-in", "/nowhere"):
        headers = (await member.open(path)).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


async def test_over_https_nothing_goes_in_the_clear_any_more(running: Running, behind: Behind) -> None:
    async with reading_pages(running, behind, url="https://network.test") as reader:
        sent = await reader.send(f"/tasks/{TASK}/accept")

    assert sent.headers["Set-Cookie"].startswith("flash=session-over")
    assert "Secure" in sent.headers["Set-Cookie"]
    assert sent.headers["Strict-Transport-Security"].startswith("max-age=")


async def test_over_http_no_browser_is_bound_to_https(member: Reader) -> None:
    assert "Strict-Transport-Security" not in (await member.open("/inbox")).headers
