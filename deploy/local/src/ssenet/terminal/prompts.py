"""Questions to whoever sits at the terminal, where anybody does."""

import sys

from ssenet.terminal.errors import USAGE, CommandError


def somebody_is_there() -> bool:
    """Whether anybody can be asked."""
    return sys.stdin.isatty()


def must_be_answered() -> None:
    """Raise CommandError where nobody could answer, before any work is done for the question."""
    if not somebody_is_there():
        raise CommandError("Not a terminal; pass --yes to confirm.", exit_code=USAGE)


def confirmed(question: str) -> None:
    """Ask, and raise CommandError unless the answer is yes."""
    must_be_answered()
    if not agreed(question, usual=False):
        raise CommandError("Nothing was done.")


def agreed(question: str, *, usual: bool) -> bool:
    """The answer, `usual` where there is only a line end; whoever ends the input instead does not agree."""
    # Not on the standard output: somebody may be reading the command's answer there.
    print(f"{question} [{'Y/n' if usual else 'y/N'}] ", end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    answer = line.strip().lower()
    return answer in {"y", "yes"} or (usual and bool(line) and not answer)
