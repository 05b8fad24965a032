"""What makes a cluster the same cluster after a restart, in one private file.

The objects are in memory and go with the process. To its clients a cluster that starts again with its identity looks like
one that was restored from an old backup as etcd advises: the versions go on far above all that were ever told
(`etcdutl snapshot restore --bump-revision 1000000000 --mark-compacted`, https://etcd.io/docs/v3.6/op-guide/recovery/).
"""

from __future__ import annotations

import os
import secrets
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from fairlead.simcluster.certificates import Authority, KeyPair

VERSION_BUMP: Final = 1_000_000_000
"""How far the versions of one start are above those of the one before."""


@dataclass(frozen=True)
class Identity:
    """One cluster, as its clients know it."""

    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    """Of the namespace kube-system."""
    authority: Authority = field(default_factory=Authority)
    admin_token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    first_version: int = 1
    """The resourceVersion at which this start begins; nothing before it is remembered."""


class _Kept(msgspec.Struct):
    """The file, JSON."""

    uid: str
    certificate: str
    key: str
    admin_token: str
    starts: int = 1


def kept_identity(file: Path) -> Identity:
    """The identity in a file, which counts this start; a new one when there is no file.

    Raises:
        ValueError, TypeError: the file holds something else.
        OSError: it cannot be read or written.

    """
    kept = msgspec.json.decode(file.read_bytes(), type=_Kept) if file.exists() else _new()
    if file.exists():
        kept.starts += 1
    _write(file, msgspec.json.encode(kept))
    pair = KeyPair(kept.certificate.encode(), kept.key.encode())
    return Identity(kept.uid, Authority(pair=pair), kept.admin_token, 1 + (kept.starts - 1) * VERSION_BUMP)


def _new() -> _Kept:
    made = Identity()
    pair = made.authority.kept
    return _Kept(made.uid, pair.certificate.decode(), pair.key.decode(), made.admin_token)


def _write(file: Path, content: bytes) -> None:
    """Replace the file as a whole: a process that is killed meanwhile leaves the old one."""
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    with new.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(file)
