"""A process tells its own figures only."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest

from fairlead.runtime.exposition import registry_of

AGENT = ("bridge", "executor", "scrubber", "watcher")


def told(*services: str) -> set[str]:
    """The names of the families that a process of these services tells."""
    text = generate_latest(registry_of(services)).decode()
    return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}


@pytest.mark.parametrize(
    ("service", "own", "foreign"),
    [
        ("watcher", {"fairlead_watcher_watches", "fairlead_api_request_seconds"}, {"fairlead_bridge_connected"}),
        ("scrubber", {"fairlead_scrubber_objects_total"}, {"fairlead_watcher_watches", "fairlead_api_request_seconds"}),
        ("bridge", {"fairlead_bridge_connected", "kubesvc_connection_count"}, {"kubesvc_watches"}),
        ("executor", {"fairlead_executor_running", "fairlead_api_request_seconds"}, {"fairlead_gateway_accounts"}),
        ("gateway", {"fairlead_gateway_accounts", "fairlead_facade_requests_total"}, {"kubesvc_kubernetes_requests"}),
    ],
)
def test_a_service_tells_what_it_counts(service: str, own: set[str], foreign: set[str]) -> None:
    """A gauge at 0 in a process that counts nothing of the kind would be a lie."""
    names = told(service)

    assert own | {"fairlead_service_ready", "python_gc_objects_collected_total"} <= names
    assert not foreign & names


def test_one_process_tells_all_four_parts() -> None:
    """What the agent tells is what its services would, each for itself."""
    assert told(*AGENT) == set().union(*(told(service) for service in AGENT))


def test_another_program_tells_its_process() -> None:
    """A program that is none of the services has no figures of ours."""
    assert not [name for name in told("sample") if name.startswith(("fairlead_", "kubesvc_"))]
    assert "python_info" in told("sample")
