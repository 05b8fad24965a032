"""A node that runs nothing and answers as one: pods start and end, and the API server reads their logs from it.

The API server, its controllers and its connection to the node are real; what is played is the kubelet: it binds pods,
says that they run (those that are not restarted: that they succeeded), lets them go when they are deleted, and serves
``/containerLogs``. The API server does not check a kubelet's certificate unless told to (``--kubelet-certificate-authority``).
"""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
from tests.support.kubernetes_api import ApiRefusal, JsonObject, KubernetesApi

NODE = "quay"
LOG_LINES = 40
FOLLOWED_LINES = 10
"""Lines that come after `LOG_LINES` while a log is followed; then the container has ended."""
_FOLLOWED_EVERY_S = 0.05
_ROUND_S = 0.1
_LEASE_EVERY_S = 10.0
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_PASSING = (HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
"""Refusals of a server that starts, or of a request whose like went through before: the next round sees."""
_STATUS_PATCH = "application/strategic-merge-patch+json"


def log_line(container: str, number: int, *, previous: bool = False) -> str:
    """A line of every pod's log."""
    return f"{'before: ' if previous else ''}line {number} of {container}\n"


class PlayedNode:
    """One node of a cluster; plays for the pods of the namespaces whose names begin with one of its prefixes."""

    def __init__(self, api: KubernetesApi, certificate: Path, key: Path, prefixes: tuple[str, ...]) -> None:
        self._api = api
        self._prefixes = prefixes
        self._over = threading.Event()
        self.failures: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _LogDoor)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._threads = [
            threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True),
            threading.Thread(target=self._play, daemon=True),
        ]

    def start(self) -> None:
        """Join the cluster and play."""
        port = self._server.server_address[1]
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "conditions": [{"type": "Ready", "status": "True", "reason": "Played", "message": "it answers"}],
            "capacity": {"pods": "1000", "cpu": "64", "memory": "256Gi"},
        }
        with contextlib.suppress(ApiRefusal):
            self._api.call("DELETE", f"/api/v1/nodes/{NODE}")
        self._api.call("POST", "/api/v1/nodes", {"metadata": {"name": NODE}})
        self._api.call("PATCH", f"/api/v1/nodes/{NODE}/status", {"status": status}, content=_STATUS_PATCH)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Leave the cluster."""
        self._over.set()
        self._server.shutdown()
        for thread in self._threads:
            thread.join(10)
        self._server.server_close()
        self._api.call("DELETE", f"/api/v1/nodes/{NODE}")

    def _play(self) -> None:
        renewed = -_LEASE_EVERY_S
        while not self._over.wait(_ROUND_S):
            try:
                if time.monotonic() - renewed >= _LEASE_EVERY_S:
                    self._renew_lease()
                    renewed = time.monotonic()
                for pod in self._api.call("GET", "/api/v1/pods?resourceVersion=0")["items"]:
                    if pod["metadata"]["namespace"].startswith(self._prefixes):
                        self._play_for(pod)
            except httpx.TransportError:
                continue  # the API server is away: a test restarts it
            except ApiRefusal as refusal:
                if refusal.status not in _PASSING:
                    self.failures.append(str(refusal))

    def _renew_lease(self) -> None:
        spec = {"holderIdentity": NODE, "renewTime": _now(), "leaseDurationSeconds": 40}
        try:
            self._api.call("PATCH", f"{_LEASES}/{NODE}", {"spec": spec}, content="application/merge-patch+json")
        except ApiRefusal as refusal:
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise
            self._api.call("POST", _LEASES, {"metadata": {"name": NODE}, "spec": spec})

    def _play_for(self, pod: JsonObject) -> None:
        metadata, spec = pod["metadata"], pod["spec"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        with contextlib.suppress(ApiRefusal):  # it changed meanwhile: the next round sees it
            if "deletionTimestamp" in metadata:
                options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
                self._api.call("DELETE", path, options)
            elif pod["status"]["phase"] == "Pending" and spec.get("nodeName", NODE) == NODE:
                target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
                if "nodeName" not in spec:
                    binding = {"metadata": {"name": metadata["name"]}, "target": target}
                    self._api.call("POST", f"{path}/binding", binding)
                patch = {"metadata": {"uid": metadata["uid"]}, "status": _status(spec)}
                self._api.call("PATCH", f"{path}/status", patch, content=_STATUS_PATCH)


def _status(spec: JsonObject) -> JsonObject:
    """What a kubelet says of a pod that started, or that ran to its end."""
    ended = spec["restartPolicy"] != "Always"
    running = {"running": {"startedAt": _now()}}
    state = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": _now(), "finishedAt": _now()}}
    containers = [
        {
            "name": each["name"],
            "image": each["image"],
            "imageID": "",
            "containerID": f"played://{each['name']}",
            "ready": not ended,
            "started": not ended,
            "restartCount": 0,
            "state": state if ended else running,
        }
        for each in spec["containers"]
    ]
    ready = {"status": "False" if ended else "True", **({"reason": "PodCompleted"} if ended else {})}
    return {
        "phase": "Succeeded" if ended else "Running",
        "conditions": [
            {"type": "Initialized", "status": "True"},
            {"type": "Ready", **ready},
            {"type": "ContainersReady", **ready},
        ],
        "podIP": "10.0.0.1",
        "startTime": _now(),
        "containerStatuses": containers,
    }


class _LogDoor(BaseHTTPRequestHandler):
    """``/containerLogs/<namespace>/<pod>/<container>?follow=&tailLines=&previous=``, as a kubelet serves it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Serve a log."""
        address = urlsplit(self.path)
        container = address.path.rpartition("/")[2]
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(OSError):  # the reader went away
            for line in _log(container, query):
                data = line.encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _log(container: str, query: dict[str, str]) -> Iterator[str]:
    previous = query.get("previous") == "true"
    first = max(0, LOG_LINES - int(query.get("tailLines", LOG_LINES)))
    yield from (log_line(container, number, previous=previous) for number in range(first, LOG_LINES))
    if query.get("follow") == "true":
        for number in range(LOG_LINES, LOG_LINES + FOLLOWED_LINES):
            time.sleep(_FOLLOWED_EVERY_S)
            yield log_line(container, number)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
