"""Looking for a value in files and tables."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.cli.demo.search import files_holding, forms_of, tables_holding

if TYPE_CHECKING:
    from pathlib import Path

    from fairlead.cli.parts.postgres import Postgres

VALUE = "c0ffee5ecre7-4711"


@given(st.binary(max_size=9), st.binary(max_size=9))
def test_base64_is_found_wherever_it_begins(before: bytes, after: bytes) -> None:
    """Whatever stands around the value inside an encoded text, one of the forms is in it."""
    text = base64.b64encode(before + VALUE.encode() + after)

    assert any(form in text for form in forms_of(VALUE))


@pytest.mark.parametrize(
    "content",
    [
        f"password={VALUE}!".encode(),
        base64.b64encode(b"x:" + VALUE.encode()),
        VALUE.encode().hex().encode(),
        b"-" * (4 * 1024 * 1024 - 5) + VALUE.encode(),  # across a border of what is read at once
    ],
)
def test_a_file_that_holds_it_is_found(tmp_path: Path, content: bytes) -> None:
    """In any form, anywhere in it, in any folder."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "holds").write_bytes(content)
    (tmp_path / "clean").write_bytes(b"nothing " * 10)

    assert files_holding(VALUE, [tmp_path]) == [tmp_path / "deep" / "holds"]


def test_a_table_that_holds_it_is_found(postgres: Postgres, database: str) -> None:
    """As text, in JSON, as bytes, and as base64 inside bytes; other tables are not accused."""
    name = database.rpartition("/")[2]
    encoded = base64.b64encode(VALUE.encode()).decode()
    for table, kind, value in (
        ("plain", "text", VALUE),
        ("document", "jsonb", f'{{"a": "{VALUE}"}}'),
        ("body", "bytea", VALUE),
        ("encoded", "bytea", encoded),
        ("clean", "bytea", "nothing"),
    ):
        made = f"create table {table} (id int, v {kind}); insert into {table} values (1, '{value}')"  # noqa: S608 - our own words
        postgres.execute(made, name)

    assert tables_holding(VALUE, postgres, name) == [
        "public.body", "public.document", "public.encoded", "public.plain",
    ]  # fmt: skip
