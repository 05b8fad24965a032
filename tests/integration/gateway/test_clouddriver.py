"""The client of Clouddriver's account API, against its fake, over TLS, and against what is no Clouddriver."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from tests.support.clouddriver_accounts import ClouddriverAccounts, clouddriver_accounts, foreign
from tests.support.gateway import Authorities

from fairlead.cli.parts.ports import free_port
from fairlead.gateway.adapters import clouddriver
from fairlead.gateway.adapters.clouddriver import Service
from fairlead.gateway.core.registration.definition import Roles, Template, define
from fairlead.gateway.errors import ClouddriverFailed, ClouddriverRefused, ClouddriverUnreachable
from fairlead.gateway.service import build
from fairlead.gateway.settings import Settings
from fairlead.runtime.errors import ConfigurationError

TEMPLATE = Template("https://fairlead:8443", token_file="/tokens/{account}")


@pytest.fixture
async def fake() -> AsyncIterator[ClouddriverAccounts]:
    """A Clouddriver without accounts."""
    async with clouddriver_accounts() as listening:
        yield listening


@asynccontextmanager
async def serving(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """A server that answers everything in one way."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    yield f"{'https' if context else 'http'}://127.0.0.1:{port}"
    await runner.cleanup()


async def test_pages_are_read_to_the_end(fake: ClouddriverAccounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where Fiat leaves accounts out of them, so that pages are short while more follows."""
    monkeypatch.setattr(clouddriver, "PAGE", 3)
    names = [f"a-{number:02}" for number in range(11)]
    fake.store.update({name: foreign(name) for name in names})
    fake.hidden = frozenset({"a-01", "a-05", "a-07"})
    async with clouddriver.opened(Service(fake.url)) as client:
        assert set(await client.definitions(names)) == set(names) - fake.hidden
        assert set(await client.definitions(["a-10", "b"])) == {"a-10"}
        fake.store.clear()
        assert await client.definitions(names) == {}


async def test_put_read_delete(fake: ClouddriverAccounts) -> None:
    """Names with any character; what is not there is not there."""
    async with clouddriver.opened(Service(fake.url, user="ann")) as client:
        for name in ("shop", "a b+c%2F?d#é"):
            assert not await client.loaded(name)
            await client.put(define(TEMPLATE, name, Roles()))
            assert await client.loaded(name)
            assert await client.delete(name)
            assert not await client.delete(name)
    assert {user for _, _, user in fake.requests} == {"ann"}


async def test_who_may_not_is_told(fake: ClouddriverAccounts) -> None:
    """With Fiat the user counts."""
    fake.manager = "boss"
    async with clouddriver.opened(Service(fake.url, user="ann")) as client:
        with pytest.raises(ClouddriverRefused, match=r"gateway\.clouddriver\.user"):
            await client.put(define(TEMPLATE, "shop", Roles()))


async def test_tls_is_checked(authorities: Authorities) -> None:
    """Against the authority that the settings name, and nothing else; a file that is no certificate is a fault at the start."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    directory = authorities.directory
    context.load_cert_chain(directory / "gateway.crt", directory / "gateway.key")

    async def nothing(_: web.Request) -> web.Response:
        return web.json_response([])

    async with serving(nothing, context) as url:
        async with clouddriver.opened(Service(url, ca_file=directory / "ca.crt")) as client:
            assert await client.definitions(["a"]) == {}
        async with clouddriver.opened(Service(url)) as client:
            with pytest.raises(ClouddriverUnreachable):
                await client.definitions(["a"])
    for wrong in (directory / "gateway.key", Path("/nowhere")):
        with pytest.raises(ConfigurationError):
            async with clouddriver.opened(Service("https://x", ca_file=wrong)):
                pass


async def test_what_is_no_clouddriver() -> None:
    """Pages, redirects, endless answers and silence end with an error, in time."""
    ended = asyncio.Event()
    answers = iter([
        web.Response(text="<html>login</html>"),
        web.Response(status=302, headers={"Location": "https://login.example.com"}),
        web.Response(status=502, text="bad gateway"),
    ])  # fmt: skip

    async def strange(_: web.Request) -> web.StreamResponse:
        answer = next(answers, None)
        if answer is None:
            await ended.wait()
        return answer or web.Response()

    async with (
        serving(strange) as url,
        clouddriver.opened(Service(url)) as client,
        clouddriver.opened(Service(url, timeout_s=0.3)) as hasty,
    ):
        with pytest.raises(ClouddriverFailed, match="is it Clouddriver"):
            await client.definitions(["a"])
        with pytest.raises(ClouddriverRefused, match="302"):
            await client.put(define(TEMPLATE, "shop", Roles()))
        with pytest.raises(ClouddriverFailed, match="502"):
            await client.loaded("a")
        with pytest.raises(ClouddriverUnreachable, match="in time"):
            await hasty.loaded("a")
        ended.set()


async def test_settings_are_checked_at_the_start(tmp_path: Path) -> None:
    """Kubeconfigs need the facade's address; a certificate needs its key."""
    chosen = {"url": "http://cd", "tls": {"certFile": "/x"}}
    with pytest.raises(ConfigurationError) as refused:
        build(Settings.model_validate({"gateway": {"clouddriver": chosen, "keyFile": str(tmp_path / "key")}}))
    told = "; ".join(refused.value.problems)
    assert "gateway.facade.url" in told
    assert "gateway.clouddriver.tls" in told
