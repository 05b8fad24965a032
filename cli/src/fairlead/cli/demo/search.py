"""Looking for a value wherever it may have been kept: files and tables, in the forms in which it may lie there."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path

from fairlead.cli.parts.postgres import Postgres

_CHUNK_BYTES = 4 * 1024 * 1024


def forms_of(value: str) -> tuple[bytes, ...]:
    """The value as text, as base64 at each alignment inside a longer text, and as hexadecimal."""
    raw = value.encode()
    # Of a value that begins one or two bytes into a base64 group, the outer characters depend on its neighbours.
    encoded = [base64.b64encode(b"\0" * shift + raw)[(0, 2, 3)[shift] :].rstrip(b"=")[:-1] for shift in range(3)]
    return (raw, *encoded, raw.hex().encode())


def files_holding(value: str, roots: Iterable[Path]) -> list[Path]:
    """Every file below the roots that holds the value in any form; a file that vanishes meanwhile holds nothing."""
    forms = forms_of(value)
    return [path for root in roots for path in sorted(root.rglob("*")) if path.is_file() and _holds(path, forms)]


def tables_holding(value: str, postgres: Postgres, database: str) -> list[str]:
    """Every table with a row that holds the value in any form, also inside bytes (which SQL shows as hexadecimal)."""
    texts = [form.decode() for form in forms_of(value)]
    wanted = [*texts, *(text.encode().hex() for text in texts)]
    found = "or".join(f" strpos(t::text, '{text}') > 0 " for text in wanted)
    listing = (
        "select format('%I.%I', schemaname, tablename) from pg_tables"
        " where schemaname not in ('pg_catalog', 'information_schema') order by 1"
    )
    return [
        table
        for table in postgres.execute(listing, database).splitlines()
        if postgres.execute(f"select exists (select from {table} t where {found})", database) == "t"  # noqa: S608 - forms are letters and digits
    ]


def _holds(path: Path, forms: tuple[bytes, ...]) -> bool:
    return any(any(form in chunk for form in forms) for chunk in _chunks(path, max(map(len, forms))))


def _chunks(path: Path, overlap_bytes: int) -> Iterator[bytes]:
    """Read a file in chunks that overlap, so that nothing hides on a border."""
    try:
        with path.open("rb") as file:
            kept = b""
            while chunk := file.read(_CHUNK_BYTES):
                yield kept + chunk
                kept = chunk[-overlap_bytes:]
    except FileNotFoundError:
        return
