"""What a connection needs is taken from what the official loader found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.kubernetes_certificates import Authority
from tests.support.scripted_api import kubeconfig_of

from fairlead.kube.errors import CredentialsError
from fairlead.kube.kubeconfig import read_kubeconfig

if TYPE_CHECKING:
    from pathlib import Path

    from fairlead.kube.material import Material

SERVER = "https://cluster.example:6443"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def read(source: str, *, insecure: bool = False, no_proxy: bool = False) -> Material:
    """Read as the agent would."""
    return read_kubeconfig(source, None, insecure=insecure, no_proxy=no_proxy)


def test_verification_is_skipped_only_when_asked(tmp_path: Path) -> None:
    """By our option or the file's own."""
    Authority(tmp_path)
    cluster = f", certificate-authority: {tmp_path / 'ca.crt'}"

    verified, skipped = read(kubeconfig_of(SERVER, cluster=cluster)), read(kubeconfig_of(SERVER), insecure=True)
    skipped_by_file = read(kubeconfig_of(SERVER, cluster=", insecure-skip-tls-verify: true"))

    assert verified.tls is not None
    assert verified.tls.check_hostname
    for material in (skipped, skipped_by_file):
        assert material.tls is not None
        assert not material.tls.check_hostname
        assert not material.tls.verify_mode
        assert not material.ca_fingerprint


def test_proxies_come_from_file_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """``no_proxy`` ignores both; NO_PROXY exempts the server's host."""
    by_file = kubeconfig_of(SERVER, cluster=", proxy-url: 'http://proxy.example:3128'")
    monkeypatch.setenv("HTTPS_PROXY", "http://env.example:3128")

    assert read(by_file).proxy == "http://proxy.example:3128"
    assert read(kubeconfig_of(SERVER)).proxy == "http://env.example:3128"
    assert read(by_file, no_proxy=True).proxy is None
    assert read(kubeconfig_of(SERVER), no_proxy=True).proxy is None
    monkeypatch.setenv("NO_PROXY", "cluster.example")
    assert read(kubeconfig_of(SERVER)).proxy is None


def test_other_proxies_are_refused_without_repeating_their_password() -> None:
    """Only http(s) proxies are spoken."""
    with pytest.raises(CredentialsError, match="'socks5' proxy is not supported") as refused:
        read(kubeconfig_of(SERVER, cluster=", proxy-url: 'socks5://u:sesame@proxy.example'"))
    assert "sesame" not in str(refused.value)


def test_the_digest_follows_certificates_and_keys(tmp_path: Path) -> None:
    """So that a connection pool is left alone while nothing changed, and left behind when something did."""
    authority = Authority(tmp_path)
    authority.issue_client("agent", user="agent")
    user = f"{{client-certificate: {tmp_path / 'agent.crt'}, client-key: {tmp_path / 'agent.key'}}}"

    first, second = read(kubeconfig_of(SERVER, user)), read(kubeconfig_of(SERVER, user))
    authority.issue_client("agent", user="agent")
    rotated = read(kubeconfig_of(SERVER, user))

    assert first.tls_digest == second.tls_digest != rotated.tls_digest
