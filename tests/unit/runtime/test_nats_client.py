"""Dialling real nats-servers: what fits, what does not, and what is said about it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from nats.aio.client import ServerVersion
from pydantic import SecretStr
from structlog.testing import capture_logs
from tests.support.certificates import CertificateFiles
from tests.support.kubernetes_certificates import Authority
from tests.support.services import eventually

from fairlead.cli.parts.nats_server import NatsTls
from fairlead.cli.parts.ports import free_port
from fairlead.runtime.bus import attach, connect
from fairlead.runtime.errors import ConfigurationError
from fairlead.runtime.lifecycle import Scope
from fairlead.runtime.nats_client import BusUnavailable, check_server
from fairlead.runtime.sections import NatsSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fairlead.cli.parts.nats_server import NatsServer

_USERS = 'authorization { users: [{user: "ann", password: "right"}] }'


async def refused(**settings: Any) -> str:
    """Connect to what cannot be used; returns the one problem that is told."""
    with pytest.raises(ConfigurationError) as caught:
        async with asyncio.timeout(10), connect(NatsSettings.model_validate(settings), "sample"):
            pass
    (problem,) = caught.value.problems
    return problem


def pki(tmp_path: Path) -> Path:
    """A folder with an authority, a serving certificate and a client certificate."""
    authority = Authority(tmp_path / "pki")
    authority.issue_server("nats")
    authority.issue_client("client", user="ann")
    return tmp_path / "pki"


async def test_user_and_password(nats_servers: Callable[..., NatsServer], tmp_path: Path) -> None:
    """The right password gets in, also from a file; a wrong one is told at once, by user and never by password."""
    server = nats_servers(config=_USERS)
    file = tmp_path / "password"
    file.write_text("right\n", encoding="utf-8")

    for credentials in ({"password": "right"}, {"password": "sentinel", "passwordFile": file}):
        async with connect(
            NatsSettings.model_validate({"url": server.url, "user": "ann", **credentials}), "sample"
        ) as bus:
            assert bus.connected
    problem = await refused(url=server.url, user="ann", password="sentinel")
    assert "refuses user 'ann'" in problem
    assert "sentinel" not in problem
    assert "refuses a client without a user" in await refused(url=server.url)


@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_password_that_is_changed_in_its_file(
    nats_servers: Callable[..., NatsServer], tmp_path: Path, *, encrypted: bool
) -> None:
    """It is read again for each connection; while the file is missing the last one is tried."""
    files = pki(tmp_path)
    tls = {"tls": NatsTls(cert=files / "nats.crt", key=files / "nats.key")} if encrypted else {}
    server = nats_servers(config=_USERS, **tls)
    file = tmp_path / "password"
    file.write_text("right", encoding="utf-8")
    settings = {"url": server.url, "user": "ann", "passwordFile": file}
    if encrypted:
        settings["caFile"] = files / "ca.crt"
    async with connect(NatsSettings.model_validate(settings), "sample") as bus:
        for change in (file.unlink, lambda: file.write_text("other", encoding="utf-8")):
            await asyncio.to_thread(server.kill)
            await eventually(lambda: not bus.connected)
            change()
            if file.exists():
                server.config = _USERS.replace("right", "other")
            await asyncio.to_thread(server.restart)
            await eventually(lambda: bus.connected)


async def test_tls(nats_servers: Callable[..., NatsServer], tmp_path: Path) -> None:
    """With the authority of its certificate a server with TLS is reached, by either form of address."""
    files = pki(tmp_path)
    server = nats_servers(tls=NatsTls(cert=files / "nats.crt", key=files / "nats.key"), config=_USERS)

    for url in (server.url, server.url.replace("tls://", "nats://")):
        settings = NatsSettings(url=url, ca_file=files / "ca.crt", user="ann", password=SecretStr("right"))
        async with connect(settings, "sample") as bus:
            assert bus.connected


async def test_tls_of_another_authority(nats_servers: Callable[..., NatsServer], tmp_path: Path) -> None:
    """A certificate that the trust anchor did not sign is refused, and the setting is named."""
    files, other = pki(tmp_path), pki(tmp_path / "other")
    server = nats_servers(tls=NatsTls(cert=files / "nats.crt", key=files / "nats.key"))

    for settings in ({"caFile": other / "ca.crt"}, {}):
        problem = await refused(url=server.url, **settings)
        assert problem.startswith("nats.caFile")
        assert "self-signed" in problem or "verify" in problem or "unable to get" in problem


async def test_client_certificates(nats_servers: Callable[..., NatsServer], tmp_path: Path) -> None:
    """A server that wants a client certificate takes ours, and refuses a client without one."""
    files = pki(tmp_path)
    server = nats_servers(tls=NatsTls(cert=files / "nats.crt", key=files / "nats.key", ca=files / "ca.crt"))
    settings = {"url": server.url, "caFile": files / "ca.crt"}

    assert "client certificate" in await refused(**settings)
    certificate = {"certFile": files / "client.crt", "keyFile": files / "client.key"}
    async with connect(NatsSettings.model_validate({**settings, **certificate}), "sample") as bus:
        assert bus.connected


async def test_no_password_in_plain_text(nats_servers: Callable[..., NatsServer], tmp_path: Path) -> None:
    """With TLS configured a server without it is refused before the password is sent."""
    server = nats_servers(
        config=f"{_USERS}\nlog_file: {str(tmp_path / 'trace.log')!r}\ntrace: true\n".replace("'", '"')
    )
    plain = {"url": server.url, "caFile": pki(tmp_path) / "ca.crt"}

    problem = await refused(**plain, user="ann", password="right")
    assert "TLS is configured, but nats-server" in problem
    assert "has none" in await refused(**plain)
    assert "has none" in await refused(url=server.url.replace("nats://", "tls://"), user="ann", password="right")
    assert "CONNECT" not in (tmp_path / "trace.log").read_text(encoding="utf-8")


_POOR = """authorization { users: [
    {user: "deaf", password: "deaf", permissions: {publish: ">", subscribe: "_INBOX.>"}},
    {user: "mute", password: "mute", permissions: {publish: {deny: ">"}, subscribe: ">"}},
] }"""


async def test_a_subscription_that_is_denied_ends_the_service(nats_servers: Callable[..., NatsServer]) -> None:
    """Granted later it would not come by itself, so the service ends, as misconfigured, and says user and subject."""
    server = nats_servers(config=_POOR)
    scope = Scope("sample")
    bus = await attach(scope, NatsSettings(url=server.url, user="deaf", password=SecretStr("deaf")))
    await bus.subscribe("letters", _ignore)
    await eventually(lambda: scope.stopping)
    await scope.close(5)
    with pytest.raises(ConfigurationError, match=r"nats\.user: .* user 'deaf' subscribe to letters"):
        scope.raise_failure()


async def test_a_message_that_is_denied_is_told_and_remembered(nats_servers: Callable[..., NatsServer]) -> None:
    """The right shows only when it is used: the service goes on, is not ready, and says so once; a new connection asks anew."""
    server = nats_servers(config=_POOR)
    async with connect(NatsSettings(url=server.url, user="mute", password=SecretStr("mute")), "sample") as bus:
        assert bus.not_ready() is None
        with capture_logs() as logs:
            for _ in range(3):
                await bus.publish("letters", b"dear")
            await eventually(lambda: bus.not_ready() is not None)
        assert "user 'mute' publish to letters" in (bus.not_ready() or "")
        assert [entry["event"] for entry in logs] == ["a right is missing on nats-server"]
        server.config = ""
        await asyncio.to_thread(server.restart)
        await eventually(lambda: bus.not_ready() is None)


async def _ignore(_: Any) -> None:
    """Take no notice."""


async def test_certificates_that_do_not_fit(nats_servers: Callable[..., NatsServer], tmp_path: Path) -> None:
    """One that has expired, or is another host's, is told as such: no other authority would help."""
    files = CertificateFiles(tmp_path)
    for name, told in (("expired", "out of its time"), ("elsewhere", "another host's")):
        server = nats_servers(tls=NatsTls(cert=files.certificate(name), key=files.key(name)))
        problem = await refused(url=server.url, caFile=files.certificate("ca"))
        assert problem.startswith("nats.url: ")
        assert told in problem


async def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing or malformed file is a fault of its setting, found before anything is dialled."""
    (tmp_path / "ca.crt").write_text("nonsense", encoding="utf-8")

    assert "nats.caFile" in await refused(url="nats://127.0.0.1:1", caFile=tmp_path / "absent")
    assert "nats.caFile" in await refused(url="nats://127.0.0.1:1", caFile=tmp_path / "ca.crt")
    assert "nats.passwordFile" in await refused(url="nats://127.0.0.1:1", passwordFile=tmp_path / "absent")


async def test_nobody_there() -> None:
    """A server that is away is waited for, within the limit, and then the address is told."""
    settings = NatsSettings(url=f"nats://127.0.0.1:{free_port()}")
    loop = asyncio.get_running_loop()
    before = loop.time()
    with capture_logs() as logs, pytest.raises(BusUnavailable, match="no nats-server answers at nats://127"):
        async with connect(settings, "sample", timeout_s=2.5):
            pass

    assert 2.4 < loop.time() - before < 20
    assert len(logs) == 1  # not one for each attempt


async def test_a_server_that_comes_later(nats_server: NatsServer) -> None:
    """A service may start before its nats-server."""
    nats_server.stop()

    async def restart() -> None:
        await asyncio.to_thread(nats_server.start)

    async with asyncio.TaskGroup() as group:
        group.create_task(restart())
        async with connect(NatsSettings(url=nats_server.url), "sample") as bus:
            assert bus.connected


async def test_too_small_messages(nats_servers: Callable[..., NatsServer]) -> None:
    """A server that takes too small messages is refused with the line that it needs."""
    server = nats_servers(config="max_payload: 1048576")

    assert "set `max_payload: 8388608` in its configuration" in await refused(url=server.url)


@pytest.mark.parametrize(
    ("version", "fits"), [("2.9.10", False), ("2.9.99", False), ("2.10.0", True), ("3.0.0-dev", True)]
)
def test_too_old_a_server(version: str, fits: bool) -> None:
    """nats-server before 2.10 is refused, and both versions are told."""
    if fits:
        check_server(ServerVersion(version), 2**30)
        return
    with pytest.raises(ConfigurationError, match=rf"nats-server {version} is too old: install 2\.10\.0 or newer"):
        check_server(ServerVersion(version), 2**30)


async def test_reconnecting(nats_server: NatsServer) -> None:
    """A connection that is lost comes back by itself, with its subscriptions, and an outage takes a few lines of log."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    back: list[bool] = []
    async with connect(NatsSettings(url=nats_server.url), "sample") as bus:
        bus.on_reconnect(lambda: back.append(bus.connected))

        async def hear(message: Any) -> None:
            heard.put_nowait(message.data)

        await bus.subscribe("letters", hear)
        with capture_logs() as logs:
            await asyncio.to_thread(nats_server.kill)
            await eventually(lambda: bus.not_ready() == "nats-server is away")
            await asyncio.sleep(2.5)  # some attempts, none of which may be told again
            await asyncio.to_thread(nats_server.restart)
            await eventually(lambda: bus.not_ready() is None)
        await bus.publish("letters", b"dear")
        async with asyncio.timeout(5):
            assert await heard.get() == b"dear"

    assert back == [True]
    assert [entry["event"] for entry in logs if entry["log_level"] == "info"] == ["nats-server is back"]
    assert len(logs) <= 5


async def test_a_connection_that_is_ended_for_good_stops_the_service(nats_server: NatsServer) -> None:
    """nats-py does not reconnect when the server ends the connection with an error; then the service stops and says so."""
    scope = Scope("sample")
    bus = await attach(scope, NatsSettings(url=nats_server.url))
    scope.mark_started()
    assert scope.not_ready() == {}

    # A protocol error, the simplest error for which nats-server ends a connection.
    bus.client._transport.write(b"NONSENSE\r\n")  # type: ignore[union-attr]
    await eventually(lambda: scope.stopping)
    assert await scope.close(5) == []
    with pytest.raises(BusUnavailable, match="ended the connection for good"):
        scope.raise_failure()
