"""How faults point and speak, whatever they are found in."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.http.faults import Fault, RefusalError, Sentence, pointer


def parts_of(pointer: str) -> list[str]:
    """Read a JSON pointer back, as RFC 6901 has it: `~1` first, so that `~01` is `~1` and no slash."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def test_a_pointer_is_written_as_json_pointers_are() -> None:
    assert pointer() == ""
    assert pointer("data", "figures", 0, "a/b", "m~n", "~1", "") == "/data/figures/0/a~1b/m~0n/~01/"


@given(parts=st.lists(st.text(st.sampled_from("a/~01"), max_size=4)))
def test_a_pointer_leads_back_to_the_very_field(parts: list[str]) -> None:
    assert parts_of(pointer(*parts)) == parts


def test_a_refusal_names_fifty_faults_and_no_more() -> None:
    faults = [Fault(f"/{number}", "missing", Sentence("This field is required.")) for number in range(51)]

    assert RefusalError(422, "invalid-event", Sentence("No."), faults).faults == tuple(faults[:50])


def test_a_sentence_is_its_words_with_its_values_in_their_places() -> None:
    said = Sentence("Too long: the maximum length is %(limit)s.", limit=200)

    assert str(said) == "Too long: the maximum length is 200."
    assert said.params == (("limit", "200"),)
    assert str(Sentence("100 % wrong")) == "100 % wrong"


def test_a_refusal_says_for_the_log_what_it_refuses_and_never_what_was_sent() -> None:
    fault = Fault("/id", "too-long", Sentence("Too long: the maximum length is %(limit)s.", limit=200))

    assert str(RefusalError(422, "invalid-event", Sentence("No."), [fault, fault])) == (
        "422 invalid-event: /id too-long, /id too-long"
    )
    assert str(RefusalError(413, "too-large", Sentence("No."))) == "413 too-large: No."
