"""Behind the proxies that people use, no request within a body is carried out, and everybody gets their own answer."""

import os
import shutil
import socket
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from wire import Client, Service, eventually_true, served
from wire.forms import FORMS, LAST, MARKER, Form

from ssenet.processes.servers import free_port

# Connections to the service are kept and shared among clients, and upgrades passed on: the worst that people set up.
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
events {{}}
http {{
    log_format addresses '"uri":"$request_uri"';
    access_log {folder}/access addresses;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream service {{ server 127.0.0.1:{service}; keepalive 4; }}
    server {{
        listen 127.0.0.1:{port};
        proxy_request_buffering off;
        location / {{
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""
CADDY = """
{{
    admin off
    auto_https off
}}
:{port} {{
    log {{
        output file {folder}/access
    }}
    reverse_proxy 127.0.0.1:{service}
}}
"""


@dataclass
class Behind:
    """A service, the proxy before it, and what the proxy took for requests."""

    service: Service
    port: int
    log: Path

    def hidden(self) -> int:
        """Requests for the marker that were carried out and that the proxy knows nothing of.

        It may itself read a form in another way than we do, and send what it found; that is its sender's own request.
        """
        asked = (self.log.read_text() if self.log.exists() else "").count('"uri":"/marker"')
        return self.service.paths.count("/marker") - asked


@contextmanager
def _proxy(name: str, folder: Path, service: int) -> Generator[int]:
    program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip(f"{name} is not installed (Debian and Ubuntu: apt install {name})")
    port = free_port()
    told = {"nginx": NGINX, "caddy": CADDY}[name].format(folder=folder, port=port, service=service)
    (folder / "config").write_text(told)
    commands = {
        "nginx": [program, "-p", str(folder), "-c", str(folder / "config"), "-e", str(folder / "log")],
        "caddy": [program, "run", "--adapter", "caddyfile", "--config", str(folder / "config")],
    }
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            commands[name], stdout=said, stderr=said, env={**os.environ, "HOME": str(folder)}
        )
        try:
            eventually_true(lambda: _answers(port))
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp(request.param)
    with served() as server, _proxy(request.param, folder, server.port) as port:
        yield Behind(server.service, port, folder / "access")


# A body that is cut where a proxy sends it on is where upgrades went wrong.
SLOWLY = [Form(f"{form.name}, slowly", form.data, ()) for form in FORMS if MARKER in form.data]


@pytest.mark.parametrize("form", [*FORMS, *SLOWLY], ids=lambda form: form.name)
def test_nobody_else_is_given_what_a_stranger_hid_in_a_body(behind: Behind, form: Form) -> None:
    before = behind.hidden()
    if form.name.endswith(", slowly"):
        cut = form.data.index(MARKER)
        _send(behind.port, form.data[:cut], form.data[cut:])
    else:
        _send(behind.port, form.data + LAST)

    for name in (b"/one", b"/two", b"/three"):
        assert _ask(behind.port, name) == (200, name)
    eventually_true(lambda: behind.hidden() <= before, within=2)


def _send(port: int, *pieces: bytes) -> None:
    """Send the pieces, each as soon as the proxy has had time for the one before, and look at no answer."""
    client = Client(port)
    client.socket.settimeout(0.05)
    for piece in pieces:
        try:
            client.send(piece)
            while client.socket.recv(65536):
                pass
        except OSError:
            continue
    client.close()


def _ask(port: int, path: bytes) -> tuple[int, bytes]:
    client = Client(port)
    client.send(b"GET %s HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n" % path)
    [answer] = client.answers()
    client.close()
    return answer.status, answer.body
