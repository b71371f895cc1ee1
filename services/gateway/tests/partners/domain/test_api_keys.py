"""How a partner's key is read."""

from partner_kit import KEY

from gateway.partners.domain.api_keys import presented_key


def test_a_key_is_read_and_its_secret_left_behind() -> None:
    key = presented_key(f"bearer  {KEY}")

    assert key is not None
    assert key.key_id == "abcdefghij23"
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
    ):
        assert presented_key(text) is None
