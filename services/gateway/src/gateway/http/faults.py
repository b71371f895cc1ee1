"""What is wrong with a request, each fault in an English sentence; translated where the answer is written."""

from collections.abc import Sequence
from dataclasses import dataclass

MANY = 50
"""Faults named in one answer; a sender with more of them mends these first."""


@dataclass(frozen=True, init=False)
class Sentence:
    """A sentence of the catalogue, and what stands in its `%(name)s` places. Every literal is a msgid."""

    text: str
    params: tuple[tuple[str, str], ...]

    def __init__(self, text: str, **params: str | int) -> None:
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "params", tuple((name, str(value)) for name, value in params.items()))

    def __str__(self) -> str:
        return self.text % dict(self.params) if self.params else self.text


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, at a JSON pointer into the event in its structured form."""

    pointer: str
    code: str
    sentence: Sentence


class RefusalError(Exception):
    """An event, or a whole request, is not taken: with which status, and for which faults."""

    def __init__(self, status: int, code: str, detail: Sentence, faults: Sequence[Fault] = ()) -> None:
        faults = faults[:MANY]
        named = ", ".join(f"{fault.pointer} {fault.code}" for fault in faults)
        super().__init__(f"{status} {code}: {named or detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.faults = tuple(faults)

    def naming(self, most: int) -> "RefusalError":
        """The same refusal, with no more than its first so many faults."""
        if len(self.faults) <= most:
            return self
        return RefusalError(self.status, self.code, self.detail, self.faults[:most])


def pointer(*parts: str | int) -> str:
    """Write a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
