"""What the environment asks of a test run; the only place of the tests that reads it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

_PARTS = ("embedded", "docker")


@dataclass(frozen=True)
class Options:
    """How real parts are had, and what their absence means."""

    parts: str
    """``embedded``: child processes. ``docker``: containers for NATS and PostgreSQL (TEST_PARTS)."""
    require_real: bool
    """Whether a missing part is a failure rather than a skip (FAIRLEAD_REQUIRE_REAL)."""
    seeds: int
    """Random runs of the observation path (FAIRLEAD_SEEDS)."""
    churn_s: float
    """How long informers watch a cluster that never rests (FAIRLEAD_CHURN_S)."""
    kubeconfig: Path | None
    """Of a cluster with nodes, into which the manifests are installed (FAIRLEAD_TEST_KUBECONFIG); None: nowhere."""
    image_prefix: str
    """Before the names of our images there (FAIRLEAD_IMAGE_PREFIX)."""
    image_tag: str
    """Their tag (FAIRLEAD_IMAGE_TAG); empty: the workspace's version."""


def _from_environment() -> Options:
    environment = os.environ  # noqa: TID251 - a test run has no settings module; this is it
    parts = environment.get("TEST_PARTS") or _PARTS[0]
    if parts not in _PARTS:
        raise pytest.UsageError(f"TEST_PARTS={parts!r}: choose one of {', '.join(_PARTS)}")
    return Options(
        parts=parts,
        require_real=environment.get("FAIRLEAD_REQUIRE_REAL", "") not in ("", "0"),
        seeds=int(environment.get("FAIRLEAD_SEEDS", "10000")),
        churn_s=float(environment.get("FAIRLEAD_CHURN_S", "15")),
        kubeconfig=Path(environment["FAIRLEAD_TEST_KUBECONFIG"])
        if environment.get("FAIRLEAD_TEST_KUBECONFIG")
        else None,
        image_prefix=environment.get("FAIRLEAD_IMAGE_PREFIX") or "fairlead/",
        image_tag=environment.get("FAIRLEAD_IMAGE_TAG", ""),
    )


# gRPC's fork handlers abort a child process that is started while its threads run; no test forks a gRPC program.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # noqa: TID251 - gRPC reads it when it is first used

OPTIONS: Final = _from_environment()
