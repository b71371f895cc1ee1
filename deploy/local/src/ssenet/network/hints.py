"""Commands to type next, as they must be typed to mean this network."""

from ssenet.data_folder.folder import DataFolder
from ssenet.project import ROOT


def in_full(folder: DataFolder, words: str) -> str:
    """A command of ours for this network, set off so that it can be copied out of a sentence."""
    return f"`./ssenet {words}{data_option(folder)}`"


def data_option(folder: DataFolder) -> str:
    """What a command needs behind it to mean this network; nothing for the usual one."""
    if folder.path == ROOT / ".ssenet":
        return ""
    return f" --data '{folder.path}'" if " " in str(folder.path) else f" --data {folder.path}"
