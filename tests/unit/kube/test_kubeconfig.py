"""Every kind of login that a kubeconfig knows is understood, and every fault is told with its place."""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.kubernetes_certificates import Authority
from tests.support.polling import wait_until
from tests.support.scripted_api import kubeconfig_of

from fairlead.kube.errors import CredentialsError
from fairlead.kube.kubeconfig import read_kubeconfig, read_service_account

if TYPE_CHECKING:
    from fairlead.kube.material import Material

SERVER = "https://cluster.example:6443"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    """A folder with ``ca.crt`` and a client's ``agent.crt`` and ``agent.key``."""
    authority = Authority(tmp_path / "pki")
    authority.issue_client("agent", user="agent")
    return tmp_path / "pki"


def read(source: Path | str, context: str | None = None, *, insecure: bool = False, no_proxy: bool = False) -> Material:
    """Read as the agent would."""
    return read_kubeconfig(source, context, insecure=insecure, no_proxy=no_proxy)


def fault(source: Path | str, context: str | None = None) -> str:
    """Read what cannot be read and return the message, which never holds a secret."""
    with pytest.raises(CredentialsError) as refused:
        read(source, context)
    assert "sesame" not in str(refused.value)
    return str(refused.value)


def plugin(folder: Path, script: str) -> str:
    """Write an exec plug-in and return the user that runs it."""
    path = folder / "plugin.py"
    path.write_text(script)
    exec_ = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": [str(path)]}
    return json.dumps({"exec": exec_ | {"interactiveMode": "Never"}})


def answer(**status: str) -> str:
    """Write the script of a plug-in that answers with ``status``."""
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"print({json.dumps(credential)!r})"


@pytest.mark.parametrize(
    ("user", "authorization"),
    [
        ("{token: sesame}", "Bearer sesame"),
        ("{username: ali, password: sesame}", "Basic " + base64.b64encode(b"ali:sesame").decode()),
        ("{}", None),
    ],
)
def test_logins_by_header(user: str, authorization: str | None) -> None:
    """A user without anything is anonymous on purpose."""
    material = read(kubeconfig_of(SERVER + "/", user))

    assert material.server == SERVER
    assert material.authorization == authorization
    assert material.tls is not None
    assert not material.rotates


def test_a_token_file_is_read_beside_its_kubeconfig(tmp_path: Path) -> None:
    """Relative paths are relative to the file; the token may rotate."""
    (tmp_path / "token").write_text("sesame\n")
    (tmp_path / "config").write_text(kubeconfig_of(SERVER, "{tokenFile: token}"))

    material = read(tmp_path / "config")

    assert material.authorization == "Bearer sesame"
    assert material.rotates


@pytest.mark.parametrize("inline", [True, False])
def test_client_certificates_inline_and_in_files(pki: Path, inline: bool) -> None:
    """Both give one fingerprint of the authority, and no key stays behind in temporary files."""

    def entry(name: str, file: str) -> str:
        if not inline:
            return f"{name}: {pki / file}"
        return f"{name}-data: {base64.b64encode((pki / file).read_bytes()).decode()}"

    before = set(Path(tempfile.gettempdir()).iterdir())
    user = f"{{{entry('client-certificate', 'agent.crt')}, {entry('client-key', 'agent.key')}}}"
    kubeconfig = kubeconfig_of(SERVER, user, f", {entry('certificate-authority', 'ca.crt')}")

    first, second = read(kubeconfig), read(kubeconfig)

    assert first.authorization is None
    assert first.tls is not None
    assert len(first.tls.get_ca_certs()) == 1
    assert first.ca_fingerprint.startswith("sha256:")
    assert (first.tls_digest, first.ca_fingerprint) == (second.tls_digest, second.ca_fingerprint)
    assert {
        path.name for path in set(Path(tempfile.gettempdir()).iterdir()) - before if "fairlead" in path.name
    } == set()


def test_a_file_that_hangs_does_not_hold_up_another_kubeconfig(tmp_path: Path) -> None:
    """Each reading has what it needs to itself."""
    token = tmp_path / "token"
    os.mkfifo(token)  # reading it waits until a writer has closed it
    writers: list[int] = []

    def is_read() -> bool:
        with suppress(OSError):  # ENXIO: nobody reads yet
            writers.append(os.open(token, os.O_WRONLY | os.O_NONBLOCK))
        return bool(writers)

    with ThreadPoolExecutor() as threads:
        hung = threads.submit(read, kubeconfig_of(SERVER, f"{{tokenFile: {token}}}"))
        try:
            wait_until(is_read)
            assert threads.submit(read, kubeconfig_of(SERVER)).result(timeout=20).authorization == "Bearer sesame"
        finally:
            os.write(writers[0], b"late")
            os.close(writers[0])

    assert hung.result().authorization == "Bearer late"


def test_a_named_context_is_chosen() -> None:
    """Or else the current one."""
    text = kubeconfig_of(SERVER).replace(
        "contexts: [", "contexts: [{name: there, context: {cluster: c, user: nobody}}, "
    )
    text = text.replace("users: [", "users: [{name: nobody}, ")

    assert read(text).authorization == "Bearer sesame"
    assert read(text, "there").authorization is None


def test_an_exec_plugin_gives_a_token_and_its_expiry(tmp_path: Path) -> None:
    """The time is RFC 3339."""
    user = plugin(tmp_path, answer(token="sesame", expirationTimestamp="2026-01-01T00:00:00Z"))

    material = read(kubeconfig_of(SERVER, user))

    assert material.authorization == "Bearer sesame"
    assert material.expires == 1767225600


def test_an_exec_plugin_gives_a_client_certificate(tmp_path: Path, pki: Path) -> None:
    """It takes the place of a token."""
    certificate, key = (pki / "agent.crt").read_text(), (pki / "agent.key").read_text()

    material = read(
        kubeconfig_of(SERVER, plugin(tmp_path, answer(clientCertificateData=certificate, clientKeyData=key)))
    )

    assert material.authorization is None
    assert material.tls_digest != read(kubeconfig_of(SERVER)).tls_digest


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("import sys; sys.exit('login first')", "login first"),
        ("print('what?')", "failed to decode"),
        (answer(), "neither a token nor a client certificate"),
        (answer(token="sesame", expirationTimestamp="tomorrow"), "no RFC 3339 time"),
    ],
)
def test_an_exec_plugin_that_fails_is_never_an_anonymous_request(tmp_path: Path, script: str, told: str) -> None:
    """The message names the context and what the plug-in said."""
    message = fault(kubeconfig_of(SERVER, plugin(tmp_path, script)))

    assert told in message
    assert "'here'" in message


def test_a_missing_exec_plugin_is_named() -> None:
    """So that it can be installed."""
    user = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin}}"

    assert "'no-such-plugin' is not installed" in fault(kubeconfig_of(SERVER, user))


def test_faults_of_the_file_are_told(tmp_path: Path) -> None:
    """Missing file, no YAML, no kubeconfig; nothing of the content is repeated."""
    broken = tmp_path / "broken"
    broken.write_text("a: {token: sesame\nb: [")

    assert fault(tmp_path / "absent") == f"kubeconfig {tmp_path / 'absent'}: no such file"
    assert f"kubeconfig {broken}: no valid YAML in line" in fault(broken)
    assert "cannot be read" in fault(tmp_path)
    assert "it has no list of contexts" in fault("sesame")


def test_faults_of_the_context_are_told() -> None:
    """With the names that exist."""
    text = kubeconfig_of(SERVER)

    assert "has no context 'there'; it has: here" in fault(text, "there")
    assert "names no current-context; choose one of: here" in fault(text.replace("current-context: here", ""))
    assert "its cluster 'c' is not in the file" in fault(text.replace("[{name: c,", "[{name: d,"))
    assert "its user 'u' is not in the file" in fault(text.replace("[{name: u,", "[{name: v,"))
    assert "names no server" in fault(kubeconfig_of(""))
    assert "is no http(s) URL" in fault(kubeconfig_of("cluster.example"))


def test_unusable_material_is_told(tmp_path: Path, pki: Path) -> None:
    """Broken base64, missing files, a certificate that is none, a login that we do not know."""
    assert "'here': client-key-data is no base64" in fault(kubeconfig_of(SERVER, "{client-key-data: 'a%%%'}"))
    assert "nowhere.crt" in fault(kubeconfig_of(SERVER, f"{{client-certificate: {tmp_path / 'nowhere.crt'}}}"))
    (tmp_path / "bad.crt").write_text("sesame")
    assert "cannot be used" in fault(kubeconfig_of(SERVER, cluster=f", certificate-authority: {tmp_path / 'bad.crt'}"))
    assert "cannot be used" in fault(
        kubeconfig_of(SERVER, f"{{client-certificate: {pki / 'ca.crt'}, client-key: {pki / 'agent.key'}}}")
    )
    assert "no usable credentials (found only auth-provider)" in fault(
        kubeconfig_of(SERVER, "{auth-provider: {name: azure, config: {access-token: sesame}}}")
    )


def test_the_pods_service_account_is_read(tmp_path: Path, pki: Path) -> None:
    """Token and authority from the mounted folder, the server from the environment."""
    (tmp_path / "token").write_text("sesame\n")
    (tmp_path / "ca.crt").write_bytes((pki / "ca.crt").read_bytes())
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}

    material = read_service_account(tmp_path, environ, insecure=False, no_proxy=False)

    assert material.server == "https://[fd00::1]:443"
    assert material.authorization is not None
    assert material.authorization.lower() == "bearer sesame"
    assert material.ca_fingerprint
    assert material.rotates


def test_outside_a_pod_there_is_no_service_account(tmp_path: Path) -> None:
    """The message says what to configure instead."""
    inside = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    for environ in ({}, inside):
        with pytest.raises(CredentialsError, match="configure a kubeconfig instead"):
            read_service_account(tmp_path, environ, insecure=False, no_proxy=False)
