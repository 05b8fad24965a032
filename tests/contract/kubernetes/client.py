"""A plain HTTP client for the contract suite: nothing of ours between the test and the server."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import aiohttp

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

WAIT_S = 15.0
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@dataclass(frozen=True)
class Answer:
    """Status, headers and decoded body."""

    code: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The decoded document."""
        return json.loads(self.text)

    @property
    def failure(self) -> tuple[int, str, str]:
        """Code, reason and message of a Status."""
        document = self.json
        assert document["kind"] == "Status", document
        assert document["status"] == "Failure"
        assert document["code"] == self.code
        return self.code, document.get("reason", ""), document["message"]


class Watch:
    """The events of one watch."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self._buffer = b""

    async def next(self) -> dict[str, Any] | None:
        """The next event, None when the stream has ended."""
        async with asyncio.timeout(WAIT_S):
            while b"\n" not in self._buffer:
                chunk = await self.response.content.readany()
                if not chunk:
                    return None
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        event: dict[str, Any] = json.loads(line)
        return event

    async def take(self, count: int) -> list[tuple[str, str]]:
        """Type and name of the next events, bookmarks left out."""
        found: list[tuple[str, str]] = []
        while len(found) < count:
            event = await self.next()
            assert event is not None, f"the watch ended after {found}"
            if event["type"] != "BOOKMARK":
                found.append((event["type"], event["object"]["metadata"].get("name", "")))
        return found

    async def until(self, kind: str) -> dict[str, Any]:
        """The next event of a type."""
        while (event := await self.next()) is not None:
            if event["type"] == kind:
                return event
        raise AssertionError(f"the watch ended without {kind}")

    async def rest(self) -> list[dict[str, Any]]:
        """All events until the stream ends."""
        events: list[dict[str, Any]] = []
        while (event := await self.next()) is not None:
            events.append(event)
        return events


class Api:
    """Requests as admin; `namespace` is the test's own and is deleted at the end."""

    def __init__(self, server: str, context: ssl.SSLContext, token: str, compact: Callable[[], object]) -> None:
        self.server = server
        self.context = context
        self.namespace = f"contract-{secrets.token_hex(4)}"
        self._token = token
        self._compact = compact
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(ssl=self.context)
        self._session = aiohttp.ClientSession(self.server, connector=connector)
        answer = await self.post("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        assert answer.code == 201, answer.text
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.delete(f"/api/v1/namespaces/{self.namespace}")
        assert self._session is not None
        await self._session.close()

    async def compact(self) -> None:
        """Make every version so far too old."""
        await asyncio.to_thread(self._compact)

    def core(self, plural: str, name: str = "") -> str:
        """A path in the core group and the test's namespace."""
        return f"/api/v1/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def group(self, group_version: str, plural: str, name: str = "") -> str:
        """A path in a named group and the test's namespace."""
        return f"/apis/{group_version}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    async def request(
        self, method: str, path: str, body: Any = None, *, params: Any = None, redirects: bool = True, **headers: str
    ) -> Answer:
        """One request; header names with underscores."""
        assert self._session is not None
        sent = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if value}
        encoded = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        data = io.BytesIO(encoded) if encoded else None
        timeout = aiohttp.ClientTimeout(total=WAIT_S)
        async with self._session.request(
            method, path, data=data, params=params, headers=sent, timeout=timeout, allow_redirects=redirects
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, *, accept: str = "", **params: Any) -> Answer:
        """GET with query parameters."""
        return await self.request("GET", path, params=params, Accept=accept)

    async def post(self, path: str, body: Any, **params: Any) -> Answer:
        """POST."""
        return await self.request("POST", path, body, params=params)

    async def put(self, path: str, body: Any, **params: Any) -> Answer:
        """PUT."""
        return await self.request("PUT", path, body, params=params)

    async def patch(self, path: str, body: Any, content_type: str = MERGE, **params: Any) -> Answer:
        """PATCH."""
        return await self.request("PATCH", path, body, params=params, Content_Type=content_type)

    async def delete(self, path: str, body: Any = None, **params: Any) -> Answer:
        """DELETE."""
        return await self.request("DELETE", path, body, params=params)

    async def config_map(self, name: str, labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
        """Create a ConfigMap and return it."""
        answer = await self.post(self.core("configmaps"), config_map(name, labels, **data))
        assert answer.code == 201, answer.text
        document: dict[str, Any] = answer.json
        return document

    async def version(self) -> str:
        """The cluster's present version, from a consistent list."""
        answer = await self.get(self.core("secrets"), limit=1)
        version: str = answer.json["metadata"]["resourceVersion"]
        return version

    @asynccontextmanager
    async def watch(self, path: str, *, accept: str = "", **params: Any) -> AsyncIterator[Watch]:
        """A watch (`watch=1` is added)."""
        assert self._session is not None
        headers = {"Authorization": f"Bearer {self._token}"} | ({"Accept": accept} if accept else {})
        params = {"watch": "1", "timeoutSeconds": "30", **params}
        async with self._session.get(path, params=params, headers=headers) as response:
            try:
                yield Watch(response)
            finally:
                if response.connection is not None and response.connection.transport is not None:
                    response.connection.transport.abort()  # aiohttp would end it in its own time, after the session

    async def eventually_gone(self, path: str) -> None:
        """Wait until a path answers 404."""
        async with asyncio.timeout(WAIT_S):
            while (await self.get(path)).code != 404:  # noqa: ASYNC110 - the server signals nothing, it is polled
                await asyncio.sleep(0.05)

    async def eventually(self, path: str, holds: Callable[[Any], object]) -> Any:
        """Wait until the document at a path satisfies a condition, and return it."""
        async with asyncio.timeout(WAIT_S):
            while True:
                answer = await self.get(path)
                if answer.code == 200 and holds(answer.json):
                    return answer.json
                await asyncio.sleep(0.05)


def config_map(name: str, labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    """A ConfigMap manifest."""
    metadata: dict[str, Any] = {"name": name} | ({"labels": labels} if labels else {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def deployment(name: str, replicas: int = 1, image: str = "example/web:1") -> dict[str, Any]:
    """A Deployment manifest."""
    labels = {"app": name}
    container = {"name": "web", "image": image}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
