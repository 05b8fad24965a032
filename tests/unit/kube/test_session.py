"""One session: what is sent, what is sent again, and what comes back."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.scripted_api import Reply, ScriptedApi, failure, kubeconfig_of, reply

from fairlead.kube import credentials as credentials_module
from fairlead.kube.credentials import from_kubeconfig
from fairlead.kube.errors import ApiError, NotFound, ProtocolError, Unauthorized, Unreachable
from fairlead.kube.session import USER_AGENT, KubeSession, Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

POD = "/api/v1/namespaces/shop/pods/web"


async def test_a_request_carries_who_we_are_and_what_was_asked(api: ScriptedApi, session: KubeSession) -> None:
    """Token, User-Agent, query, body; a body is JSON unless told otherwise, and no compression is asked for."""
    api.on(POD, reply({"ok": True}, 201, Audit_ID="a-1"))

    answer = await session.request("PUT", POD, params={"dryRun": "All", "fieldManager": "a b"}, body=b"{}")
    await session.request("PATCH", POD, headers={"content-type": "application/merge-patch+json"}, body=b"{}")

    assert (answer.status, answer.headers["audit-id"], answer.body) == (201, "a-1", b'{"ok":true}')
    first, second = api.seen
    assert (first.method, first.path, first.body) == ("PUT", f"{POD}?dryRun=All&fieldManager=a+b", b"{}")
    assert first.headers["Authorization"] == "Bearer sesame"
    assert first.headers["User-Agent"] == USER_AGENT
    assert first.headers["Content-Type"] == first.headers["Accept"] == "application/json"
    assert first.headers["Accept-Encoding"] == "identity"
    assert second.headers["Content-Type"] == "application/merge-patch+json"


async def test_a_large_body_arrives_whole(api: ScriptedApi, session: KubeSession) -> None:
    """Bodies up to the API server's limit are sent with their length and without a warning."""
    api.on("/large", reply({}))
    body = b"x" * 3_000_000
    await session.request("PUT", "/large", body=body)

    assert api.seen[-1].body == body
    assert api.seen[-1].headers["Content-Length"] == str(len(body))


async def test_a_path_is_sent_as_it_is(api: ScriptedApi) -> None:
    """Below the server's own path, escapes untouched."""
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode%2Fx"
    credentials = await from_kubeconfig(kubeconfig_of(api.url + "/k8s/clusters/c-1/"), no_proxy=True)
    async with KubeSession(credentials) as session:
        await session.request("GET", path + "?a=%2F", raw=True)

    assert api.seen[0].path == f"/k8s/clusters/c-1{path}?a=%2F"


async def test_failures_are_raised_by_meaning_unless_raw(api: ScriptedApi, session: KubeSession) -> None:
    """Raw is for the tunnel: any answer is the caller's answer."""
    api.on(POD, failure(404, "NotFound", 'pods "web" not found'))

    with pytest.raises(NotFound, match='pods "web" not found'):
        await session.request("GET", POD)
    assert (await session.request("GET", POD, raw=True)).status == 404


async def test_a_redirect_is_not_followed(api: ScriptedApi, session: KubeSession) -> None:
    """Credentials go nowhere else."""
    api.on(POD, Reply(307, {"Location": "/elsewhere"}))

    with pytest.raises(ApiError) as refused:
        await session.request("GET", POD)
    assert refused.value.code == 307
    assert len(api.seen) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH"])
async def test_a_write_is_sent_once(api: ScriptedApi, session: KubeSession, method: str) -> None:
    """A connection that breaks leaves the outcome open, and that is what the caller is told."""
    api.on(POD, Reply(ending="cut"), reply({}))

    with pytest.raises(Unreachable) as failed:
        await session.request(method, POD, body=b"{}")
    assert failed.value.maybe_sent
    assert len(api.seen) == 1


async def test_a_get_on_a_closed_connection_is_sent_again_once(api: ScriptedApi, session: KubeSession) -> None:
    """A server may close a kept connection at any moment; a second break is told."""
    api.on(POD, Reply(ending="cut"), reply({"ok": True}), Reply(ending="cut"))

    assert (await session.request("GET", POD)).body == b'{"ok":true}'
    with pytest.raises(Unreachable):
        await session.request("GET", POD)
    assert len(api.seen) == 4


async def test_an_answer_over_the_limit_is_an_error(api: ScriptedApi) -> None:
    """Memory stays bounded."""
    api.on(POD, Reply(chunks=(b"x" * 600, b"x" * 600)))
    credentials = await from_kubeconfig(kubeconfig_of(api.url), no_proxy=True)

    async with KubeSession(credentials, limits=Limits(answer_limit_bytes=1000)) as session:
        with pytest.raises(ProtocolError, match="longer than 1000 bytes"):
            await session.request("GET", POD)


async def test_compression_is_asked_for_only_when_wanted(api: ScriptedApi) -> None:
    """The body comes back unpacked."""
    api.on(POD, Reply(headers={"Content-Encoding": "gzip"}, chunks=(gzip.compress(b"{}"),)))
    credentials = await from_kubeconfig(kubeconfig_of(api.url), no_proxy=True)

    async with KubeSession(credentials, compressed=True) as session:
        assert (await session.request("GET", POD)).body == b"{}"
    assert api.seen[0].headers["Accept-Encoding"] == "gzip"


async def test_a_renewed_token_is_tried_after_a_401(
    api: ScriptedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Authentication comes before everything else, so even a write may be sent again; an unchanged token is not."""
    monkeypatch.setattr(credentials_module, "RELOAD_PAUSE_S", 0.0)
    (tmp_path / "token").write_text("old")
    kubeconfig = kubeconfig_of(api.url, user=f"{{tokenFile: {tmp_path / 'token'}}}")
    api.on(POD, failure(401, "Unauthorized"), reply({}), failure(401, "Unauthorized"))

    async with KubeSession(await from_kubeconfig(kubeconfig, no_proxy=True)) as session:
        (tmp_path / "token").write_text("new")
        assert (await session.request("PUT", POD, body=b"{}")).status == 200
        with pytest.raises(Unauthorized):
            await session.request("PUT", POD, body=b"{}")

    assert [seen.headers["Authorization"] for seen in api.seen] == ["Bearer old", "Bearer new", "Bearer new"]


async def test_a_stream_gives_chunks_as_they_come(api: ScriptedApi, session: KubeSession) -> None:
    """Nothing waits for the end of the answer, and leaving early is fine."""
    api.on(POD, Reply(chunks=(b"one\n",), ending="silence"))

    async with aclosing(session.stream(POD)) as chunks:
        assert await anext(chunks) == b"one\n"
    with pytest.raises(NotFound):
        await anext(session.stream("/nowhere"))


async def test_each_exchange_is_counted(api: ScriptedApi) -> None:
    """Verb, code, time; code 0 when no answer came."""
    told: list[tuple[str, int]] = []
    api.on(POD, reply({}), Reply(ending="cut"))
    credentials = await from_kubeconfig(kubeconfig_of(api.url), no_proxy=True)

    def count(verb: str, code: int, seconds: float) -> None:
        assert seconds >= 0
        told.append((verb, code))

    async with KubeSession(credentials, on_request=count) as session:
        await session.request("GET", POD)
        with pytest.raises(Unreachable):
            await session.request("PUT", POD)

    assert told == [("get", 200), ("update", 0)]


async def test_a_closed_session_sends_nothing(api: ScriptedApi) -> None:
    """Using it outside its ``async with`` is a mistake in the program."""
    session = KubeSession(await from_kubeconfig(kubeconfig_of(api.url), no_proxy=True))

    with pytest.raises(RuntimeError):
        await session.request("GET", POD)


async def read(body: AsyncIterator[bytes]) -> bytes:
    """Read a body."""
    return b"".join([piece async for piece in body])


def passed_on(session: KubeSession, method: str = "GET", target: str = POD, **more: Any) -> Any:
    """An exchange."""
    return session.exchange(
        method, target, **{"headers": (), "body": None, "answer_within_s": 5.0, "idle_s": None, **more}
    )


async def test_an_exchange_is_passed_on_as_it_is(api: ScriptedApi, session: KubeSession) -> None:
    """Headers in their order, nothing added but who we are, nothing unpacked, no status raised."""
    packed = gzip.compress(b"{}")
    api.on("/a//b", Reply(418, {"Content-Encoding": "gzip", "X-Text": "caf\u00e9"}, (packed,)))
    headers = [("X-Two", "1"), ("x-two", "2"), ("Accept-Encoding", "gzip"), ("X-Text", "caf\u00e9")]
    async with passed_on(session, target="/a//b?x=%2F&y=", headers=headers) as answer:
        assert (answer.status, await read(answer.body)) == (418, packed)
        assert dict(answer.headers)["X-Text"].encode("latin-1").decode() == "caf\u00e9"

    (seen,) = api.seen
    assert seen.path == "/a//b?x=%2F&y="
    assert seen.headers.getall("X-Two") == ["1", "2"]  # type: ignore[attr-defined]
    assert seen.headers["X-Text"] == "caf\u00e9"
    assert seen.headers["Authorization"] == "Bearer sesame"
    assert "Accept" not in seen.headers
    assert "Content-Type" not in seen.headers


async def test_a_redirect_is_an_answer(api: ScriptedApi, session: KubeSession) -> None:
    """Credentials go nowhere else."""
    api.on(POD, Reply(302, {"Location": "http://elsewhere.example/"}))
    async with passed_on(session) as answer:
        assert answer.status == 302


async def test_an_exchange_has_its_time(api: ScriptedApi, session: KubeSession) -> None:
    """For its answer to begin, and between the bytes of it; either way it may have taken effect."""
    api.on(POD, Reply(chunks=(b"half",), ending="silence"))
    async with passed_on(session, idle_s=1.0) as answer:
        assert await anext(answer.body) == b"half"
        with pytest.raises(Unreachable, match="in time") as caught:
            await anext(answer.body)
        assert caught.value.maybe_sent
    with pytest.raises(Unreachable, match="in time") as caught:
        async with passed_on(session, "POST", "/held", answer_within_s=1.0, body=_endless()):
            pass
    assert caught.value.maybe_sent


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x"
        await asyncio.sleep(0.01)


async def _once() -> AsyncIterator[bytes]:
    yield b"once"


async def test_a_streamed_body_is_sent_once(api: ScriptedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that were refused are renewed for the next request; this one is told as not sent."""
    monkeypatch.setattr(credentials_module, "RELOAD_PAUSE_S", 0.0)
    token = tmp_path / "token"
    token.write_text("old")
    api.on(POD, failure(401, "Unauthorized"), reply({}))
    credentials = await from_kubeconfig(kubeconfig_of(api.url, f"{{tokenFile: {token}}}"), no_proxy=True)
    async with KubeSession(credentials) as session:
        token.write_text("new")
        with pytest.raises(Unreachable, match="other credentials") as caught:
            async with passed_on(session, "POST", body=_once()):
                pass
        assert not caught.value.maybe_sent
        async with passed_on(session, "POST", body=_once()) as answer:
            assert answer.status == 200

    assert [(seen.headers["Authorization"], seen.body) for seen in api.seen] == [
        ("Bearer old", b"once"), ("Bearer new", b"once"),
    ]  # fmt: skip
