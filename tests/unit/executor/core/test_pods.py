"""The pod that has most to tell."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.executor.core.pods import most_telling


def pod(name: str, phase: str, node: str = "n", created: str = "1") -> dict[str, Any]:
    """A pod."""
    return {
        "metadata": {"name": name, "creationTimestamp": created},
        "spec": {"nodeName": node},
        "status": {"phase": phase},
    }


@pytest.mark.parametrize(
    "pods",
    [
        [pod("this", "Running"), pod("b", "Succeeded")],
        [pod("a", "Failed"), pod("this", "Succeeded")],
        [pod("a", "Running", node=""), pod("this", "Pending")],
        [pod("a", "Running"), pod("this", "Running", created="2")],
        [{"metadata": {"name": "this"}}],
    ],
)
def test_it_runs_or_ran_last(pods: list[dict[str, Any]]) -> None:
    """Placed before unplaced, running before done, young before old."""
    assert most_telling(pods) == "this"
