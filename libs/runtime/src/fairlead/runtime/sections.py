"""Settings that several services read from the same keys of the one file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from fairlead.runtime.settings import Section

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class NatsSettings(Section):
    """The zone's nats-server."""

    url: str = "nats://127.0.0.1:4222"
    """`nats://host:port` or `tls://host:port`; several separated by commas. Never with a password in it."""
    user: str = ""
    """User with the permissions of this service (see docs/reference/subjects.md)."""
    password: SecretStr = SecretStr("")
    """Its password; a file is better."""
    password_file: Path | None = None
    """File with the password, read at each login; wins over `password`."""
    ca_file: Path | None = None
    """Trust anchor for TLS; the system's store when empty."""
    cert_file: Path | None = None
    """Client certificate, for a nats-server that asks for one."""
    key_file: Path | None = None
    """Its key."""

    @field_validator("url")
    @classmethod
    def _dialable(cls, url: str) -> str:
        for server in url.split(","):
            # Addresses are logged, so a password must not hide in one.
            if "@" in server:
                raise ValueError("must not hold a user or password; use nats.user and nats.passwordFile")
            if not re.fullmatch(r"(nats|tls)://[^/\s:]+(:\d+)?|(nats|tls)://\[[0-9a-fA-F:.]+\](:\d+)?", server.strip()):
                raise ValueError("must be nats://host:port or tls://host:port, several separated by commas")
        return url


class HealthSettings(Section):
    """The health and metrics listeners."""

    host: str = "0.0.0.0"  # noqa: S104 - probes come from outside the pod; nothing but health and figures is served
    """Address that both listeners bind to."""
    port: Port = 8082
    """`/livez`, `/readyz` and Armory's `/health`; 0 takes a free port."""
    metrics_port: Port = 8008
    """`/metrics`; 0 takes a free port."""
    enabled: bool = True
    """Whether to listen at all."""


class LogSettings(Section):
    """Logs."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is written."""
    format: Literal["auto", "json", "console"] = "auto"
    """`auto` is console on a terminal, else JSON."""


class TracingSettings(Section):
    """Traces."""

    endpoint: str = ""
    """OTLP/HTTP endpoint (`http://collector:4318/v1/traces`); empty switches tracing off."""
    events_per_second: Annotated[float, Field(ge=0)] = 1.0
    """At most so many sampled events a second for each resource; operations are always traced."""


class CustomResource(Section):
    """A custom resource that is watched beside the kinds; ``scope`` is read for Armory's sake, the cluster tells its own."""

    kind: str
    """`Kind.group`."""
    scope: Literal["Namespaced", "Cluster"] = "Namespaced"
    """Whether its objects stand in namespaces."""


class Permissions(Section):
    """Spinnaker roles that may use an account, by what they may do; none at all means everyone."""

    # Who misspells a key meant to restrict the account.
    model_config = ConfigDict(extra="forbid")

    read: tuple[str, ...] = Field(default=(), alias="READ")
    """Roles that may read."""
    write: tuple[str, ...] = Field(default=(), alias="WRITE")
    """Roles that may change things."""
    execute: tuple[str, ...] = Field(default=(), alias="EXECUTE")
    """Roles that Clouddriver is told of besides."""

    @field_validator("read", "write", "execute")
    @classmethod
    def _no_blanks(cls, roles: tuple[str, ...]) -> tuple[str, ...]:
        # Armory's agent silently drops the restriction on malformed roles; here they are a fault.
        if any(not role or role != role.strip() for role in roles):
            raise ValueError("roles must not be empty nor have blanks around them")
        return roles


class Account(Section):
    """One cluster, or some namespaces of it (`kubernetes.accounts[]`)."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Spinnaker's account name, unique over all agents."""
    kubeconfig_file: Path | None = None
    """Kubeconfig of the cluster."""
    kubeconfig_contents: SecretStr = SecretStr("")
    """The same as text."""
    context: str = ""
    """Context of the kubeconfig; its current one when empty."""
    service_account: bool = False
    """Use the pod's own service account."""
    insecure: bool = False
    """Do not verify the API server's certificate."""
    no_proxy: bool = False
    """Do not go through HTTPS_PROXY."""
    kinds: tuple[str, ...] = ()
    """Kinds to watch instead of the default twelve (`Deployment`, `Widget.example.com`)."""
    omit_kinds: tuple[str, ...] = ()
    """Kinds not to watch."""
    namespaces: tuple[str, ...] = ()
    """Watch only these; one set of watches for each."""
    omit_namespaces: tuple[str, ...] = ()
    """Objects of these are not passed on."""
    only_namespaced_resources: bool = False
    """Touch no cluster-scoped resource; needs `namespaces`."""
    custom_resource_definitions: tuple[CustomResource, ...] = ()
    """Custom resources to watch beside the kinds."""
    label_selector: str = ""
    """Watch only objects with these labels."""
    only_spinnaker_managed: bool = False
    """Watch only objects labelled `app.kubernetes.io/managed-by=spinnaker`."""
    secrets: Literal["metadata"] = "metadata"
    """Secrets are watched without their values."""
    max_resumable_resource_age_ms: Annotated[int, Field(ge=0)] = 300_000
    """Checkpoints older than this are not resumed from."""
    permissions: Permissions = Permissions()

    @model_validator(mode="after")
    def _consistent(self) -> Account:
        sources = [bool(self.kubeconfig_file), bool(self.kubeconfig_contents.get_secret_value()), self.service_account]
        if sum(sources) > 1:
            raise ValueError("set one of kubeconfigFile, kubeconfigContents, serviceAccount")
        if self.only_namespaced_resources and not self.namespaces:
            raise ValueError("onlyNamespacedResources needs namespaces")
        return self


class KubernetesSettings(Section):
    """Clusters and how to treat their API servers."""

    accounts: tuple[Account, ...] = ()
    no_proxy: bool = False
    """Do not go through HTTPS_PROXY, for any account."""
    request_timeout_seconds: Seconds = 30.0
    """Limit for one request that is no watch."""
    list_page_size: Count = 500
    """Objects a page of a list."""
    inventory_interval_seconds: Seconds = 600.0
    """How often what exists is compared with the mirror, jittered."""
    use_watch_list: bool = True
    """Use streaming lists where the server has them."""

    @field_validator("accounts")
    @classmethod
    def _unique(cls, accounts: tuple[Account, ...]) -> tuple[Account, ...]:
        names = [account.name for account in accounts]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"account names must be unique; twice: {', '.join(twice)}")
        return accounts


class TlsSettings(Section):
    """TLS of the link, on the dialling side (`clouddriver.tls`)."""

    server_name: str = ""
    """Name expected on the gateway's certificate, when it is not the host that is dialled."""
    cacert_file: Path | None = None
    """Trust anchor; the system's store when empty."""
    client_cert_file: Path | None = None
    """Client certificate, for a gateway that asks for one."""
    client_key_file: Path | None = None
    """Its key."""


class AuthSettings(Section):
    """How an agent shows who it is (`clouddriver.auth`)."""

    token: SecretStr = SecretStr("")
    """The agent's token; a file is better."""
    token_file: Path | None = None
    """Read again at each connection, so that a rotated token is taken up."""


class BackoffSettings(Section):
    """Delays between attempts (`clouddriver.backoff`), in seconds."""

    base_delay: Seconds = 1.0
    """The first delay."""
    multiplier: Annotated[float, Field(ge=1)] = 1.6
    """How much longer each further delay is."""
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Part of the delay by which it is spread, up and down."""
    max_delay: Seconds = 120.0
    """The longest delay."""


class ServiceSettings(Section):
    """What every service has."""

    nats: NatsSettings = NatsSettings()
    health: HealthSettings = HealthSettings()
    logs: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()
    stop_timeout_seconds: Seconds = 20.0
    """Deadline for stopping in order; shorter than the pod's termination grace period."""
