"""Defaults that are promised, and how Armory's names are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.runtime.errors import ConfigurationError
from fairlead.runtime.settings import load
from fairlead.watcher.settings import Settings


def test_the_promised_defaults() -> None:
    """Budgets and ages are Armory's (armory-agent.yaml); back-off is client-go's."""
    settings = load(Settings, "watcher", {})

    assert (settings.tasks.total_budget, settings.tasks.budget_per_account) == (1000, 50)
    assert (settings.watcher.retry_base_seconds, settings.watcher.retry_max_seconds) == (0.8, 30.0)
    assert settings.watcher.refused_retry_seconds == 300.0
    assert settings.watcher.pending_bytes_max == 48 * 1024 * 1024
    assert settings.kubernetes.inventory_interval_seconds == 600.0


def test_an_account_in_armorys_words(tmp_path: Path) -> None:
    """A file written for Armory's agent is understood as it is."""
    file = tmp_path / "armory-agent.yaml"
    file.write_text(
        """
kubernetes:
  accounts:
  - name: shop
    kubeconfigFile: /kube/config
    kinds: [Deployment]
    omitKinds: [Pod]
    namespaces: [a, b]
    onlyNamespacedResources: true
    maxResumableResourceAgeMs: 1000
    permissions: {READ: [dev], WRITE: [ops]}
    metrics: false
tasks: {totalBudget: 7, budgetPerAccount: 3, queueCheckFrequencyMs: 2000}
"""
    )
    settings = load(Settings, "watcher", {"FAIRLEAD_CONFIG": str(file)})
    account = settings.kubernetes.accounts[0]

    assert (account.name, account.kinds, account.omit_kinds, account.namespaces) == (
        "shop",
        ("Deployment",),
        ("Pod",),
        ("a", "b"),
    )
    assert (account.max_resumable_resource_age_ms, account.permissions.write) == (1000, ("ops",))
    assert (settings.tasks.total_budget, settings.tasks.budget_per_account) == (7, 3)


def test_faults_are_told_together() -> None:
    """Two credentials, an unknown key of a budget and a malformed role are three faults in one answer."""
    accounts = '[{name: a, serviceAccount: true, kubeconfigFile: /x}, {name: b, permissions: {READ: [" r"]}}]'
    with pytest.raises(ConfigurationError) as error:
        load(
            Settings,
            "watcher",
            {"FAIRLEAD_WATCHER__KUBERNETES__ACCOUNTS": accounts, "FAIRLEAD_WATCHER__TASKS__TOTAL_BUDGET": "0"},
        )

    assert len(error.value.problems) == 3
