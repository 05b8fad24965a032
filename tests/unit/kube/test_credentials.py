"""Credentials stay current by themselves."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.kubernetes_certificates import Authority
from tests.support.scripted_api import kubeconfig_of
from tests.support.services import eventually

from fairlead.kube import credentials as module
from fairlead.kube import readings
from fairlead.kube.credentials import Credentials, from_kubeconfig, from_service_account
from fairlead.kube.errors import CredentialsError
from fairlead.kube.material import Material

if TYPE_CHECKING:
    from pathlib import Path

SERVER = "https://cluster.example:6443"
PLAIN = Material(SERVER, None, "", None, "", "Bearer one", None)


class Source:
    """A double of what is read: its readings in turn, the last of them for ever; an error is raised."""

    def __init__(self, *readings: Material | CredentialsError) -> None:
        self.readings = list(readings)
        self.count = 0

    def __call__(self) -> Material:
        """Give the next reading."""
        self.count += 1
        reading = self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]
        if isinstance(reading, CredentialsError):
            raise reading
        return reading


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read again whenever asked."""
    monkeypatch.setattr(module, "RELOAD_PAUSE_S", 0.0)
    monkeypatch.setattr(module, "TOKEN_FILE_PERIOD_S", 0.0)


async def test_the_value_shows_how_to_reach_the_server(tmp_path: Path) -> None:
    """URL, host with port, trust, authority."""
    Authority(tmp_path)
    cluster = f", certificate-authority: {tmp_path / 'ca.crt'}, tls-server-name: kubernetes"

    credentials = await from_kubeconfig(kubeconfig_of(SERVER, cluster=cluster), context="here", no_proxy=True)

    assert (credentials.server, credentials.host) == (SERVER, "cluster.example:6443")
    assert credentials.tls_server_name == "kubernetes"
    assert credentials.ssl_context is not None
    assert credentials.ca_fingerprint.startswith("sha256:")
    assert credentials.proxy is None


@pytest.mark.parametrize(
    ("server", "host"),
    [
        ("https://a.example", "a.example:443"),
        ("http://a.example/x", "a.example:80"),
        ("https://[fd00::1]", "[fd00::1]:443"),
    ],
)
async def test_the_host_always_has_its_port(server: str, host: str) -> None:
    """It is part of a cluster's identity, so one server has one spelling."""
    assert Credentials(Source(PLAIN), replace(PLAIN, server=server)).host == host


@pytest.mark.usefixtures("_impatient")
async def test_a_rotated_service_account_token_is_read_again(tmp_path: Path) -> None:
    """The kubelet replaces the file; while it is missing the old token stays in use."""
    Authority(tmp_path)
    token = tmp_path / "token"
    token.write_text("one")
    environ = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    credentials = await from_service_account(directory=tmp_path, environ=environ)
    trust = credentials.ssl_context

    found = [await credentials.authorization()]
    token.write_text("two")
    found.append(await credentials.authorization())
    token.unlink()
    found.append(await credentials.authorization())

    assert [str(value).lower() for value in found] == ["bearer one", "bearer two", "bearer two"]
    assert credentials.ssl_context is trust


async def test_a_token_file_is_not_read_for_each_request(tmp_path: Path) -> None:
    """Once a minute is enough."""
    (tmp_path / "token").write_text("one")
    credentials = await from_kubeconfig(kubeconfig_of(SERVER, f"{{tokenFile: {tmp_path / 'token'}}}"))
    (tmp_path / "token").write_text("two")

    assert await credentials.authorization() == "Bearer one"


@pytest.mark.usefixtures("_impatient")
async def test_an_answer_is_renewed_before_it_expires() -> None:
    """And not again while the new one is good."""
    source = Source(replace(PLAIN, authorization="Bearer two", expires=4e9))
    credentials = Credentials(source, replace(PLAIN, expires=1.0))

    assert [await credentials.authorization() for _ in range(3)] == ["Bearer two"] * 3
    assert source.count == 1


async def test_an_expired_answer_that_cannot_be_renewed_is_an_error() -> None:
    """Going on with it would only look like a server's refusal."""
    credentials = Credentials(Source(CredentialsError("login first")), replace(PLAIN, expires=1.0))

    with pytest.raises(CredentialsError, match="login first"):
        await credentials.authorization()


async def test_static_credentials_are_never_read_again() -> None:
    """Unless the server rejects them."""
    source = Source(PLAIN)
    credentials = Credentials(source, PLAIN)

    assert await credentials.authorization() == "Bearer one"
    assert source.count == 0


@pytest.mark.usefixtures("_impatient")
async def test_rejected_credentials_are_read_anew() -> None:
    """Only a change is worth another request."""
    source = Source(PLAIN, replace(PLAIN, authorization="Bearer two"))
    credentials = Credentials(source, PLAIN)

    assert not await credentials.renew_after_rejection("Bearer one")
    assert await credentials.renew_after_rejection("Bearer one")
    assert await credentials.authorization() == "Bearer two"
    assert await credentials.renew_after_rejection("Bearer one"), "another request has renewed it meanwhile"
    assert source.count == 2


async def test_a_rejecting_server_does_not_make_us_read_all_the_time() -> None:
    """An exec plug-in may cost seconds, so there is a pause between readings."""
    source = Source(replace(PLAIN, authorization="Bearer two"))
    credentials = Credentials(source, PLAIN)

    assert not await credentials.renew_after_rejection("Bearer one")
    assert source.count == 0


@pytest.mark.usefixtures("_impatient")
async def test_a_source_that_hangs_does_not_hold_up_what_is_still_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """One request waits for the new answer, the others go on with the old one; so does the one after the deadline."""
    go, begun = threading.Event(), threading.Event()

    def hang() -> Material:
        begun.set()
        go.wait()
        return replace(PLAIN, authorization="Bearer two", rotates=True)

    credentials = Credentials(hang, replace(PLAIN, rotates=True))
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(credentials.authorization())
        await eventually(begun.is_set)
        assert await credentials.authorization() == "Bearer one"
        go.set()
    assert waiting.result() == "Bearer two"

    go.clear()
    monkeypatch.setattr(readings, "DEADLINE_S", 0.05)
    assert await credentials.authorization() == "Bearer two"
    go.set()


async def test_equal_sources_are_read_once_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logins by one kubeconfig that hangs wait for one reading; another context is another source."""
    go = threading.Event()
    contexts: list[str | None] = []

    def hang(_: str, context: str | None, **__: bool) -> Material:
        contexts.append(context)
        go.wait()
        return PLAIN

    monkeypatch.setattr(module, "read_kubeconfig", hang)
    async with asyncio.TaskGroup() as group:
        for context in ("here", "there", "here", "here"):
            group.create_task(from_kubeconfig("text", context=context))
        await eventually(lambda: len(contexts) == 2)
        go.set()

    assert sorted(map(str, contexts)) == ["here", "there"]
