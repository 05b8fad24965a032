"""Certificates that fit, have expired, are another host's or another authority's; as files, for listeners and for those who dial."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fairlead.cli.certificates import Authority, KeyPair

_DAY = timedelta(days=1)
LOOPBACK = ["127.0.0.1", "localhost"]


@dataclass
class CertificateFiles:
    """``<name>.crt`` and ``<name>.key`` for `good`, `expired` and `elsewhere`; ``ca.crt``, and ``foreign.crt`` of a stranger."""

    directory: Path
    authority: Authority = field(default_factory=lambda: Authority.create("test-ca", datetime.now(UTC) - 9 * _DAY))

    def __post_init__(self) -> None:
        now = datetime.now(UTC)
        self._write("ca", self.authority.pair)
        self._write("foreign", Authority.create("foreign-ca", now).pair)
        self._write("good", self.authority.issue_server("good", LOOPBACK, now, _DAY))
        self._write("expired", self.authority.issue_server("expired", LOOPBACK, now - 3 * _DAY, _DAY))
        self._write("elsewhere", self.authority.issue_server("elsewhere", ["elsewhere.example"], now, _DAY))

    def certificate(self, name: str) -> Path:
        """Path of a certificate."""
        return self.directory / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Path of its key."""
        return self.directory / f"{name}.key"

    def listener(self, name: str) -> dict[str, str]:
        """The settings of a door."""
        return {"certFile": str(self.certificate(name)), "keyFile": str(self.key(name))}

    def _write(self, name: str, pair: KeyPair) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.certificate(name).write_bytes(pair.certificate)
        self.key(name).write_bytes(pair.key)
        self.key(name).chmod(0o600)
