"""Configuration of the executor."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.executor.core.apply_mode import Switch
from fairlead.executor.settings import ExecutorSettings, ResponseRetrySettings, RetrySettings, Settings
from fairlead.runtime.errors import ConfigurationError
from fairlead.runtime.settings import load


def test_defaults() -> None:
    """Retries are Armory's; the room is bounded."""
    assert Settings().kubernetes.retries == RetrySettings(
        enabled=True, max_retries=3, back_off_ms=3000, retry_any_error=False, retryable_errors=("timeout", "deadline exceeded")
    )  # fmt: skip
    assert Settings().clouddriver.response_retries == ResponseRetrySettings(
        enabled=True, max_retries=3, back_off_ms=3000
    )
    assert Settings().executor == ExecutorSettings(
        concurrency=16, waiting=32, waiting_bytes=16 * 1024 * 1024, patience_seconds=5
    )


def test_the_shared_file(tmp_path: Path) -> None:
    """The keys of Armory's file and our own are read from one place; faults are told together."""
    file = tmp_path / "fairlead.yaml"
    file.write_text(
        "kubernetes: {retries: {backOffMs: 10}, accounts: [{name: shore, serviceAccount: true}]}\nexecutor: {waiting: 4}\n",
        encoding="utf-8",
    )
    settings = load(
        Settings, "executor", {"FAIRLEAD_CONFIG": str(file), "FAIRLEAD_EXECUTOR__EXECUTOR__CONCURRENCY": "2"}
    )
    assert (settings.kubernetes.retries.back_off_ms, settings.kubernetes.accounts[0].name) == (10, "shore")
    assert (settings.executor.waiting, settings.executor.concurrency) == (4, 2)

    file.write_text("kubernetes: {retries: {maxRetries: -1}}\nexecutor: {concurrency: 0}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as error:
        load(Settings, "executor", {"FAIRLEAD_CONFIG": str(file)})
    assert len(error.value.problems) == 2


def test_server_side_apply_has_armorys_names() -> None:
    """For all kinds and for single ones; what is no switch is refused."""
    document = {"serverSideApply": {"enabled": "never", "kinds": [{"kind": "Secret", "clearManagedFields": "always"}]}}
    settings = Settings.model_validate({"kubernetes": document, "timeoutSeconds": 5})

    apply = settings.kubernetes.server_side_apply
    assert (apply.enabled, apply.manifest_defaults) == (Switch.NEVER, Switch.ALLOWED)
    assert (apply.kinds[0].kind, apply.kinds[0].clear_managed_fields) == ("Secret", Switch.ALWAYS)
    assert settings.timeout_seconds == 5
    with pytest.raises(ValueError, match="enabled"):
        Settings.model_validate({"kubernetes": {"serverSideApply": {"enabled": "yes"}}})
