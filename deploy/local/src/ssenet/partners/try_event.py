"""`partner try`: an event as a partner would send it, checked and answered by the network, and stored by nobody."""

import http.client
import json
import sys
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ssenet.data_folder.folder import data_folder
from ssenet.network.client import the_network
from ssenet.terminal.errors import USAGE, CommandError
from ssenet.terminal.escaping import printable, printable_json

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
DRY_RUN = "/events?dry_run=true"
PATIENCE = 30.0
FAILURE = range(500, 600)


@dataclass(frozen=True)
class Attempt:
    """What is to be tried, as it was written at the command."""

    file: str
    key: str | None
    url: str | None
    headers: Sequence[str] = ()
    language: str = "en"


def try_event(data: Path | None, attempt: Attempt, *, as_json: bool) -> int:
    """Have the network check it and print what it says; gives the exit code, 1 where something would be refused."""
    if attempt.key is None:
        raise CommandError(
            "A key is needed: it says which events may be sent.",
            hint="Give it with --key, or in the environment as SSENET_KEY. `./ssenet partner add` prints a new one.",
            exit_code=USAGE,
        )
    key = attempt.key.strip()
    if not (key.isascii() and key.isprintable()):
        raise CommandError("--key: this is no key of the network.", exit_code=USAGE)
    body = _read(attempt.file)
    headers = {
        "Authorization": f"Bearer {key}",
        "Accept-Language": attempt.language,
        **_mode(body, attempt.headers),
    }
    url = attempt.url or the_network(data_folder(data)).state.url
    status, answer = _ask(url, body, headers)
    if as_json:
        print(printable_json(answer))
    else:
        print("\n".join(printable(line) for line in _told(status, answer)))
    return 1 if status != http.client.OK or answer.get("refused") else 0


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror or error}.", exit_code=USAGE) from error


def _mode(body: bytes, headers: Sequence[str]) -> dict[str, str]:
    """The headers that say how the event is wrapped: an array is a batch, and headers of its own make binary mode."""
    if not headers:
        is_batch = body.removeprefix(BOM_UTF8).lstrip().startswith(b"[")
        return {"Content-Type": BATCH if is_batch else STRUCTURED}
    told = {"Content-Type": "application/json"}
    given = set[str]()
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon or not header.isascii():
            raise CommandError(
                f"--header: {header!r} is no header.",
                hint="Write 'ce-type: partner.research.published.v1'; what is not ASCII is percent-encoded.",
                exit_code=USAGE,
            )
        if name.strip().lower() in given:
            raise CommandError(
                f"--header: {name.strip()} is given twice.",
                hint="The network refuses an attribute in two headers.",
                exit_code=USAGE,
            )
        given.add(name.strip().lower())
        told[name.strip()] = value.strip()
    return told


def _ask(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Any]:
    address = urlsplit(url)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise CommandError(f"--url: {url!r} is no web address.", hint="Write https://host.", exit_code=USAGE)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname, address.port, timeout=PATIENCE)
    try:
        connection.request("POST", address.path.rstrip("/") + DRY_RUN, body=body, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(f"{url} does not answer: {error}.") from error
    except ValueError as error:
        raise CommandError(
            f"{url} does not answer as the network does.", hint="Is the address right?"
        ) from error
    finally:
        connection.close()


def _told(status: int, answer: Mapping[str, Any]) -> Iterator[str]:
    """What the answer means, a line for each event and each of its faults."""
    if "results" in answer:
        for result in answer["results"]:
            name = result.get("id") or f"number {result['index']}"
            yield from _one(f"{name}: ", int(result["http_status"]), result.get("problem") or result)
        yield f"{answer['accepted']} would be accepted, {answer['refused']} refused. Nothing was stored."
    elif status == http.client.OK:
        yield from _one("", int(answer["http_status"]), answer)
        yield "Nothing was stored."
    else:
        yield from _one("", status, answer)


def _one(name: str, status: int, told: Mapping[str, Any]) -> Iterator[str]:
    if "event_id" in told:
        yield f"{name}would be answered with {status}: it was accepted before, as {told['event_id']}."
    elif "detail" not in told:
        yield f"{name}would be answered with {status}: accepted."
    else:
        yield f"{name}{'was' if status in FAILURE else 'would be'} answered with {status}: {told['detail']}"
    for fault in (*(told.get("errors") or ()), *(told.get("ignored") or ())):
        yield f"    {fault['pointer'] or '(the whole)'}: {fault['detail']}"
