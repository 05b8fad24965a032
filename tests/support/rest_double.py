"""A stand-in for the gateway's REST API: plain HTTP on loopback, answers laid out by the test, requests remembered."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest


@dataclass
class Request:
    """What arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class RestDouble:
    """Answers by method and path; the last of several answers is repeated. What is not laid out is a 404."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    _answers: dict[tuple[str, str], list[tuple[int, Any]]] = field(default_factory=dict)

    def answer(self, method: str, path: str, document: Any, status: int = 200) -> None:
        """Lay out an answer, after those that were laid out before."""
        self._answers.setdefault((method, path), []).append((status, document))

    def respond(self, request: Request) -> tuple[int, Any]:
        """Remember a request and take its answer."""
        self.requests.append(request)
        answers = self._answers.get((request.method, request.path))
        if not answers:
            return 404, {"detail": "not laid out"}
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def rest() -> Iterator[RestDouble]:
    """A running double."""
    double = RestDouble()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            split = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            headers = {name.lower(): text for name, text in self.headers.items()}
            query = dict(parse_qsl(split.query))
            status, document = double.respond(Request(self.command, split.path, query, headers, body))
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the base class names them

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    double.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield double
    server.shutdown()
    server.server_close()
    thread.join()
