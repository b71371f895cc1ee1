"""What two readers could take for different requests, each with what must come of it.

Every form is followed by the request `/last` on the same connection, and most hide a request for `/marker` in a body.
"""

from dataclasses import dataclass

HOST = b"Host: here\r\n"
MARKER = b"GET /marker HTTP/1.1\r\nHost: here\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
"""What `java.net.http.HttpClient` sends with its first request."""


@dataclass(frozen=True)
class Form:
    name: str
    data: bytes
    statuses: tuple[int, ...]
    """What is answered, in order."""
    carried: tuple[str, ...] = ()
    """What is carried out."""
    body: bytes = b""
    """The body that the first of these had."""


def _post(headers: bytes, body: bytes, *, path: bytes = b"/a", version: bytes = b"1.1") -> bytes:
    return b"POST %s HTTP/%s\r\n%s%s\r\n%s" % (path, version, HOST, headers, body)


def _chunks(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + end


def _length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(body)


def _refused(status: int, forms: dict[str, bytes]) -> list[Form]:
    return [Form(name, data, (status,)) for name, data in forms.items()]


def _taken(forms: dict[str, bytes], *, body: bytes = MARKER) -> list[Form]:
    return [Form(name, data, (200, 200), ("/a", "/last"), body) for name, data in forms.items()]


_TE = b"Transfer-Encoding: chunked\r\n"
_CL = _length(MARKER)
_EMPTY = _chunks()
_PADDED = b"\r\n" * 9 + MARKER
"""Line ends before a request are passed over, so wherever this is cut, a request can begin."""
_TALK = b"dial GET  now, see /last  for it, GET /last RTSP/1.0\r\n\r\nGET  /last HTTP/1.1\r\n"
"""Request lines that would be refused, in a body: words, and no more than that."""

_LENGTHS = _refused(
    400,
    {
        "length, then chunked": _post(b"Content-Length: 5\r\n" + _TE, _EMPTY + MARKER),
        "chunked, then length": _post(_TE + b"Content-Length: 5\r\n", _EMPTY + MARKER),
        "two equal lengths": _post(_CL + _CL, MARKER),
        "two lengths": _post(_CL + b"Content-Length: 0\r\n", MARKER),
        "a length with a sign": _post(b"Content-Length: +%d\r\n" % len(MARKER), MARKER),
        "a length below nought": _post(b"Content-Length: -1\r\n", MARKER),
        "a list of lengths": _post(b"Content-Length: 5, 5\r\n", MARKER),
        "two numbers in a length": _post(b"Content-Length: 5 5\r\n", MARKER),
        "a hexadecimal length": _post(b"Content-Length: 0x5\r\n", MARKER),
        "a length in underscores": _post(b"Content-Length: 1_0\r\n", MARKER),
        "a length in other digits": _post("Content-Length: ٣\r\n".encode(), MARKER),
        "no number in a length": _post(b"Content-Length: \r\n", MARKER),
        "a length past all numbers": _post(b"Content-Length: 18446744073709551616\r\n", MARKER),
    },
)
_CODINGS = [
    *_refused(
        400,
        {
            "chunked, not last": _post(b"Transfer-Encoding: chunked, identity\r\n", _EMPTY + MARKER),
            "identity": _post(b"Transfer-Encoding: identity\r\n" + _CL, MARKER),
            "chunked twice": _post(_TE + _TE, _EMPTY + MARKER),
            "an unknown coding, then chunked": _post(b"Transfer-Encoding: x\r\n" + _TE, _EMPTY + MARKER),
            "chunked, then an unknown coding": _post(_TE + b"Transfer-Encoding: x\r\n", _EMPTY + MARKER),
            "chunked after a vertical tab": _post(b"Transfer-Encoding: \x0bchunked\r\n", _EMPTY + MARKER),
            "chunked after a folded line": _post(b"Transfer-Encoding:\r\n chunked\r\n", _EMPTY + MARKER),
            "no coding": _post(b"Transfer-Encoding: \r\n", MARKER),
            "chunked in HTTP/1.0": _post(_TE, _EMPTY + MARKER, version=b"1.0"),
            "chunked and a length in HTTP/1.0": _post(_TE + _CL, MARKER, version=b"1.0"),
        },
    ),
    *_refused(
        501,
        {
            "an unknown coding": _post(b"Transfer-Encoding: xchunked\r\n", MARKER),
            "chunked in quotes": _post(b'Transfer-Encoding: "chunked"\r\n', _EMPTY + MARKER),
            "identity, chunked": _post(b"Transfer-Encoding: identity, chunked\r\n", _EMPTY + MARKER),
            "gzip, chunked": _post(b"Transfer-Encoding: gzip, chunked\r\n", _EMPTY + MARKER),
            "chunked with a parameter": _post(b"Transfer-Encoding: x;q=1, chunked\r\n", _EMPTY + MARKER),
        },
    ),
    *_taken(
        {
            "chunked": _post(_TE, _chunks(MARKER[:9], MARKER[9:])),
            "chunked in capitals, after a tab": _post(b"Transfer-Encoding: \tCHUNKED\r\n", _chunks(MARKER)),
            "a chunk with an extension": _post(_TE, b'%x;a="b"\r\n%s\r\n0\r\n\r\n' % (len(MARKER), MARKER)),
            "a chunk size with noughts": _post(_TE, b"000%x\r\n%s\r\n0\r\n\r\n" % (len(MARKER), MARKER)),
            "a chunk with blanks around the marks of its extension": _post(
                _TE, b'%x ;\ta = "b"\r\n%s\r\n0\r\n\r\n' % (len(MARKER), MARKER)
            ),
            "a chunk with more extensions": _post(
                _TE, b'%x;a;b=c;d="e;\\"f";g\r\n%s\r\n0;h\r\n\r\n' % (len(MARKER), MARKER)
            ),
            "a trailer": _post(_TE, _chunks(MARKER, end=b"0\r\nce-id: other\r\nHost: there\r\n\r\n")),
            **{
                f"the trailer {trailer!r}": _post(_TE, _chunks(MARKER, end=b"0\r\n" + trailer + b"\r\n\r\n"))
                for trailer in (
                    b"Connection: close",
                    b"Connection: upgrade\r\nUpgrade: h2c",
                    b"Content-Length: 5",
                    b"Content-Length: abc",
                    b"Transfer-Encoding: chunked",
                    b"Transfer-Encoding: x",
                    b"Expect: 100-continue",
                    b"x:",
                )
            },
        }
    ),
]
_CHUNKS = _refused(
    400,
    {
        f"a chunk {name}": _post(_TE, body + MARKER)
        for name, body in {
            "with a hexadecimal sign": b"0x5\r\nhello\r\n0\r\n\r\n",
            "with a sign": b"+5\r\nhello\r\n0\r\n\r\n",
            "below nought": b"-5\r\nhello\r\n0\r\n\r\n",
            "with a space after its size": b"5 \r\nhello\r\n0\r\n\r\n",
            "with an underscore": b"1_0\r\nhello\r\n0\r\n\r\n",
            "without a size": b"\r\nhello\r\n0\r\n\r\n",
            "past all numbers": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
            "ended by a bare LF": b"5\nhello\r\n0\r\n\r\n",
            "longer than its size": b"5\r\nhelloXX\r\n0\r\n\r\n",
            "that nothing ends": b"5\r\nhello0\r\n\r\n",
            "whose data a bare LF ends": b"5\r\nhello\n0\r\n\r\n",
            "whose data a bare CR ends": b"5\r\nhello\r0\r\n\r\n",
            "with a bare LF in its extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
            "with a line end in quotes": b'5;a="\r\nhello\r\n0\r\n\r\n"\r\n',
            "with NUL in its extension": b"5;\0\r\nhello\r\n0\r\n\r\n",
            "with a space in its extension": b"5;a b\r\nhello\r\n0\r\n\r\n",
            "whose trailer has a space before its colon": b"5\r\nhello\r\n0\r\nx : y\r\n\r\n",
            "whose trailer is folded": b"5\r\nhello\r\n0\r\nx: y\r\n z\r\n\r\n",
            "whose trailer has a bare CR": b"5\r\nhello\r\n0\r\nx: y\rz\r\n\r\n",
            "whose trailer has NUL": b"5\r\nhello\r\n0\r\nx: \0\r\n\r\n",
            "whose trailer has no name": b"5\r\nhello\r\n0\r\n: y\r\n\r\n",
            "whose trailers a bare LF ends": b"5\r\nhello\r\n0\r\n\n",
            "whose trailer ends with a bare LF": b"5\r\nhello\r\n0\r\nx: y\n\r\n",
        }.items()
    },
)
_LINES = _refused(
    400,
    {
        "a folded header": _post(b"X: a\r\n b\r\n" + _CL, MARKER),
        "a bare LF after a header": _post(b"X: a\nTransfer-Encoding: chunked\r\n" + _CL, MARKER),
        "a bare CR in a header": _post(b"X: a\rTransfer-Encoding: chunked\r\n" + _CL, MARKER),
        "a bare LF at the end of the head": _post(_CL + b"X: a\n", MARKER),
        "a bare LF after the request line": b"GET /a HTTP/1.1\n" + HOST + b"\r\n",
        "a space before the colon": _post(b"Content-Length : %d\r\n" % len(MARKER), MARKER),
        "a space before chunked's colon": _post(b"Transfer-Encoding : chunked\r\n" + _CL, MARKER),
        "a tab before the colon": _post(b"Content-Length\t: 5\r\n", MARKER),
        "a space before a name": b"POST /a HTTP/1.1\r\n Content-Length: 5\r\n" + HOST + b"\r\n" + MARKER,
        "no colon": _post(b"Content-Length\r\n", MARKER),
        "no name": _post(b": 5\r\n", MARKER),
        "NUL in a value": _post(b"X: a\0b\r\n" + _CL, MARKER),
        "NUL in a name": _post(b"X\0: a\r\n" + _CL, MARKER),
        "a control byte in a value": _post(b"X: a\x01b\r\n" + _CL, MARKER),
        "DEL in a value": _post(b"X: a\x7fb\r\n" + _CL, MARKER),
        "a control byte in a name": _post(b"X\x0b: a\r\n" + _CL, MARKER),
        "a byte past ASCII in a name": _post(b"X\xe9: a\r\n" + _CL, MARKER),
        "brackets in a name": _post(b"X(a): a\r\n" + _CL, MARKER),
        "a tab in the request line": b"GET\t/a HTTP/1.1\r\n" + HOST + b"\r\n",
        "two spaces before the address": b"GET  /a HTTP/1.1\r\n" + HOST + b"\r\n",
        "two spaces before the version": b"GET /a  HTTP/1.1\r\n" + HOST + b"\r\n",
        "a space after the version": b"GET /a HTTP/1.1 \r\n" + HOST + b"\r\n",
        "a request line of RTSP": b"GET /a RTSP/1.1\r\n" + HOST + b"\r\n",
        "a request line of RTSP, to play": b"PLAY /a RTSP/1.0\r\n" + HOST + b"\r\n",
        "a request line of ICE": b"SOURCE /a ICE/1.0\r\n" + HOST + b"\r\n",
        "two spaces, and the right line in a header": b"GET  /a HTTP/1.1\r\nX: GET /a HTTP/1.1\r\n"
        + HOST
        + b"\r\n",
        "RTSP, and the right line in a header": b"GET /a RTSP/1.1\r\nX: GET /a HTTP/1.1\r\n" + HOST + b"\r\n",
        "a space in the address": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
        "NUL in the address": b"GET /a\0 HTTP/1.1\r\n" + HOST + b"\r\n",
        "a byte past ASCII in the address": b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
        "a fragment in the address": b"GET /a#/b HTTP/1.1\r\n" + HOST + b"\r\n",
        "an unknown method": b"SMUGGLE /a HTTP/1.1\r\n" + HOST + b"\r\n",
        "a method in small letters": b"get /a HTTP/1.1\r\n" + HOST + b"\r\n",
        "an unknown version": b"GET /a HTTP/1.2\r\n" + HOST + b"\r\n",
        "a version of more digits": b"GET /a HTTP/1.10\r\n" + HOST + b"\r\n",
        "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + MARKER,
        "the start of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + MARKER,
        "a line of a proxy's": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + MARKER,
    },
)
_VERSIONS = _refused(
    505,
    {
        "HTTP/0.9": b"GET /a\r\n\r\n",
        "HTTP/2.0 in one line": b"GET /a HTTP/2.0\r\n" + HOST + b"\r\n",
    },
)
_HOSTS = [
    *_refused(
        400,
        {
            "no Host": b"GET /a HTTP/1.1\r\n\r\n",
            "two Hosts": b"GET /a HTTP/1.1\r\nHost: here\r\nHost: there\r\n\r\n",
            "an equal Host twice": b"GET /a HTTP/1.1\r\nHost: here\r\nHost: here\r\n\r\n",
            "an address with another host": b"GET http://there/a HTTP/1.1\r\nHost: here\r\n\r\n",
            "an address with a user": b"GET http://here@there/a HTTP/1.1\r\nHost: there\r\n\r\n",
            "an address of another kind": b"GET file://here/a HTTP/1.1\r\nHost: here\r\n\r\n",
            "an address without a root": b"GET a HTTP/1.1\r\nHost: here\r\n\r\n",
            "a star for an address": b"GET * HTTP/1.1\r\nHost: here\r\n\r\n",
            **{
                f"the Host {host!r}": b"GET /a HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
                for host in (
                    b"",
                    b"[",
                    b"[::1",
                    b"a b",
                    b"1234:5678::1:8080",
                    b"a:b:1234",
                    b"\xc3\xa9",
                    b"a/b",
                    b"a@b",
                    b"%00",
                    b"here:99999",
                    b"here:",
                    b"here, there",
                    b"x" * 300,
                )
            },
        },
    ),
    *_taken(
        {
            "an address with its own host": b"GET http://here/a HTTP/1.1\r\nHost: here\r\n\r\n",
            "a Host with a port": b"GET /a HTTP/1.1\r\nHost: here:8080\r\n\r\n",
            "a Host that is an address": b"GET /a HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
        },
        body=b"",
    ),
]
_UPGRADES = [
    *_taken(
        {
            "h2c, and a body": _post(H2C + _CL, MARKER),
            "h2c, and a body in chunks": _post(H2C + _TE, _chunks(MARKER[:9], MARKER[9:])),
            "websocket, and a body": _post(b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + _CL, MARKER),
            "TLS, and a body": _post(b"Upgrade: TLS/1.0\r\nConnection: upgrade\r\n" + _CL, MARKER),
            "an upgrade that its sender does not ask for": _post(b"Upgrade: h2c\r\n" + _CL, MARKER),
        }
    ),
    *_taken({"h2c, without a body": b"GET /a HTTP/1.1\r\n" + HOST + H2C + b"\r\n"}, body=b""),
    *_taken(
        {"h2c, and line ends in its body": _post(H2C + _length(_PADDED), _PADDED)},
        body=_PADDED,
    ),
    *_taken({"h2c, and a body of request lines": _post(H2C + _length(_TALK), _TALK)}, body=_TALK),
    Form("two of h2c", _post(H2C + _CL, MARKER) * 2, (200, 200, 200), ("/a", "/a", "/last"), MARKER),
    *_refused(
        400,
        {
            "h2c, and a bad chunk": _post(H2C + _TE, b"zz\r\n" + MARKER),
            "h2c, and two lengths": _post(H2C + _CL + b"Content-Length: 0\r\n", MARKER),
            "h2c, and a length and chunked": _post(H2C + _CL + _TE, MARKER),
        },
    ),
    *_refused(501, {"CONNECT": b"CONNECT here:80 HTTP/1.1\r\n" + HOST + b"\r\n" + MARKER}),
]
_ENDS = [
    *_taken(
        {
            "a length": _post(_CL, MARKER),
            "a length with a space behind": _post(b"Content-Length: %d \t\r\n" % len(MARKER), MARKER),
            "GET with a body": b"GET /a HTTP/1.1\r\n" + HOST + _CL + b"\r\n" + MARKER,
            "line ends before the request": b"\r\n\r\n" + _post(_CL, MARKER),
            "line ends between the requests": _post(_CL, MARKER) + b"\r\n\r\n",
        }
    ),
    *_taken(
        {
            "a body of request lines": _post(_length(_TALK), _TALK),
            "chunks of request lines": _post(
                _TE, _chunks(_TALK[:20], _TALK[20:], end=b"0\r\nx: GET  /last\r\n\r\n")
            ),
        },
        body=_TALK,
    ),
    *_taken(
        {
            "a header of request lines": b"GET /a HTTP/1.1\r\n"
            + HOST
            + b"X: GET  /last  GET /last RTSP/1.0\r\n\r\n"
        },
        body=b"",
    ),
    Form("what ends the connection", _post(b"Connection: close\r\n" + _CL, MARKER), (200,), ("/a",), MARKER),
    Form("HTTP/1.0", _post(_CL, MARKER, version=b"1.0"), (200,), ("/a",), MARKER),
    Form(
        "HTTP/1.0 that would be kept",
        _post(_CL + b"Connection: keep-alive\r\n", MARKER, version=b"1.0"),
        (200,),
        ("/a",),
        MARKER,
    ),
    Form("HTTP/1.0 without Host", b"POST /a HTTP/1.0\r\n" + _CL + b"\r\n" + MARKER, (200,), ("/a",), MARKER),
    Form("nonsense behind a request", _post(_CL, MARKER) + b"nonsense\r\n\r\n", (200, 400), ("/a",), MARKER),
    Form(
        "a bad request behind a good one",
        _post(_CL, MARKER) + _post(_CL + _CL, MARKER),
        (200, 400),
        ("/a",),
        MARKER,
    ),
]

FORMS = [*_LENGTHS, *_CODINGS, *_CHUNKS, *_LINES, *_VERSIONS, *_HOSTS, *_UPGRADES, *_ENDS]
