"""Settings of the gateway: the section `gateway` of the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from fairlead.contracts.link import DATA_WINDOW_BYTES
from fairlead.runtime.sections import Count, Port, Seconds, ServiceSettings
from fairlead.runtime.settings import Section

_SHA256 = re.compile(r"[0-9a-f]{64}")


class DatabaseSettings(Section):
    """PostgreSQL, 10 or newer."""

    dsn: SecretStr = SecretStr("")
    """`postgresql://user:password@host:5432/database`, or libpq's `key=value` form."""
    dsn_file: Path | None = None
    """File with the same; wins over `dsn`."""
    pool_size: Annotated[int, Field(ge=2, le=100)] = 8
    """Connections at most; one more listens for hints."""
    migrate: bool = True
    """Bring the schema up to date at start; else `fairlead gateway migrate` does it, with a role that may."""


class DoorTlsSettings(Section):
    """TLS of a listener."""

    cert_file: Path | None = None
    """Certificate chain, PEM."""
    key_file: Path | None = None
    """Its key, PEM."""
    client_ca_file: Path | None = None
    """Callers must present a certificate of this authority."""


class LinkSettings(Section):
    """The listener for agents."""

    host: str = ""
    """Address to listen on; everywhere with TLS, else 127.0.0.1 and nothing beyond it."""
    port: Port = 9091
    """0 takes a free port."""
    tls: DoorTlsSettings = DoorTlsSettings()
    heartbeat_seconds: Seconds = 20.0
    """An agent that is silent for three of these has gone."""
    max_age_seconds: Seconds = 7200.0
    """A connection is renewed after this time, ±10 %."""
    grace_seconds: Seconds = 30.0
    """Time that an agent has to change over to a new connection."""
    data_window_bytes: Annotated[int, Field(ge=1024 * 1024, le=256 * 1024 * 1024)] = DATA_WINDOW_BYTES
    """Data of one agent that may be under way, received and not yet committed."""
    strict_envelopes: bool = False
    """Refuse batches with fields that this release does not know; for tests."""


class HttpsTlsSettings(Section):
    """TLS of the HTTPS listener."""

    cert_file: Path | None = None
    """Certificate chain, PEM."""
    key_file: Path | None = None
    """Its key, PEM."""


class HttpsSettings(Section):
    """The listener for callers."""

    host: str = ""
    """Address to listen on; everywhere with TLS, else 127.0.0.1 and nothing beyond it."""
    port: Port = 8443
    """0 takes a free port."""
    tls: HttpsTlsSettings = HttpsTlsSettings()


class CredentialSettings(Section):
    """One credential (`gateway.credentials[]`); others are made with `fairlead tokens` and stand in the database."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    """What logs and answers call it."""
    kind: Literal["agent", "api"]
    """`agent` opens the link, `api` REST."""
    accounts: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    """Accounts that it covers: patterns with `*` and `?`."""
    verbs: tuple[Literal["read", "write", "admin"], ...] = ("read",)
    """What an API credential may do."""
    sha256: str = ""
    """SHA-256 of the token, hexadecimal."""
    token_file: Path | None = None
    """File with the token itself, read at start."""
    certificate: str = ""
    """Agents only: pattern of the common name or a DNS name of the client certificate (`link.tls.clientCaFile`)."""

    @field_validator("sha256")
    @classmethod
    def _hexadecimal(cls, text: str) -> str:
        lowered = text.lower()
        if text and not _SHA256.fullmatch(lowered):
            raise ValueError("must be the 64 hexadecimal digits of a SHA-256")
        return lowered

    @model_validator(mode="after")
    def _one_secret(self) -> CredentialSettings:
        if sum([bool(self.sha256), self.token_file is not None, bool(self.certificate)]) != 1:
            raise ValueError("set one of sha256, tokenFile, certificate")
        if self.certificate and self.kind != "agent":
            raise ValueError("certificate is for agents; callers of REST present tokens")
        return self


class OperationSettings(Section):
    """Operations."""

    deadline_seconds: Seconds = 60.0
    """Least time before an operation without an answer ends as expired or unknown."""
    unclaimed_seconds: Seconds = 5.0
    """An operation that no executor took is sent again after this time."""
    claimed_seconds: Seconds = 15.0
    """An operation that was taken and of which nothing was heard is asked for again after this time."""
    result_seconds: Seconds = 600.0
    """How long the body of a result can be read; it is erased then."""
    history_seconds: Seconds = 7 * 86400.0
    """How long ended operations are remembered, without bodies."""


class GatewaySection(Section):
    """The gateway."""

    database: DatabaseSettings = DatabaseSettings()
    link: LinkSettings = LinkSettings()
    https: HttpsSettings = HttpsSettings()
    credentials: tuple[CredentialSettings, ...] = ()
    """Tokens and certificates that are known from the start."""
    key_file: Path | None = None
    """File with the key that operations are encrypted with: base64 of 32 bytes, one a line, the newest first. It is made
    when missing; gateways that share a database must share it."""
    operations: OperationSettings = OperationSettings()
    address_file: Path | None = None
    """When set, the addresses of the listeners are written there as JSON once they are open."""
    stop_grace_seconds: Seconds = 3.0
    """At a stop, time for agents to change over to another gateway."""
    garbage_seconds: Count = 60
    """How often deletions that nobody needs are forgotten."""

    @field_validator("credentials")
    @classmethod
    def _unique(cls, credentials: tuple[CredentialSettings, ...]) -> tuple[CredentialSettings, ...]:
        names = [credential.name for credential in credentials]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"names of credentials must be unique; twice: {', '.join(twice)}")
        return credentials


class Settings(ServiceSettings):
    """What the gateway reads."""

    gateway: GatewaySection = GatewaySection()
