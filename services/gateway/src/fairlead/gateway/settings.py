"""Settings of the gateway: the section `gateway` of the file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from fairlead.contracts.link import DATA_WINDOW_BYTES
from fairlead.gateway.core.registration.definition import FIXED
from fairlead.runtime.sections import Count, Port, Seconds, ServiceSettings
from fairlead.runtime.settings import Section

_SHA256 = re.compile(r"[0-9a-f]{64}")
_URL = re.compile(r"https?://[^/?#@\s]+(/[^?#@\s]*)?")
_BARE_IPV6 = re.compile(r"^(https?://)([0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F.]*)(?=:[0-9]+$)")
"""An address before its port that lacks the brackets of RFC 3986, as a manifest composes it from a pod's."""


class DatabaseSettings(Section):
    """PostgreSQL, 10 or newer."""

    dsn: SecretStr = SecretStr("")
    """`postgresql://user:password@host:5432/database`, or libpq's `key=value` form."""
    dsn_file: Path | None = None
    """File with the same; wins over `dsn`."""
    pool_size: Annotated[int, Field(ge=2, le=100)] = 8
    """Connections at most; two more listen for hints."""
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
    tunnels: Annotated[int, Field(ge=1, le=10_000)] = 256
    """HTTP exchanges of the facade through one agent at once; each takes 256 KiB at most when its client stalls."""
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
    kind: Literal["agent", "api", "facade"]
    """`agent` opens the link, `api` REST, `facade` the Kubernetes API of accounts."""
    accounts: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    """Accounts that it covers: patterns with `*` and `?`."""
    verbs: tuple[Literal["read", "write", "admin"], ...] = ("read",)
    """What a caller may do; `admin` is for `api` alone. Agents have no verbs."""
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
            raise ValueError("certificate is for agents; callers present tokens")
        return self

    @model_validator(mode="after")
    def _verbs_of_its_door(self) -> CredentialSettings:
        if self.kind == "facade" and "admin" in self.verbs:
            raise ValueError("admin is a verb of api credentials; a facade credential has read and write")
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


class FacadeSettings(Section):
    """The Kubernetes API of accounts: `/accounts/<account>` at the HTTPS listener."""

    url: str = ""
    """How its clients reach the gateway (`https://fairlead.example.com:8443`), for kubeconfigs; empty: the address under
    which whoever asks for one reached it."""
    requests_at_once: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Requests of one account at once; beyond it clients are asked to come back in a second (429)."""
    streams_at_once: Annotated[int, Field(ge=1, le=10_000)] = 500
    """Watches and logs of one account at once, counted apart."""
    body_bytes: Annotated[int, Field(ge=64 * 1024, le=64 * 1024 * 1024)] = 3 * 1024 * 1024
    """Of a request; API servers take no more than 3 MiB."""
    answer_seconds: Seconds = 65.0
    """Time until a cluster's answer begins; API servers themselves give up after 60 s."""
    documents_bytes: Annotated[int, Field(ge=1024 * 1024, le=1024 * 1024 * 1024)] = 64 * 1024 * 1024
    """Memory for discovery and OpenAPI documents, of all accounts together."""
    openapi_seconds: Seconds = 60.0
    """How long a stored OpenAPI document is served before the cluster is asked whether it is current."""
    stale_seconds: Seconds = 300.0
    """How old lists from the mirror may be while an account's agent is away; beyond it they fail (503), and Clouddriver keeps
    what it has. Namespaces and definitions of custom resources are told however old they are."""
    write_history_seconds: Seconds = 30 * 86400.0
    """How long the journal of writes is kept."""

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        if url and not _URL.fullmatch(url):
            raise ValueError("must look like https://host:8443, without query")
        return url.rstrip("/")


class ClouddriverTlsSettings(Section):
    """TLS towards Clouddriver and Fiat."""

    ca_file: Path | None = None
    """Authority of their certificates, PEM; those of the system when empty."""
    cert_file: Path | None = None
    """Client certificate, for those that ask for one."""
    key_file: Path | None = None
    """Its key."""


class PeerSettings(Section):
    """The other gateways of the same database: a request is carried by the one that holds the agent's connection."""

    url: str = ""
    """How the others reach this one's HTTPS listener (`https://10.0.0.7:8443`); empty: not at all, and what comes to them for
    the agents that are connected here is answered with 503."""
    server_name: str = ""
    """Name in the gateways' certificates, where `url` holds an address that they do not name."""
    ca_file: Path | None = None
    """Authority of the gateways' certificates, PEM; those of the system when empty."""

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        if url and not _URL.fullmatch(url):
            raise ValueError("must look like https://10.0.0.7:8443, without query")
        return _BARE_IPV6.sub(r"\1[\2]", url.rstrip("/"))


class DefinitionSettings(Section):
    """Fields of the definitions of some accounts (`gateway.clouddriver.definitions[]`); later entries win."""

    accounts: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    """Accounts: patterns with `*` and `?`."""
    fields: dict[str, Any]
    """As Clouddriver's account definitions have them (`environment`, `onlySpinnakerManaged`, `cacheIntervalSeconds` …)."""

    @field_validator("fields")
    @classmethod
    def _free(cls, fields: dict[str, Any]) -> dict[str, Any]:
        fixed = sorted(FIXED.intersection(fields))
        if fixed:
            raise ValueError(f"these fields are the gateway's: {', '.join(fixed)}")
        try:
            json.dumps(fields)
        except (TypeError, ValueError):
            raise ValueError("must hold what JSON can hold: texts, numbers, lists and mappings") from None
        return fields


class ClouddriverSettings(Section):
    """Registration of accounts in Clouddriver, by its account API (1.29 and newer)."""

    url: str = ""
    """Clouddriver's address (`http://spin-clouddriver:7002`); empty: accounts are not registered."""
    user: str = ""
    """User of Spinnaker that requests are made for (X-SPINNAKER-USER): with Fiat an account manager, or an administrator."""
    tls: ClouddriverTlsSettings = ClouddriverTlsSettings()
    timeout_seconds: Seconds = 10.0
    """For one request."""
    check_seconds: Seconds = 5.0
    """How often accounts are looked at."""
    read_back_seconds: Seconds = 300.0
    """How often everything is compared with what Clouddriver holds."""
    fiat_url: str = ""
    """Fiat's address; asked to sync the roles of accounts with permissions once they are loaded. It does so by itself every
    ten minutes."""
    facade_ca_file: Path | None = None
    """Authority of the facade's certificate, PEM, as it is to stand in kubeconfigs; empty: one that Clouddriver trusts."""
    token_file: str = "/var/run/fairlead/tokens/{account}"  # noqa: S105 - the path of a file
    """Path of the file with the account's facade token in Clouddriver's pods (`fairlead accounts token create`); without
    `{account}` one for all."""
    inline_tokens: bool = False
    """Put a token of the account into its kubeconfig instead. Clouddriver keeps it in its table `accounts` in clear and shows
    it to account managers; it opens the facade of that account and nothing else."""
    adopt: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Patterns of accounts that are taken over although they stand in Clouddriver already and are not ours."""
    metrics: bool = False
    """Whether Clouddriver asks for the metrics of pods."""
    cache_threads: Annotated[int, Field(ge=0, le=100)] = 1
    """Caching agents of each account."""
    cache_interval_seconds: Annotated[int, Field(ge=1)] = 60
    """How often they run."""
    omit_kinds: tuple[str, ...] = ("podPreset", "podSecurityPolicy")
    """Kinds of Clouddriver that clusters no longer have."""
    environment: str = ""
    """Environment of every account."""
    definitions: tuple[DefinitionSettings, ...] = ()

    @field_validator("url", "fiat_url")
    @classmethod
    def _address(cls, url: str) -> str:
        if url and not _URL.fullmatch(url):
            raise ValueError("must look like http://host:7002, without query")
        return url.rstrip("/")


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
    facade: FacadeSettings = FacadeSettings()
    clouddriver: ClouddriverSettings = ClouddriverSettings()
    peers: PeerSettings = PeerSettings()
    account_cleanup_frequency_seconds: Annotated[float, Field(ge=0)] = 600.0
    """Grace period (Armory's name): an account in agent mode whose agent is missing for so long is removed; 0: never. Time
    counts only while gateway and database are up and no more than half of the agents are missing."""
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
