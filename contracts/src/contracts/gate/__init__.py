"""The gate: no contract breaks what was published of it.

`verify` is what a service asks before it starts. `checkout` is the rest: what `./ssenet contracts` and the checks ask.
"""

from collections.abc import Mapping
from functools import cache

from contracts import codes
from contracts.gate.comparing import Change, unlike
from contracts.gate.editions import HistoryChangedError, read_history
from contracts.gate.keywords import Schema
from contracts.gate.verdicts import codes_gone, judge
from contracts.schema import schemas


class BrokenContractError(Exception):
    """A contract of this code breaks a published edition; the message says which, where, and what to do."""


def verify() -> None:
    """Refuse to go on with contracts that break a published edition; asked again in one process it costs nothing."""
    if found := _faults_of_this_code():
        raise BrokenContractError("\n".join(found))


def schemas_of_today() -> dict[str, Schema]:
    """Give the schema of every event by its type, and the envelope's."""
    return _by_type(schemas())


def unlike_of_today(read: Mapping[str, Schema]) -> dict[str, list[Change]]:
    """Say by type where a class writes something else than the schema it is read by."""
    return {name: unlike(schema, read[name]) for name, schema in _by_type(schemas("serialization")).items()}


def code_lists_of_today() -> dict[str, frozenset[str]]:
    """Give the codes of every list."""
    return {name: frozenset(each.codes) for name, each in codes.LISTS.items()}


@cache
def _faults_of_this_code() -> tuple[str, ...]:
    try:
        history = read_history()
    except HistoryChangedError as error:
        return (str(error),)
    read = schemas_of_today()
    broken = (str(verdict) for verdict in judge(read, unlike_of_today(read), history) if verdict.breaks)
    return (*broken, *codes_gone(code_lists_of_today(), history))


def _by_type(files: Mapping[str, Schema]) -> dict[str, Schema]:
    return {name.removesuffix(".json"): schema for name, schema in files.items()}
