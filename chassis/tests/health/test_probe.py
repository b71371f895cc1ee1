"""The image's health check, against a real socket."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from chassis.health.probe import is_ready


@contextmanager
def answering(status: int) -> Generator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002
            return

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/health/ready"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "ready"), [(200, True), (204, True), (302, False), (503, False)])
def test_a_container_is_healthy_exactly_while_its_service_is_ready(status: int, *, ready: bool) -> None:
    with answering(status) as url:
        assert is_ready(url) is ready


def test_a_container_whose_service_does_not_listen_is_not_healthy() -> None:
    with answering(200) as url:
        pass
    assert is_ready(url, timeout=1) is False


def test_a_health_check_asks_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with answering(200) as url:
        assert is_ready(url)
