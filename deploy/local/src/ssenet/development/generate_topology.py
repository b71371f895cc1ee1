"""The durables in `deploy/nats/services`: what each service hears, written from what its subscribers say.

Nothing is started and nothing asked: a service's `subscribers` module is imported, and says it.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import yaml

from chassis.subscriptions.router import Subscription
from ssenet.project import ROOT, SERVICES
from ssenet.terminal.errors import CommandError

GENERATED = "# Generated from what its subscribers hear: ./ssenet contracts generate"
HEARS = "hears:"
LINE = 110


def stale(root: Path = ROOT) -> list[str]:
    """Name the files whose durables are not those that the subscribers name."""
    return [name for name, text in _generated(root).items() if (root / name).read_text("utf-8") != text]


def lost(root: Path = ROOT) -> list[str]:
    """Say which durables stand in a file, and no subscriber names them any more."""
    return [
        f"{name}: nobody hears on {durable} any more. A durable is never renamed: under another name it would hear "
        "everything again. Where it has truly ended, take it out of the file by hand."
        for name, text in _generated(root).items()
        for durable in _durables_in((root / name).read_text("utf-8"))
        if durable not in _durables_in(text)
    ]


def write(root: Path = ROOT) -> list[str]:
    """Bring every file up to date and name those that changed; refuses to take a durable out."""
    if gone := lost(root):
        raise CommandError("Nothing was written, for a durable would go.", hint="\n".join(gone))
    changed, wanted = stale(root), _generated(root)
    for name in changed:
        (root / name).write_text(wanted[name], encoding="utf-8", newline="\n")
    return changed


def _generated(root: Path) -> dict[str, str]:
    names = {service: f"deploy/nats/services/{service}.yaml" for service in SERVICES}
    return {
        name: described((root / name).read_text("utf-8"), _subscriptions_of(service))
        for service, name in names.items()
    }


def described(before: str, subscriptions: list[Subscription]) -> str:
    """Give the file with these durables; what stands above them is written by hand, and stays."""
    by_hand: list[str] = []
    for line in before.splitlines():
        if line == GENERATED or line.startswith(HEARS):
            break
        by_hand.append(line)
    heard = [line for one in subscriptions for line in _durable(one)]
    lines = [*by_hand, GENERATED, *([HEARS, *heard] if heard else [f"{HEARS} []"])]
    return "".join(f"{line}\n" for line in lines)


def _durables_in(text: str) -> list[str]:
    return [heard["durable"] for heard in yaml.safe_load(text)["hears"]]


def _durable(subscription: Subscription) -> Iterator[str]:
    if why := subscription.description.strip().partition("\n")[0]:
        yield f"  # {why}"
    yield f"  - durable: {subscription.durable}"
    types = [event.type for event in subscription.types]
    in_one_line = f"    types: [{', '.join(types)}]"
    if len(in_one_line) <= LINE:
        yield in_one_line
    else:
        yield "    types:"
        yield from (f"      - {each}" for each in types)


def _subscriptions_of(service: str) -> list[Subscription]:
    try:
        return list(import_module(f"{service}.subscribers").subscriptions)
    except ValueError as error:
        raise CommandError(
            f"What {service} hears is not known, for it cannot be loaded.", hint=str(error)
        ) from error
