"""An API server that knows pods alone and plays a recorded watch at a given pace, for more events than a real one has.

    python -m benchmarks.watch_source PORT OBJECTS

``POST /play?rate=N&seconds=S`` plays; the answer tells what was sent and when the last event left.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from aiohttp import web

BODY_BYTES = 4500
TICK_S = 0.01


def event(number: int, version: int) -> bytes:
    """One line of the watch, 4 to 5 KB, with managedFields as a real server sends them."""
    metadata = {
        "name": f"pod-{number}", "namespace": f"bench-{number % 50}", "uid": f"00000000-0000-0000-0000-{number:012d}",
        "resourceVersion": str(version), "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"app": f"app-{number % 97}"},
        "managedFields": [{"manager": "bench", "operation": "Update", "fieldsV1": {f"f:field-{each}": {} for each in range(30)}}],
    }  # fmt: skip
    env = [{"name": f"SETTING_{each}", "value": "v" * 60} for each in range(30)]
    spec = {"containers": [{"name": "main", "image": "registry.example.com/shop/main:1.0.0", "env": env}]}
    document = {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": {"phase": "Running"}}
    return b'{"type":"MODIFIED","object":' + json.dumps(document, separators=(",", ":")).encode() + b"}\n"


class Source:
    """The recorded events and whoever watches."""

    def __init__(self, objects: int) -> None:
        self._objects = objects
        self._version = 1000
        self._head, self._tail = zip(*(self._split(number) for number in range(objects)), strict=True)
        self._watches: list[web.StreamResponse] = []
        self._watched = asyncio.Event()

    @staticmethod
    def _split(number: int) -> tuple[bytes, bytes]:
        line = event(number, 77777777)
        at = line.index(b"77777777")
        return line[:at], line[at + 8 :]

    async def watch_or_list(self, request: web.Request) -> web.StreamResponse:
        """Answer an empty list, or keep a watch open."""
        if "watch" not in request.query:
            return web.json_response(
                {
                    "kind": "PodList",
                    "apiVersion": "v1",
                    "metadata": {"resourceVersion": str(self._version)},
                    "items": [],
                }
            )
        if "sendInitialEvents" in request.query:
            return web.json_response(
                {"kind": "Status", "code": 422, "reason": "Invalid", "message": "no streaming lists"}, status=422
            )
        answer = web.StreamResponse()
        answer.content_type = "application/json"
        await answer.prepare(request)
        self._watches.append(answer)
        self._watched.set()
        await asyncio.Event().wait()
        return answer

    async def play(self, request: web.Request) -> web.Response:
        """Send events at a pace, evenly, to the one watch."""
        await self._watched.wait()
        rate, seconds = float(request.query["rate"]), float(request.query["seconds"])
        watch = self._watches[-1]
        total = int(rate * seconds)
        began = time.perf_counter()
        sent = 0
        while sent < total:
            due = min(total, int((time.perf_counter() - began) * rate))
            lines = []
            for number in range(sent, due):
                self._version += 1
                at = number % self._objects
                lines.append(b"%b%d%b" % (self._head[at], self._version, self._tail[at]))
            if lines:
                await watch.write(b"".join(lines))
            sent = due
            await asyncio.sleep(TICK_S)
        took = time.perf_counter() - began
        return web.json_response(
            {"sent": sent, "seconds": took, "version": self._version, "name": f"pod-{(sent - 1) % self._objects}"}
        )


def application(objects: int) -> web.Application:
    """The little that a watcher asks for before it watches."""
    source = Source(objects)

    def fixed(document: Any) -> Any:
        async def answer(_: web.Request) -> web.Response:
            return web.json_response(document)

        return answer

    pods = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["list", "watch", "get"]}
    review = {
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "status": {"userInfo": {"username": "bench"}},
    }
    app = web.Application()
    app.add_routes([
        web.get("/version", fixed({"major": "1", "minor": "37", "gitVersion": "v1.37.1"})),
        web.get("/api", fixed({"kind": "APIVersions", "versions": ["v1"]})),
        web.get("/apis", fixed({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})),
        web.get("/api/v1", fixed({"kind": "APIResourceList", "groupVersion": "v1", "resources": [pods]})),
        web.get("/api/v1/namespaces/kube-system", fixed({"kind": "Namespace", "metadata": {"uid": "bench", "resourceVersion": "1"}})),
        web.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", fixed(review)),
        web.get("/api/v1/pods", source.watch_or_list),
        web.post("/play", source.play),
    ])  # fmt: skip
    return app


if __name__ == "__main__":
    web.run_app(application(int(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), print=None)
