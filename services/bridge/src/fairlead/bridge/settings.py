"""Settings of the bridge."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from fairlead.contracts.streams import CLEAN_LOG
from fairlead.runtime.sections import AuthSettings, BackoffSettings, Seconds, ServiceSettings, TlsSettings
from fairlead.runtime.settings import Section

NotNegative = Annotated[float, Field(ge=0)]


class ClouddriverSettings(Section):
    """The link to the gateway, which stands where Armory's plug-in stood (`clouddriver`)."""

    grpc: str = "127.0.0.1:9091"
    """`host:port` of the gateway."""
    insecure: bool = False
    """Speak plaintext. Never a default, and it excludes `tls`."""
    no_proxy: bool = False
    """Do not dial through HTTPS_PROXY."""
    tls: TlsSettings = TlsSettings()
    auth: AuthSettings = AuthSettings()
    backoff: BackoffSettings = BackoffSettings()
    keep_alive_heartbeat_seconds: NotNegative = 20.0
    """How often the bridge shows that it lives; 0 takes what the gateway wishes."""
    keep_alive_time_out_seconds: NotNegative = 0.0
    """The link is given up after so long without a frame of the gateway; 0: three heartbeats."""

    @field_validator("grpc")
    @classmethod
    def _is_address(cls, text: str) -> str:
        host, _, port = text.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError("expected host:port")
        return text

    @model_validator(mode="after")
    def _is_consistent(self) -> ClouddriverSettings:
        tls = self.tls
        if self.insecure and any((tls.server_name, tls.cacert_file, tls.client_cert_file, tls.client_key_file)):
            raise ValueError("insecure excludes tls: remove one of them")
        if bool(tls.client_cert_file) != bool(tls.client_key_file):
            raise ValueError("tls.clientCertFile and tls.clientKeyFile belong together")
        if self.auth.token.get_secret_value() and self.auth.token_file:
            raise ValueError("set one of auth.token and auth.tokenFile")
        return self

    @property
    def host(self) -> str:
        """Host of the gateway."""
        return self.grpc.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Port of the gateway."""
        return int(self.grpc.rpartition(":")[2])


class AgentSettings(Section):
    """Who this agent is (`agent`)."""

    id: str = ""
    """Name of the agent; the host's name, which is the pod's, when empty."""
    zone_id: str = "fairlead_default"
    """The installation that this bridge belongs to: `deployment_namespace`."""
    mode: Literal["agent", "infrastructure", "spinnaker-service"] = "agent"
    """Where it stands: in its cluster, beside many, or beside Spinnaker."""


class BridgeSettings(Section):
    """Limits of the bridge (`bridge`)."""

    log_max_bytes: Annotated[int, Field(ge=1024 * 1024)] = CLEAN_LOG.max_bytes
    """Room for batches that the gateway has not taken; a full log slows the watchers down."""
    log_ack_wait_seconds: Seconds = CLEAN_LOG.ack_wait_s
    """After so long without a sign of life a batch is delivered again."""
    log_batches_under_way: Annotated[int, Field(ge=1)] = CLEAN_LOG.max_ack_pending
    """Batches that may be delivered and not yet acknowledged."""
    call_timeout_seconds: Seconds = 10.0
    """How long the gateway may take to answer a call."""
    document_timeout_seconds: Seconds = 60.0
    """How long it may take to store a piece of a document."""
    operation_timeout_seconds: Seconds = 5.0
    """How long an executor may take to accept an operation."""
    operations_under_way: Annotated[int, Field(ge=1)] = 256
    """Operations that may wait to be accepted."""
    refused_retry_seconds: Seconds = 30.0
    """Least delay before an agent that was refused asks again."""
    hand_over_seconds: Seconds = 20.0
    """How long a replaced connection may finish what is under way."""
    drain_seconds: Seconds = 5.0
    """How long the link may finish what is under way when the bridge stops."""


class Settings(ServiceSettings):
    """What the bridge reads."""

    clouddriver: ClouddriverSettings = ClouddriverSettings()
    agent: AgentSettings = AgentSettings()
    bridge: BridgeSettings = BridgeSettings()
