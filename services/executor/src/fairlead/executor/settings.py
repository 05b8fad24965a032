"""Configuration of the executor; names and defaults of retries are Armory's (docs/reference/settings.md)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fairlead.executor.core.apply_mode import Switch
from fairlead.runtime.sections import Count, KubernetesSettings, Seconds, ServiceSettings
from fairlead.runtime.settings import Section


class RetrySettings(Section):
    """Requests to API servers that are sent again: only those that certainly had no effect, or do no harm twice."""

    enabled: bool = True
    """Whether they are repeated at all."""
    max_retries: Annotated[int, Field(ge=0, le=100)] = 3
    """How often at most."""
    back_off_ms: Annotated[int, Field(ge=0)] = 3000
    """Delay before each."""
    retry_any_error: bool = False
    """Retry reads whatever the API server answered."""
    retryable_errors: tuple[str, ...] = ("timeout", "deadline exceeded")
    """Parts of an error's text for which reads are retried, regardless of case."""


class KindApplySettings(Section):
    """Server-side apply of one kind; `allowed` leaves it to the request and the manifest's annotations."""

    kind: Annotated[str, Field(min_length=1)]
    """`Kind` or `Kind.group`."""
    enabled: Switch = Switch.ALLOWED
    """Whether server-side apply is used: `always`, `never` or `allowed`."""
    clear_managed_fields: Switch = Switch.ALLOWED
    """Whether all other managers lose their fields first."""
    manifest_defaults: Switch = Switch.ALLOWED
    """Whether scalar defaults of the cluster's schema are written into manifests, which servers up to 1.21 need."""


class ServerSideApplySettings(Section):
    """Server-side apply (`kubernetes.serverSideApply`), for all kinds; `allowed` leaves it to `kinds` and what is finer."""

    enabled: Switch = Switch.ALLOWED
    """Whether server-side apply is used: `always`, `never` or `allowed`. Left open everywhere, ConfigMaps and Secrets are
    applied server-side, everything else client-side."""
    clear_managed_fields: Switch = Switch.ALLOWED
    """Whether all other managers lose their fields first; controllers' fields that a manifest leaves out go then."""
    manifest_defaults: Switch = Switch.ALLOWED
    """Whether scalar defaults of the cluster's schema are written into manifests, which servers up to 1.21 need."""
    kinds: tuple[KindApplySettings, ...] = ()
    """The same for single kinds."""


class ExecutorKubernetesSettings(KubernetesSettings):
    """Clusters, with how their API servers are asked again and manifests applied."""

    retries: RetrySettings = RetrySettings()
    server_side_apply: ServerSideApplySettings = ServerSideApplySettings()


class ResponseRetrySettings(Section):
    """Reports that the gateway did not take (`clouddriver.responseRetries`)."""

    enabled: bool = True
    """Whether they are repeated at all."""
    max_retries: Annotated[int, Field(ge=0, le=100)] = 3
    """How often at most."""
    back_off_ms: Annotated[int, Field(ge=0)] = 3000
    """Delay before each."""


class ClouddriverSettings(Section):
    """The way back."""

    response_retries: ResponseRetrySettings = ResponseRetrySettings()


class ExecutorSettings(Section):
    """The executor's own settings."""

    concurrency: Count = 16
    """Operations that run at once in this process; each account has one slot more of its own."""
    waiting: Count = 32
    """Operations of one account that wait; more are left to other executors and to their next resend."""
    waiting_bytes: Annotated[int, Field(ge=4096)] = 16 * 1024 * 1024
    """Size of the requests of one account that wait."""
    patience_seconds: Seconds = 5.0
    """How long an operation waits for a slot; the gateway has sent it again by then."""
    tunnels: Count = 256
    """HTTP exchanges of the facade that this process carries at once; each takes 512 KiB at most when its reader stalls."""


class Settings(ServiceSettings):
    """Everything the executor reads."""

    kubernetes: ExecutorKubernetesSettings = ExecutorKubernetesSettings()
    timeout_seconds: Annotated[float, Field(ge=0)] = 0.0
    """Limit for one request of an operation to an API server; 0 leaves it to the operation's own `timeoutSeconds`."""
    clouddriver: ClouddriverSettings = ClouddriverSettings()
    executor: ExecutorSettings = ExecutorSettings()
