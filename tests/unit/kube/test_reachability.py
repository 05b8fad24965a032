"""The network's faults are told in one sentence that says what to look at, and whether the request may have left."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING

import pytest
from tests.support.kubernetes_certificates import Authority
from tests.support.scripted_api import Reply, ScriptedApi, kubeconfig_of

from fairlead.cli.parts.ports import free_port
from fairlead.kube.credentials import from_kubeconfig
from fairlead.kube.errors import Unreachable
from fairlead.kube.reachability import unreachable
from fairlead.kube.session import KubeSession, Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def tls_api(tmp_path: Path) -> AsyncIterator[ScriptedApi]:
    """A scripted API server over https whose authority nobody was told of."""
    authority = Authority(tmp_path)
    authority.issue_server("server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    async with ScriptedApi(context) as server:
        yield server


@pytest.fixture
def closed_port() -> int:
    """A port that nothing listens on."""
    return free_port()


async def fault_of(
    kubeconfig: str, method: str = "PUT", *, timeout_s: float = 5.0, no_proxy: bool = True
) -> Unreachable:
    """Send one request that must fail."""
    credentials = await from_kubeconfig(kubeconfig, no_proxy=no_proxy)
    async with KubeSession(credentials, limits=Limits(connect_timeout_s=1.0)) as session:
        with pytest.raises(Unreachable) as failed:
            await session.request(method, "/api/v1/pods", body=b"{}", timeout_s=timeout_s)
    assert failed.value.host == credentials.host
    assert "sesame" not in str(failed.value)
    return failed.value


async def test_nobody_listens(closed_port: int) -> None:
    """Nothing was sent; look at address and firewall."""
    fault = await fault_of(kubeconfig_of(f"https://127.0.0.1:{closed_port}"))

    assert f"127.0.0.1:{closed_port}" in str(fault)
    assert "check address, port and firewall" in str(fault)
    assert not fault.maybe_sent


async def test_an_unknown_authority(tls_api: ScriptedApi) -> None:
    """Nothing was sent; look at the authority."""
    fault = await fault_of(kubeconfig_of(tls_api.url))

    assert "not trusted" in str(fault)
    assert "certificate-authority" in str(fault)
    assert not fault.maybe_sent
    assert tls_api.seen == []


async def test_a_wrong_name_in_the_certificate(tls_api: ScriptedApi, tmp_path: Path) -> None:
    """The configured tls-server-name is what is verified."""
    authority = f", certificate-authority: {tmp_path / 'ca.crt'}, tls-server-name: elsewhere.example"

    fault = await fault_of(kubeconfig_of(tls_api.url, cluster=authority))

    assert "not trusted" in str(fault)
    assert not fault.maybe_sent


async def test_https_to_a_port_that_speaks_http(api: ScriptedApi) -> None:
    """Nothing was sent; look at the port."""
    fault = await fault_of(kubeconfig_of(api.url.replace("http:", "https:")))

    assert "speaks https" in str(fault)
    assert not fault.maybe_sent


async def test_a_proxy_that_is_not_there(closed_port: int) -> None:
    """Nothing was sent; look at the proxy."""
    proxy = f", proxy-url: 'http://127.0.0.1:{closed_port}'"

    fault = await fault_of(kubeconfig_of("https://127.0.0.1:1", cluster=proxy), no_proxy=False)

    assert "noProxy" in str(fault)
    assert not fault.maybe_sent


async def test_a_server_that_never_answers(api: ScriptedApi) -> None:
    """The request was sent, and may have taken effect."""
    api.on("/api/v1/pods", Reply(chunks=(b"{",), ending="silence"))

    fault = await fault_of(kubeconfig_of(api.url), timeout_s=1.0)

    assert "no whole answer in time" in str(fault)
    assert fault.maybe_sent


@pytest.mark.parametrize("chunks", [(), (b"{",)], ids=["before the answer", "in the answer"])
async def test_a_connection_that_breaks(api: ScriptedApi, chunks: tuple[bytes, ...]) -> None:
    """The request was sent, and may have taken effect; it is not sent again by anybody."""
    api.on("/api/v1/pods", Reply(chunks=chunks, ending="cut"))

    fault = await fault_of(kubeconfig_of(api.url))

    assert "broke" in str(fault)
    assert fault.maybe_sent
    assert len(api.seen) == 1


async def test_a_server_that_accepts_and_says_nothing_in_the_handshake() -> None:
    """Connecting has a time limit of its own, and nothing was sent."""
    closing = asyncio.Event()

    async def keep_silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await closing.wait()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
    fault = await fault_of(kubeconfig_of(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    closing.set()
    server.close()
    await server.wait_closed()

    assert "no connection in time" in str(fault)
    assert not fault.maybe_sent


async def test_a_name_that_does_not_resolve() -> None:
    """Look at the server's name and at DNS; ``.invalid`` never resolves (RFC 6761)."""
    fault = await fault_of(kubeconfig_of("https://fairlead.invalid"))

    assert str(fault).startswith("API server fairlead.invalid:443: its name does not resolve")
    assert not fault.maybe_sent


def test_an_unknown_fault_counts_as_maybe_sent() -> None:
    """The careful answer where nothing is known."""
    fault = unreachable("here:443", OSError("sesame"))

    assert fault.maybe_sent
    assert "sesame" not in str(fault)
