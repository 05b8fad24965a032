"""What the handlers and the controllers work on: store, registry, clock and limits of one cluster."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fairlead.simcluster.logs import Logs
from fairlead.simcluster.openapi.documents import Documents
from fairlead.simcluster.resources import Registry
from fairlead.simcluster.store import Store


@dataclass(slots=True)
class Limits:
    """Sizes at which a real server refuses (kube-apiserver's request limit, etcd's `--max-request-bytes`)."""

    request_bytes: int = 3 * 1024 * 1024
    object_bytes: int = 1_572_864
    data_bytes: int = 1_048_576


@dataclass(slots=True)
class State:
    """One cluster's state. Pure but for the clock, which is given."""

    store: Store = field(default_factory=Store)
    registry: Registry = field(default_factory=Registry)
    logs: Logs = field(default_factory=Logs)
    now: Callable[[], float] = time.time
    limits: Limits = field(default_factory=Limits)
    bookmark_interval_s: float = 60.0
    watch_list: bool = True
    """False: answer `sendInitialEvents` with an ERROR event inside the stream, as a server over an old etcd does."""
    aggregated_discovery: tuple[str, ...] = ("v2", "v2beta1")
    """The versions of aggregated discovery that are spoken: Kubernetes 1.30 to 1.36 knew both, 1.37 the first alone."""
    documents: Documents = field(init=False)

    def __post_init__(self) -> None:
        self.documents = Documents(self.registry)

    def timestamp(self, offset_s: float = 0.0) -> str:
        """Now (plus an offset) as Kubernetes writes times."""
        return datetime.fromtimestamp(self.now() + offset_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
