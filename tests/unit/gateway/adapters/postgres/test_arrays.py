"""Arrays built by hand arrive in PostgreSQL as they are."""

from __future__ import annotations

import hypothesis.strategies as st
import psycopg
from hypothesis import HealthCheck, given, settings
from psycopg import AsyncConnection

from fairlead.gateway.adapters.postgres.arrays import BoolArray, BytesArray, IntArray, TextArray, register

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


async def test_every_array_is_read_back(database: str) -> None:
    """Empty ones, nulls, all bytes and the ends of the ranges."""
    async with await AsyncConnection.connect(database) as connection:
        register(connection)
        values = [
            TextArray.of(["a", None, "", 'é \\ " {},']),
            BytesArray([bytes(range(256)), b"", None]),
            IntArray.of([0, -1, 2**63 - 1, -(2**63), None]),
            BoolArray.of([True, False]),
            TextArray.of([]),
            IntArray.of([]),
        ]
        cursor = await connection.execute("select %s, %s, %s, %s, %s, %s", values, binary=True)
        assert await cursor.fetchone() == (
            ["a", None, "", 'é \\ " {},'],
            [bytes(range(256)), b"", None],
            [0, -1, 2**63 - 1, -(2**63), None],
            [True, False],
            [],
            [],
        )


def test_generated_texts_are_read_back(database: str) -> None:
    """Whatever the characters."""
    with psycopg.connect(database) as connection:
        register(connection)

        @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(st.lists(st.none() | texts))
        def check(items: list[str | None]) -> None:
            row = connection.execute("select %s", [TextArray.of(items)]).fetchone()
            assert row == (items,)

        check()
