"""A plain, synchronous client of a Kubernetes API server, for what tests do to a cluster and ask of it."""

from __future__ import annotations

import base64
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

JsonObject = dict[str, Any]

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_REQUEST_TIMEOUT_S = 20.0


class ApiRefusal(Exception):
    """The API server answered with an error status."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"HTTP {status} {reason}")
        self.status = status


@dataclass(frozen=True)
class Place:
    """Where objects of a kind are, as paths spell it."""

    api_version: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "") -> str:
        """Path of a collection or of an object."""
        root = "/apis" if "/" in self.api_version else "/api"
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{root}/{self.api_version}{scope}/{self.plural}" + (f"/{name}" if name else "")


class KubernetesApi:
    """One API server under one context of a kubeconfig that holds a token; usable from several threads."""

    def __init__(self, kubeconfig: Path, context: str = "") -> None:
        document = json.loads(kubeconfig.read_text(encoding="utf-8"))
        chosen = context or document["current-context"]
        here = next(each["context"] for each in document["contexts"] if each["name"] == chosen)
        cluster = next(each["cluster"] for each in document["clusters"] if each["name"] == here["cluster"])
        user = next(each["user"] for each in document["users"] if each["name"] == here["user"])
        self.server: str = cluster["server"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._client = httpx.Client(
            base_url=self.server,
            headers={"Authorization": f"Bearer {user['token']}"},
            verify=ssl.create_default_context(cadata=authority),
            timeout=_REQUEST_TIMEOUT_S,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, method: str, path: str, body: Any = None, *, content: str = JSON, accept: str = JSON) -> JsonObject:
        """Make one request; ApiRefusal for an error status, httpx.TransportError when no answer came."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": accept} | ({} if data is None else {"Content-Type": content})
        answer = self._client.request(method, path, content=data, headers=headers)
        if not answer.is_success:
            raise ApiRefusal(answer.status_code, _reason(answer))
        document: JsonObject = answer.json()
        return document

    def create(self, place: Place, manifest: JsonObject) -> JsonObject:
        """Create an object."""
        return self.call("POST", place.path(manifest["metadata"].get("namespace", "")), manifest)

    def merge(self, place: Place, namespace: str, name: str, patch: JsonObject) -> JsonObject:
        """Merge-patch an object."""
        return self.call("PATCH", place.path(namespace, name), patch, content=MERGE_PATCH)

    def delete(self, place: Place, namespace: str, name: str) -> JsonObject:
        """Delete an object; its dependents follow in the background."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "gracePeriodSeconds": 0,
        }
        return self.call("DELETE", place.path(namespace, name), options)

    def get(self, place: Place, namespace: str, name: str) -> JsonObject | None:
        """Read an object; None when there is none."""
        try:
            return self.call("GET", place.path(namespace, name))
        except ApiRefusal as refusal:
            if refusal.status != 404:
                raise
            return None

    def list(self, place: Place, namespace: str = "", *, metadata_only: bool = False) -> list[JsonObject]:
        """List objects, the newest state."""
        accept = METADATA_LIST if metadata_only else JSON
        items: list[JsonObject] | None = self.call("GET", place.path(namespace), accept=accept)["items"]
        return items or []  # a PartialObjectMetadataList without items says null


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("message", ""))[:300]
    except ValueError:
        return ""
