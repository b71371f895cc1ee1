"""What goes wrong, said to a person: one sentence, and what to do about it."""

import sys

USAGE = 2
"""The exit code of a command that was not understood."""


class CommandError(Exception):
    """Ends the command with a message instead of a traceback."""

    def __init__(self, what: str, *, hint: str = "", exit_code: int = 1) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.exit_code = exit_code

    def tell(self) -> None:
        """Print it on the error output, without what would steer the terminal: what it quotes may be anybody's."""
        from ssenet.terminal.escaping import printable

        lines = [f"ssenet: {self.what}", *self.hint.splitlines()]
        print("\n        ".join(map(printable, lines)), file=sys.stderr)
