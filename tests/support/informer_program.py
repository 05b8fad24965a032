"""The program of client-go's informers (`tools/parts/informers`) as a process: what it holds, asked at any time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.kubernetes_api import KubernetesApi, Place

RESYNC_S = 2


@dataclass(frozen=True)
class Informers:
    """A running program."""

    process: subprocess.Popen[str]

    def state(self) -> dict[str, Any]:
        """What the program holds and was told: ``synced``, ``stores``, ``events``, ``errors``."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the program of the informers has ended"
        state: dict[str, Any] = json.loads(line)
        return state

    def stores(self) -> dict[str, dict[str, str]]:
        """UID and version by namespace and name, by resource."""
        stores: dict[str, dict[str, str]] = self.state()["stores"]
        return stores


@contextmanager
def running_informers(
    binary: Path, kubeconfig: Path, namespace: str, places: list[Place], errors: Path
) -> Iterator[Informers]:
    """Informers of resources in a namespace, for as long as the context lasts."""
    with (
        errors.open("w") as said,
        subprocess.Popen(
            [
                binary,
                f"--kubeconfig={kubeconfig}",
                f"--namespace={namespace}",
                f"--resync={RESYNC_S}s",
                *map(resource, places),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env={"PATH": "/usr/bin:/bin"},
        ) as process,
    ):
        try:
            yield Informers(process)
        finally:
            process.kill()


def resource(place: Place) -> str:
    """A resource as the program names it."""
    return f"{place.api_version}/{place.plural}"


def cluster_stores(api: KubernetesApi, namespace: str, places: list[Place]) -> dict[str, dict[str, str]]:
    """What informers should hold."""
    return {
        resource(place): {
            f"{each['metadata']['namespace']}/{each['metadata']['name']}": (
                f"{each['metadata']['uid']} {each['metadata']['resourceVersion']}"
            )
            for each in api.list(place, namespace, metadata_only=True)
        }
        for place in places
    }
