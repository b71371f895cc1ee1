"""What several commands need to speak to a person: a reader that goes away, and the command as it must be typed."""

import os
import sys

from ssenet.folders import ROOT, DataFolder


def tell(text: str, *, end: str = "\n") -> None:
    """Print it at once. Whoever read may have had enough, as `head` has: nothing is said then, and work goes on."""
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        mute()


def mute() -> None:
    """Let everything that is still printed go nowhere, what waits to be written included."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def in_full(folder: DataFolder, words: str) -> str:
    """A command of ours for this network, set off so that it can be copied out of a sentence."""
    return f"`./ssenet {words}{data_option(folder)}`"


def data_option(folder: DataFolder) -> str:
    """What a command needs behind it to mean this network; nothing for the usual one."""
    if folder.path == ROOT / ".ssenet":
        return ""
    return f" --data '{folder.path}'" if " " in str(folder.path) else f" --data {folder.path}"
