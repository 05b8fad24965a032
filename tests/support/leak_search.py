"""Looking for a secret in everything that a stack leaves behind."""

from __future__ import annotations

import base64
import gzip
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from fairlead.cli.parts.postgres import Postgres

_MAGIC = {b"\x1f\x8b": gzip.decompress}


def disguises(token: str) -> dict[str, bytes]:
    """The forms in which an ASCII token may show up in bytes, whatever stands around it.

    JSON leaves its letters alone, however often it is escaped; base64 depends on where it begins, modulo three, and what
    is base64 in a Secret may be base64 once more; a database writes bytes out in hexadecimal digits.
    """
    plain = token.encode()
    forms = {"plain": plain, "escaped": "".join(f"\\u{ord(letter):04x}" for letter in token).encode()}
    forms |= {f"base64 at {offset}": text for offset, text in _base64_forms(plain).items()}
    for offset, text in _base64_forms(plain).items():
        forms |= {f"base64 at {offset} in base64 at {outer}": inner for outer, inner in _base64_forms(text).items()}
    return forms | {f"{name}, in hexadecimal": text.hex().encode() for name, text in forms.items()}


def _base64_forms(text: bytes) -> dict[int, bytes]:
    """The part of base64 that depends on the text alone, for each of the three places at which it may begin."""
    forms = {}
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + text)
        first = -(-offset * 8 // 6)  # letters that hold bits of what comes before
        last = (offset + len(text)) * 8 // 6  # letters that hold no bits of what follows
        forms[offset] = coded[first:last]
    return forms


def found_in_bytes(data: bytes, tokens: dict[str, str], place: str) -> list[str]:
    """Where tokens (by what they are called) stand in some bytes, as `name as form in place`."""
    for magic, decompress in _MAGIC.items():
        if data.startswith(magic):
            data = decompress(data)
    return [
        f"{name} as {form} in {place}"
        for name, token in tokens.items()
        for form, needle in disguises(token).items()
        if needle in data
    ]


def found_in_files(directory: Path, tokens: dict[str, str]) -> list[str]:
    """Where tokens stand in the files below a directory."""
    found = []
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not path.is_symlink():
            found += found_in_bytes(path.read_bytes(), tokens, str(path.relative_to(directory)))
    return found


def found_in_database(postgres: Postgres, database: str, tokens: dict[str, str]) -> list[str]:
    """Where tokens stand in the rows of a database as it reads them, compressed values included."""
    names = "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables WHERE schemaname !~ '^pg_'"
    found = []
    for table in postgres.execute(names, database).split():
        rows = postgres.execute(f"SELECT t::text FROM {table} t", database)  # noqa: S608 - names from the catalogue
        found += found_in_bytes(rows.encode(), tokens, f"table {table}")
    return found


class TraceCollector:
    """An OTLP collector over HTTP that keeps what it is sent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                match self.headers.get("Content-Encoding", ""):
                    case "gzip":
                        body = gzip.decompress(body)
                    case "deflate":
                        body = zlib.decompress(body)
                bodies.append(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def endpoint(self) -> str:
        """Where traces are sent to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1/traces"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __iter__(self) -> Iterator[bytes]:
        return iter(list(self.bodies))
