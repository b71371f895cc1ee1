"""Whether a request's head, well-formed by itself, says once and clearly whom it is for and where its body ends.

The parser refuses most of what two readers could take for different requests. What it lets pass is refused here.
"""

import re
from collections.abc import Mapping

from chassis.http.wire.refusals import (
    MALFORMED,
    NO_TUNNEL,
    UNKNOWN_CODING,
    UNKNOWN_VERSION,
    WRONG_HOST,
    Refusal,
)

ONCE = frozenset({b"host", b"content-length", b"transfer-encoding"})
"""The headers that decide whom a request is for and where it ends: no request has one of them twice."""

_HOST = re.compile(rb"(?:[A-Za-z0-9._~-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)
_WITHOUT_PATH = re.compile(rb"^(https?://[^/?#]+)(?=[?]|$)", re.IGNORECASE)
_WITHOUT_VERSION = re.compile(rb"[A-Z-]+ +[^ \r\n]+\r?\n")
_LINE_ENDS = re.compile(rb"[\r\n]+")
_LARGEST_PORT = 65535


def fault_in(version: str, method: bytes, target: bytes, once: Mapping[bytes, bytes]) -> Refusal | None:
    """Name what is wrong with a head, by its request line and those of its headers that may stand there `ONCE`."""
    if version not in {"1.1", "1.0"}:
        return UNKNOWN_VERSION
    if method == b"CONNECT":
        return NO_TUNNEL
    coding = once.get(b"transfer-encoding")
    if coding is not None and version == "1.0":
        # Nobody who speaks 1.0 knows of it: whoever passed the request on has framed it another way.
        return MALFORMED
    if coding is not None and coding.strip(b" \t").lower() != b"chunked":
        return UNKNOWN_CODING
    host = once.get(b"host", b"").strip(b" \t")
    if not _is_host(host) and (version == "1.1" or b"host" in once):
        return WRONG_HOST
    return None if target.startswith(b"/") and b"#" not in target else _fault_in_target(method, target, host)


def is_request_line(head: bytes, method: bytes, target: bytes, version: str) -> bool:
    """Tell whether a head begins with the one line there is for this (RFC 9112, section 3)."""
    return head.startswith(b"%s %s HTTP/%s\r\n" % (method, target, version.encode()))


def names_no_version(head: bytes) -> bool:
    """Tell whether the first line has come whole, and is one of HTTP/0.9: nothing more comes from who speaks that."""
    return _WITHOUT_VERSION.match(head) is not None


def behind_line_ends(data: bytes, at: int) -> int:
    """Pass over the line ends that may stand before a head (RFC 9112, section 2.2)."""
    found = _LINE_ENDS.match(data, at)
    return found.end() if found else at


def with_path(target: bytes) -> bytes:
    """Write an address that ends with its host as one of `/` (RFC 9112, section 3.2.2)."""
    if target.startswith(b"/"):
        return target
    return _WITHOUT_PATH.sub(rb"\1/", target)


def _is_host(host: bytes) -> bool:
    if _HOST.fullmatch(host) is None:
        return False
    _, colon, port = host.rpartition(b":")
    return not colon or not port.isdigit() or int(port) <= _LARGEST_PORT


def _fault_in_target(method: bytes, target: bytes, host: bytes) -> Refusal | None:
    """An address with its host is taken where Host says the same, for two readers would each believe another one."""
    if target == b"*":
        return None if method == b"OPTIONS" else MALFORMED
    absolute = _ABSOLUTE.match(target)
    if absolute is None or b"#" in target:
        return MALFORMED
    return None if absolute[1].lower() == host.lower() else WRONG_HOST
