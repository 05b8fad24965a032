"""How Jobs stand."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.executor.core.jobs import JobEnd, counts, job_end


def with_condition(kind: str, status: str = "True") -> dict[str, Any]:
    """A Job with one condition."""
    return {"status": {"failed": 2, "conditions": [{"type": kind, "status": status, "reason": "R", "message": "m"}]}}


@pytest.mark.parametrize(
    "running", [{}, {"status": {}}, with_condition("Suspended"), with_condition("Failed", "False")]
)
def test_a_job_runs(running: dict[str, Any]) -> None:
    """Until a condition that ends it is true."""
    assert job_end(running) is None


def test_a_job_ends() -> None:
    """Well or not."""
    assert job_end(with_condition("Complete")) == JobEnd(succeeded=True, reason="R", message="m")
    assert job_end(with_condition("Failed")) == JobEnd(succeeded=False, reason="R", message="m")
    assert counts(with_condition("Failed")) == "0 active, 0 succeeded, 2 failed"
