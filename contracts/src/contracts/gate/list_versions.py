"""The versions of the code lists: what was published under a number stays under it, and what changed has another."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from contracts.gate.editions import History, digest_of

DATA: Final[Traversable] = files("contracts").joinpath("data")
FOLDER: Final = "contracts/src/contracts/data"


@dataclass(frozen=True)
class ListVersion:
    """The number a list gives itself, and the digest of everything else it says: codes, labels, aliases, source."""

    number: int
    digest: str


def versions_of_today(data: Traversable = DATA) -> dict[str, ListVersion]:
    """Give the version of every list by its name."""
    contents = (json.loads(each.read_text(encoding="utf-8")) for each in data.iterdir())
    return {content["list"]: _version(content) for content in contents}


def versions_not_raised(versions: Mapping[str, ListVersion], history: History) -> Iterator[str]:
    """Say which lists changed under the number of a published version, or skipped or went back on one."""
    for name, version in sorted(versions.items()):
        published = history.list_versions.get(name, {})
        latest = max(published, default=0)
        if version.number == latest and version.digest != published[latest]:
            yield (
                f"code list {name} is not what was published as its version {latest}: whoever keeps a copy could not "
                f"tell.\n  Raise `version` to {latest + 1} in {FOLDER}/{name}.json."
            )
        elif version.number not in {latest, latest + 1}:
            yield (
                f"code list {name} says version {version.number}, and {latest} is the latest published.\n  Write "
                f"`version` {latest + 1} in {FOLDER}/{name}.json."
            )


def versions_to_publish(versions: Mapping[str, ListVersion], history: History) -> Iterator[str]:
    """Name the versions of lists that were not published yet."""
    for name, version in sorted(versions.items()):
        if version.number not in history.list_versions.get(name, {}):
            yield f"code list {name}: version {version.number}"


def _version(content: Mapping[str, Any]) -> ListVersion:
    said = {key: value for key, value in content.items() if key != "version"}
    return ListVersion(content["version"], digest_of(json.dumps(said, ensure_ascii=False, sort_keys=True)))
