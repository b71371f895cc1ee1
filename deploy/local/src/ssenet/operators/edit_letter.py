"""A dead letter made to say something else: from a file, or in the editor, where faults can be mended at once."""

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ssenet.data_folder.folder import DataFolder
from ssenet.network.client import Network, the_network
from ssenet.network.hints import in_full
from ssenet.operators.ask_services import Round
from ssenet.operators.find_letters import PATH, find
from ssenet.terminal.errors import USAGE, CommandError
from ssenet.terminal.prompts import agreed, somebody_is_there


def edit_one(folder: DataFolder, letter_id: str, *, file: str | None, by: str, reason: str) -> None:
    """Store a new payload; raises CommandError where it is none that the letter can have."""
    network = the_network(folder)
    service, letter = find(Round(network), letter_id)
    edit = _Edit(network, service, letter["id"], by, reason)
    if file is not None:
        origin, written = _read(file)
        edit.store(written, origin)
    elif not _edited(
        edit, letter["payload"] if letter["edited_payload"] is None else letter["edited_payload"]
    ):
        print("Nothing was changed.")
        return
    replay = in_full(folder, f"deadletters replay {letter['id']}")
    print(f"Stored. Apply it with {replay}.")


@dataclass(frozen=True)
class _Edit:
    """Which letter is to say something else, who wants it, and why."""

    network: Network
    service: str
    letter_id: str
    by: str
    reason: str

    def store(self, written: bytes, origin: str) -> None:
        """Store what was written; raises CommandError, naming where it comes from, where it cannot be."""
        try:
            body = {"payload": _event(written, origin), "by": self.by, "reason": self.reason}
            self.network.ask(self.service, "PUT", f"{PATH}/{quote(self.letter_id)}/payload", body)
        except RecursionError as error:
            raise CommandError(f"{origin} is nested too deeply for an event.", exit_code=USAGE) from error


def _event(written: bytes, origin: str) -> Any:
    try:
        return json.loads(written.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = written.count(b"\n", 0, error.start) + 1
        told = f"{origin} is not UTF-8: the byte 0x{written[error.start]:02x} in line {line} is of another encoding."
        raise CommandError(told, exit_code=USAGE) from error
    except ValueError as error:
        raise CommandError(f"{origin} is not valid JSON: {error}.", exit_code=USAGE) from error


def _read(file: str) -> tuple[str, bytes]:
    if file == "-":
        return "The standard input", sys.stdin.buffer.read()
    try:
        return file, Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.", exit_code=USAGE) from error


def _edited(edit: _Edit, now: Any) -> bool:
    """Have it edited until it is stored; False where nothing was changed."""
    before = now if isinstance(now, str) else json.dumps(now or {}, indent=2, ensure_ascii=False)
    with _draft(f"{edit.letter_id}.json", before.encode("utf-8")) as draft:
        while _changed_in_editor(draft, before.encode("utf-8")):
            try:
                edit.store(draft.read_bytes(), "What you wrote")
            except CommandError as error:
                if not _again(error):
                    raise
            else:
                return True
    return False


@contextmanager
def _draft(name: str, content: bytes) -> Generator[Path]:
    """A file for the editor; it is kept, and where is said, when an error would lose what was written there."""
    draft = Path(tempfile.mkdtemp(prefix="ssenet-")) / name
    draft.write_bytes(content)
    try:
        yield draft
    except BaseException:
        if draft.is_file() and draft.read_bytes() != content:
            print(
                f"What you wrote is kept in {draft}; mended, it can be stored with --file.", file=sys.stderr
            )
            raise
        shutil.rmtree(draft.parent)
        raise
    shutil.rmtree(draft.parent)


def _changed_in_editor(draft: Path, before: bytes) -> bool:
    editor = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    hint = "Set VISUAL or EDITOR, or take the event from a file with --file."
    try:
        ended = subprocess.run([*shlex.split(editor), str(draft)], check=False).returncode  # noqa: S603
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise CommandError(
            f"The editor {editor!r} does not start: {why}.", hint=hint, exit_code=USAGE
        ) from error
    if not draft.is_file():
        raise CommandError(f"The editor {editor!r} left no file behind.", hint=hint, exit_code=USAGE)
    return ended == 0 and draft.read_bytes().strip() != before.strip()


def _again(error: CommandError) -> bool:
    if not somebody_is_there():
        return False
    error.tell()
    return agreed("Edit again?", usual=True)
