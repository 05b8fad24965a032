"""A gateway inside the test, with certificates and tokens of its own, and ways to call it."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
from tests.support.services import running

from fairlead.cli.certificates import Authority, KeyPair
from fairlead.gateway.service import build
from fairlead.gateway.settings import Settings
from fairlead.runtime.lifecycle import Scope

AGENT_TOKEN = "flt_agent-of-shop"
OTHER_TOKEN = "flt_agent-of-others"
ADMIN_TOKEN = "flt_admin"
READER_TOKEN = "flt_reader-of-shop"
LIFETIME = timedelta(days=1)
PATIENCE_S = 60.0
"""Silence after which an operation is sent again: longer than any test, so that a slow machine sees no more attempts."""
RESENDING = {"unclaimedSeconds": 0.6, "claimedSeconds": 1.0}
"""What `operations` are to be where attempts that follow silence are looked at."""


@dataclass
class Authorities:
    """A CA, the gateway's certificate, and one of a client."""

    directory: Path
    authority: Authority = field(default_factory=lambda: Authority.create("test-ca", datetime.now(UTC)))

    def __post_init__(self) -> None:
        now = datetime.now(UTC)
        self._write("ca", self.authority.pair)
        self._write("gateway", self.authority.issue_server("gateway", ["localhost", "127.0.0.1"], now, LIFETIME))
        self.client("agent-shop")

    def client(self, name: str) -> KeyPair:
        """Issue a client certificate."""
        pair = self.authority.issue_client(name, datetime.now(UTC), LIFETIME)
        self._write(name, pair)
        return pair

    def read(self, name: str) -> bytes:
        """Read one of the files."""
        return (self.directory / name).read_bytes()

    def _write(self, name: str, pair: KeyPair) -> None:
        (self.directory / f"{name}.crt").write_bytes(pair.certificate)
        (self.directory / f"{name}.key").write_bytes(pair.key)


def credentials() -> list[dict[str, Any]]:
    """The credentials of the settings."""

    def hashed(token: str) -> str:
        return sha256(token.encode()).hexdigest()

    return [
        {"name": "shop-agent", "kind": "agent", "accounts": ["shop*"], "sha256": hashed(AGENT_TOKEN)},
        {"name": "other-agent", "kind": "agent", "accounts": ["other*"], "sha256": hashed(OTHER_TOKEN)},
        {"name": "admin", "kind": "api", "accounts": ["*"], "verbs": ["read", "write", "admin"], "sha256": hashed(ADMIN_TOKEN)},
        {"name": "reader", "kind": "api", "accounts": ["shop*"], "verbs": ["read"], "sha256": hashed(READER_TOKEN)},
    ]  # fmt: skip


@dataclass
class RunningGateway:
    """A gateway that runs, and where."""

    scope: Scope
    link: str
    https: str
    authorities: Authorities

    @asynccontextmanager
    async def api(self, token: str = ADMIN_TOKEN) -> AsyncIterator[httpx.AsyncClient]:
        """A client of REST."""
        context = ssl.create_default_context(cafile=self.authorities.directory / "ca.crt")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(
            base_url=f"https://{self.https}", headers=headers, verify=context, trust_env=False, timeout=30
        ) as client:
            yield client


def settings(database: str, directory: Path, **gateway: Any) -> Settings:
    """Settings with TLS on free ports of loopback."""
    tls = {"certFile": str(directory / "gateway.crt"), "keyFile": str(directory / "gateway.key")}
    base: dict[str, Any] = {
        "database": {"dsn": database},
        "link": {
            "host": "127.0.0.1",
            "port": 0,
            "tls": tls,
            "heartbeatSeconds": 20,
            "strictEnvelopes": True,
            **gateway.pop("link", {}),
        },
        "https": {"host": "127.0.0.1", "port": 0, "tls": tls},
        "credentials": credentials(),
        "keyFile": str(directory / "operations.key"),
        "addressFile": str(directory / "addresses.json"),
        "operations": {"unclaimedSeconds": PATIENCE_S, "claimedSeconds": PATIENCE_S, **gateway.pop("operations", {})},
        "stopGraceSeconds": 0.2,
    }
    return Settings.model_validate({"gateway": base | gateway})


@asynccontextmanager
async def running_gateway(database: str, authorities: Authorities, **gateway: Any) -> AsyncIterator[RunningGateway]:
    """Run a gateway until the context ends."""
    chosen = settings(database, authorities.directory, **gateway)
    async with running(build(chosen)) as scopes:
        addresses = json.loads((authorities.directory / "addresses.json").read_text())
        yield RunningGateway(scopes[0], addresses["link"], addresses["https"], authorities)
