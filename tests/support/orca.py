"""How Orca waits for what it deployed: one object and its events, again and again, until it is stable."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.support.clouddriver import Clouddriver, Manifest
from tests.support.clouddriver_manifests import kind_of

POLL_S = 0.2
"""Orca waits 5 s."""
STABLE_WITHIN_S = 30.0


class Outdated(AssertionError):
    """A read showed less than what was written before: Orca would take the old rollout for the new one."""


def wait_until_stable(clouddriver: Clouddriver, deployed: Manifest) -> Manifest:
    """Poll until an object that was deployed is stable; its last state."""
    kind, metadata = kind_of(deployed), deployed["metadata"]
    until = time.monotonic() + STABLE_WITHIN_S
    while True:
        with ThreadPoolExecutor(2) as pool:  # Clouddriver reads both at the same time
            reading = pool.submit(clouddriver.get, kind, metadata["name"], metadata.get("namespace", ""))
            events = pool.submit(clouddriver.events_for, kind, metadata["name"], metadata.get("namespace", ""))
        events.result()
        found = reading.result()
        if found is None or int(found["metadata"]["resourceVersion"]) < int(metadata["resourceVersion"]):
            raise Outdated(f"{kind} {metadata['name']}: version {metadata['resourceVersion']} is not there yet")
        if is_stable(found):
            return found
        assert time.monotonic() < until, f"{kind} {metadata['name']} is not stable: {found.get('status')}"
        time.sleep(POLL_S)


def is_stable(manifest: Manifest) -> bool:
    """Whether Clouddriver calls an object stable; kinds without a rollout always are."""
    rule = _STABLE.get(manifest["kind"])
    return rule is None or rule(manifest)


def _deployment(manifest: Manifest) -> bool:
    status, wanted = manifest.get("status", {}), manifest["spec"]["replicas"]
    if status.get("observedGeneration") != manifest["metadata"]["generation"]:
        return False
    return all(status.get(each, 0) >= wanted for each in ("updatedReplicas", "availableReplicas", "readyReplicas"))


def _replica_set(manifest: Manifest) -> bool:
    status, wanted = manifest.get("status", {}), manifest["spec"]["replicas"]
    if status.get("observedGeneration") != manifest["metadata"]["generation"]:
        return False
    return all(status.get(each, 0) >= wanted for each in ("fullyLabeledReplicas", "availableReplicas", "readyReplicas"))


def _job(manifest: Manifest) -> bool:
    return bool(manifest.get("status", {}).get("succeeded"))


_STABLE: dict[str, Callable[[Manifest], bool]] = {"Deployment": _deployment, "ReplicaSet": _replica_set, "Job": _job}
