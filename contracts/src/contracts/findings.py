"""What a check says of data that is wrong although its types are right."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where, by a JSON pointer into the CloudEvent, and what.

    `message` is an English msgid, and `params` fills its `%(name)s` places in whatever language it is
    shown; `str()` gives the English sentence.
    """

    pointer: str
    code: str
    message: str
    params: dict[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        return self.message % self.params
