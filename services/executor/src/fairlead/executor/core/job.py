"""One attempt at an operation, as it came from the bus."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

_ID = re.compile(r"[0-9A-Za-z]{1,64}")


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt; ``request`` is the operation's JSON, whole."""

    id: str
    account: str
    attempt: int
    first_incarnation: str
    """Of the bucket of claims when the first attempt was sent; empty when nobody knew one."""
    request: bytes
    traceparent: str = ""

    @property
    def digest(self) -> str:
        """What tells two requests under one id apart."""
        return sha256(self.request).hexdigest()[:32]

    @property
    def is_wellformed(self) -> bool:
        """Whether the id can stand in a header and as a key of the bucket, which a ULID can."""
        return _ID.fullmatch(self.id) is not None and self.attempt >= 1

    def audit_id(self, step: str = "") -> str:
        """Value of the header ``Audit-ID``: ``<operation>.<attempt>`` for what may take effect, else with a step.

        kube-apiserver writes a client's value into its audit log as it is, and cuts it to 64 characters in its other
        logs only (``k8s.io/apiserver`` ``pkg/audit/context.go``); a ULID with its attempt stays below.
        """
        return f"{self.id}.{self.attempt}" + (f".{step}" if step else "")
