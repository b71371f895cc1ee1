"""What is wrong with one field of what was sent, for whoever has to correct it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError


def pointer(path: Sequence[object]) -> str:
    """The RFC 6901 pointer to a field, by the keys and places that lead there."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field: where (RFC 6901 pointer into the body), a stable code, and words.

    `detail` may hold `%(name)s` places that `params` fill, so that an edge can translate it.
    """

    pointer: str
    code: str
    detail: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])

    def as_json(self) -> dict[str, str]:
        return {
            "pointer": self.pointer,
            "code": self.code,
            "detail": self.detail % self.params or self.detail,
        }


def field_errors(error: ValidationError, inside: str = "") -> list[FieldError]:
    """What pydantic found, one for each field; `inside` is the pointer to what it looked at."""
    return [
        FieldError(inside + pointer(one["loc"]), one["type"].replace("_", "-"), one["msg"].replace("%", "%%"))
        for one in error.errors()
    ]
