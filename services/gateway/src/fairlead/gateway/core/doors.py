"""Where the gateway listens, and what makes a door safe enough to open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - only behind TLS and credentials


@dataclass(frozen=True, slots=True)
class Door:
    """One listener. Without certificate and key it is plain text, and then on loopback only."""

    name: str
    """Of its section in the settings."""
    port: int
    host: str = ""
    """Empty: everywhere with TLS, else loopback."""
    cert_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None
    """When set, callers must present a certificate of this CA."""

    @property
    def tls(self) -> bool:
        """Whether it speaks TLS."""
        return self.cert_file is not None and self.key_file is not None

    @property
    def bind_host(self) -> str:
        """The address to listen on."""
        return self.host or (EVERYWHERE if self.tls else LOOPBACK)

    def problems(self) -> Iterator[str]:
        """What is wrong with it, as faults of the configuration."""
        if (self.cert_file is None) != (self.key_file is None):
            yield f"{self.name}.tls: certFile and keyFile belong together; set both"
        if self.client_ca_file is not None and not self.tls:
            yield f"{self.name}.tls.clientCaFile needs certFile and keyFile"
        if not self.tls and not is_loopback(self.bind_host):
            yield (
                f"{self.name}.host: without TLS the gateway listens on loopback only; set {self.name}.tls.certFile and"
                " keyFile (`fairlead certs` makes them), or leave the host out"
            )


def is_loopback(host: str) -> bool:
    """Whether an address is of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
