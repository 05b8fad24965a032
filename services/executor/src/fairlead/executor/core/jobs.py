"""How a Job stands."""

from __future__ import annotations

from typing import Any, NamedTuple


class JobEnd(NamedTuple):
    """How a Job ended."""

    succeeded: bool
    reason: str
    message: str


def job_end(job: dict[str, Any]) -> JobEnd | None:
    """Say how a Job ended; None while it runs."""
    for condition in (job.get("status") or {}).get("conditions") or []:
        if condition.get("status") == "True" and condition.get("type") in ("Complete", "Failed"):
            is_success = condition["type"] == "Complete"
            return JobEnd(is_success, condition.get("reason") or "", condition.get("message") or "")
    return None


def counts(job: dict[str, Any]) -> str:
    """``1 active, 0 succeeded, 2 failed``: the pods of a Job."""
    status = job.get("status") or {}
    return ", ".join(f"{status.get(name, 0)} {name}" for name in ("active", "succeeded", "failed"))
