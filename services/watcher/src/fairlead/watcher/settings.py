"""Configuration of the watcher; accounts and their options have Armory's names (docs/reference/settings.md)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fairlead.runtime.sections import Count, KubernetesSettings, Seconds, ServiceSettings
from fairlead.runtime.settings import Section

MIB = 1024 * 1024


class TaskSettings(Section):
    """Budgets of initial lists."""

    total_budget: Count = 1000
    """Lists at once in this process."""
    budget_per_account: Count = 50
    """Lists at once of one account."""


class WatcherSettings(Section):
    """The watcher's own settings."""

    pending_bytes_max: Annotated[int, Field(ge=MIB)] = 48 * MIB
    """Bodies that may wait for the scrubbers; beyond it a resource gives up its bodies and lists again."""
    refused_retry_seconds: Seconds = 300.0
    """How often a refused or removed kind is tried again."""
    retry_base_seconds: Seconds = 0.8
    """First delay before an API server is asked again (client-go's, ``reflector.go``)."""
    retry_max_seconds: Seconds = 30.0
    """Longest such delay (client-go's)."""


class Settings(ServiceSettings):
    """Everything the watcher reads."""

    kubernetes: KubernetesSettings = KubernetesSettings()
    tasks: TaskSettings = TaskSettings()
    watcher: WatcherSettings = WatcherSettings()
