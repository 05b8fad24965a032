"""The health check of containers: its exit code and what it says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from fairlead.cli.parts.ports import free_port
from fairlead.runtime import probe


@pytest.fixture
def service() -> Iterator[str]:
    """A service that lives and is not ready."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ready = self.path == "/livez"
            body = b'{"missing": {"bus": "nats-server is away"}}'
            self.send_response(200 if ready else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_service_that_answers_well_is_healthy(service: str) -> None:
    """200 is health."""
    assert probe.main([f"{service}/livez"]) == 0


def test_a_service_that_is_not_ready_is_not_and_says_why(service: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is none, and its body tells why."""
    assert probe.main([f"{service}/readyz"]) == 1
    assert "nats-server is away" in capsys.readouterr().err


def test_nobody_there_is_not_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    """The URL is named."""
    url = f"http://127.0.0.1:{free_port()}/readyz"
    assert probe.main([url]) == 1
    assert url in capsys.readouterr().err


def test_what_is_no_url_is_not_healthy() -> None:
    """A word is no URL."""
    assert probe.main(["readyz"]) == 1
