"""A real cluster is used only when it is named, and only after a yes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from tests.support.simulated_api import SimulatedApi

from fairlead.cli.demo.cluster import Cluster
from fairlead.cli.demo.real_cluster import ask, chosen_cluster
from fairlead.cli.errors import MisuseError
from fairlead.cli.settings import DemoSettings

if TYPE_CHECKING:
    from pathlib import Path


def kubeconfig(path: Path, *contexts: str) -> str:
    """Write a kubeconfig with these contexts."""
    path.write_text("contexts:\n" + "".join(f"- {{name: {context}, context: {{}}}}\n" for context in contexts))
    return str(path)


def test_an_exported_kubeconfig_alone_is_ignored(tmp_path: Path) -> None:
    """Without KUBE_CONTEXT no real cluster is touched."""
    assert chosen_cluster(DemoSettings(kubeconfig=kubeconfig(tmp_path / "a", "prod"))) is None


def test_the_context_is_looked_for_in_every_file(tmp_path: Path) -> None:
    """KUBECONFIG may name several files; the account is limited to a namespace of its own."""
    files = f"{kubeconfig(tmp_path / 'a', 'one')}:{tmp_path / 'absent'}:{kubeconfig(tmp_path / 'b', 'two')}"
    cluster = chosen_cluster(DemoSettings(kube_context="two", kubeconfig=files))

    assert cluster is not None
    assert (cluster.kubeconfig, cluster.context, cluster.limited) == (tmp_path / "b", "two", True)
    assert cluster.namespace.startswith("fairlead-demo-")


def test_a_context_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With those that are."""
    with pytest.raises(MisuseError, match="known are one"):
        chosen_cluster(DemoSettings(kube_context="two", kubeconfig=kubeconfig(tmp_path / "a", "one")))


def test_nobody_is_taken_by_surprise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cluster and its address are named; without a terminal and DEMO_YES it ends there."""
    api = SimulatedApi(tmp_path)
    api.start()
    try:
        cluster = Cluster(api.kubeconfig, "", "fairlead-demo-0000", limited=True)
        monkeypatch.setattr("sys.stdin", io.StringIO())
        with pytest.raises(MisuseError, match="DEMO_YES=1"):
            ask(cluster, DemoSettings())
        ask(cluster, DemoSettings(assume_yes=True))
    finally:
        api.stop()

    said = capsys.readouterr().out
    assert "https://127.0.0.1:" in said
    assert "fairlead-demo-0000" in said
