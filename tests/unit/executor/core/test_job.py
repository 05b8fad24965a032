"""Attempts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.executor_doubles import job


@pytest.mark.parametrize("name", ["", "a b", "a\r\nX: y", "../x", "é", "x" * 65])
def test_ids_that_could_break_out(name: str) -> None:
    """An id that cannot stand in a header or a key is no id."""
    assert not job(name=name).is_wellformed


def test_a_proper_job() -> None:
    """The audit id of what takes effect names operation and attempt alone; the digest tells requests apart."""
    first = job(3, name="01ARZ3NDEKTSV4RRFFQ69G5FAV")

    assert first.is_wellformed
    assert not replace(first, attempt=0).is_wellformed
    assert first.audit_id() == "01ARZ3NDEKTSV4RRFFQ69G5FAV.3"
    assert first.audit_id("wait") == "01ARZ3NDEKTSV4RRFFQ69G5FAV.3.wait"
    assert first.digest == job(4).digest
    assert first.digest != job(kind="get").digest
