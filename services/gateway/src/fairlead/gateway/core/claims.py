"""Accounts and whose cluster they name (design: identity and vocabulary)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ClusterIdentity:
    """Which cluster an account means.

    ``uid`` is that of the namespace `kube-system`, empty where it may not be read; then host and CA decide.
    """

    uid: str
    server: str
    ca_fingerprint: str

    def __str__(self) -> str:
        return self.uid or f"{self.server} (CA {self.ca_fingerprint[:16] or 'unknown'})"


@dataclass(frozen=True, slots=True)
class AccountClaim:
    """What an agent says about an account that it serves."""

    name: str
    cluster: ClusterIdentity
    mode: str = "agent"
    server_version: str = ""
    namespaces: tuple[str, ...] = ()
    """The only namespaces of the account, empty for all."""
    read_roles: tuple[str, ...] = ()
    write_roles: tuple[str, ...] = ()
    execute_roles: tuple[str, ...] = ()


class ClaimReason(StrEnum):
    """Why a claim was refused."""

    NOT_GRANTED = "not-granted"
    OTHER_CLUSTER = "claimed-by-another-cluster"


@dataclass(frozen=True, slots=True)
class ClaimOutcome:
    """The gateway's answer to a claim; ``message`` tells what to do about a refusal."""

    granted: bool
    reason: str = ""
    message: str = ""


GRANTED = ClaimOutcome(granted=True)


def same_cluster(stored: ClusterIdentity, claimed: ClusterIdentity) -> bool:
    """Whether two identities mean one cluster: by UID where both know it, else by host and CA."""
    if stored.uid and claimed.uid:
        return stored.uid == claimed.uid
    return (stored.server, stored.ca_fingerprint) == (claimed.server, claimed.ca_fingerprint)


def merge_identity(stored: ClusterIdentity, claimed: ClusterIdentity) -> ClusterIdentity:
    """The identity to keep after a granted claim: the newest address, and a UID once it was known."""
    return replace(claimed, uid=claimed.uid or stored.uid)


def refuse_other_cluster(name: str, stored: ClusterIdentity, claimed: ClusterIdentity) -> ClaimOutcome:
    """The refusal of a second cluster under a taken account name."""
    message = (
        f"account {name!r} belongs to cluster {stored}; cluster {claimed} claims the same name. Rename one of the two, or"
        f" run `fairlead accounts accept {name}` to give the name to the new cluster"
    )
    return ClaimOutcome(granted=False, reason=ClaimReason.OTHER_CLUSTER, message=message)


def retires(namespaces: tuple[str, ...], *, namespaced: bool, namespace: str) -> bool:
    """Whether an account limited to ``namespaces`` no longer has a reflector of this namespace ('' for all)."""
    if not namespaced:
        return False
    return namespace not in namespaces if namespaces else namespace != ""
