"""How a partner's key is read."""

from hashlib import sha256

from partner_kit import KEY

from gateway.partners.domain.api_keys import PresentedKey, presented_key


def test_a_key_is_read_and_its_secret_left_behind() -> None:
    for text in (f"Bearer {KEY}", f"bearer  {KEY}", f"BEARER {KEY} "):
        key = presented_key(text)

        assert key == PresentedKey("abcdefghij23", sha256(b"S" * 43).hexdigest())
        assert "S" * 43 not in repr(key)


def test_anything_else_is_no_key() -> None:
    for text in (
        None,
        "",
        KEY,
        f"Basic {KEY}",
        f"Bearer {KEY} {KEY}",
        "Bearer sse_abc_def",
        f"Bearer {KEY.upper()}",
        f"Bearer {KEY}x",
        f"Bearer {KEY[:-1]}",
        f"Bearer x{KEY}",
        f"Bearer{KEY}",
        f"x Bearer {KEY}",
    ):
        assert presented_key(text) is None
