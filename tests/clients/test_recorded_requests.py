"""Every request that Clouddriver's kubectl was seen to make is answered as the API server itself answers it."""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.clients.conftest import Namespaces
from tests.e2e.conftest import ACCOUNT, Facade
from tests.support import workloads
from tests.support.kubernetes_api import KubernetesApi
from tests.support.two_ways import JsonObject, Way, first_difference, object_of

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(180)]

RECORDED = Path(__file__).parent.parent / "fixtures" / "clouddriver" / "http_requests.tsv"
KINDS = {place.plural: kind for kind, place in workloads.PLACES.items()}
NAMED = re.compile(r"/namespaces/NS/(\w+)/([\w-]+)")
COMPARED_HEADERS = ("content-type", "warning")
OUTDATED = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
"""Aggregated discovery in its beta form alone (kubectl 1.27): newer API servers do not know it, the gateway does."""
SETTLED_WITHIN_S = 8.0
PATCHES: dict[str, Any] = {
    "application/json-patch+json": [{"op": "add", "path": "/metadata/annotations", "value": {"by": "json"}}],
    "application/merge-patch+json": {"metadata": {"labels": {"by": "merge"}}},
    "application/strategic-merge-patch+json": {"metadata": {"labels": {"by": "strategic"}}},
}
REVISION = "deployment.kubernetes.io/revision"
"""Its controller writes it, and puts it back a moment after a patch took it away."""
ORDER = {"POST": 0, "PUT": 1, "PATCH": 2, "GET": 3, "DELETE": 4}


@dataclass(frozen=True)
class Recorded:
    """One distinct request; ``NS`` stands for a namespace."""

    method: str
    path: str
    command: str
    accept: str
    content_type: str

    def __str__(self) -> str:
        return f"{self.method} {self.path} by {self.command}"

    @property
    def kind(self) -> str:
        """The kind that the path names by its plural."""
        path = self.path.partition("?")[0].removesuffix("/scale")
        plural = path.rsplit("/", 2 if NAMED.search(path) else 1)[-2 if NAMED.search(path) else -1]
        return KINDS[plural]

    @property
    def name(self) -> str:
        """The object that the path names; for a creation, one of its own."""
        found = NAMED.search(self.path)
        command = self.command.removeprefix("kubectl ").replace(" ", "-")
        return found[2] if found else f"made-by-{command}"

    def body(self, namespace: str) -> bytes | None:
        """What kubectl would have sent."""
        match self.method:
            case "POST" | "PUT":
                return self._manifest(namespace)
            case "DELETE":
                return json.dumps({"propagationPolicy": "Background"}).encode()
            case "PATCH" if self.path.endswith("/scale"):
                return json.dumps({"spec": {"replicas": 3}}).encode()
            case "PATCH" if self.content_type == "application/apply-patch+yaml":
                return self._manifest(namespace)
            case "PATCH":
                return json.dumps(PATCHES[self.content_type]).encode()
        return None

    def _manifest(self, namespace: str) -> bytes:
        if self.kind == "Namespace":
            return json.dumps(workloads.namespace(f"{namespace}-more")).encode()
        return json.dumps(manifest(self.kind, self.name, namespace)).encode()


def manifest(kind: str, name: str, namespace: str) -> JsonObject:
    """An object; a Secret without its plain-text field, which is no field of what is stored."""
    made = workloads.manifest(kind, name, namespace)
    made.pop("stringData", None)
    return made


def recorded() -> list[Recorded]:
    """The recording, writes before reads and deletions last."""
    rows = []
    for line in RECORDED.read_text(encoding="utf-8").splitlines():
        request, path, command, accept, content_type = line.strip().split("\t")
        rows.append(Recorded(request.split()[1], path, command, accept, content_type))
    return sorted(rows, key=lambda row: ORDER[row.method])


@dataclass(frozen=True)
class Door:
    """An API server, or what stands for one."""

    client: httpx.Client
    way: Way

    def answer(self, asked: Recorded) -> httpx.Response:
        """Send a recorded request."""
        headers = {"Accept": asked.accept, "Kubectl-Command": asked.command, "Accept-Encoding": "gzip"}
        if asked.content_type != "-":
            headers["Content-Type"] = asked.content_type
        path = asked.path.replace("/NS", f"/{self.way.namespace}")
        if "hash=.." in path:
            path = path.replace("hash=..", self._hash(path.partition("?")[0].removeprefix("/openapi/v3/")))
        return self.client.request(asked.method, path, headers=headers, content=asked.body(self.way.namespace))

    def _hash(self, document: str) -> str:
        """The hash of a schema, which the recording left out, as the index names it now."""
        index = self.client.get("/openapi/v3").json()["paths"]
        return str(index[document]["serverRelativeURL"]).partition("?")[2]


@pytest.fixture(scope="module")
def doors(facade: Facade, administrator: KubernetesApi, namespaces: Namespaces) -> Iterator[tuple[Door, Door]]:
    """Through the gateway and past it, each with a namespace that has what the recorded paths name."""
    plane, stack = facade.control_plane, facade.stack
    entrances = [
        (stack.facade(ACCOUNT), stack.files.facade_token.read_text().strip(), stack.files.ca),
        (plane.server, plane.admin_token, plane.ca_file),
    ]
    opened = []
    for base, token, authority in entrances:
        namespace = namespaces()
        namespaces.made.append(f"{namespace}-more")
        for name in ("demo", "rec", "ssa"):
            administrator.create(workloads.PLACES["Deployment"], manifest("Deployment", name, namespace))
        for kind, name in (("Service", "svc"), ("ReplicaSet", "rsx-v000"), ("Secret", "sec-v000"), ("ConfigMap", "rep"),
                           ("ConfigMap", "demo-cm-v001"), ("Pod", "rsx-v000-466sj"), ("Job", "jobn")):  # fmt: skip
            administrator.create(workloads.PLACES[kind], manifest(kind, name, namespace))
        client = httpx.Client(
            base_url=base,
            headers={"Authorization": f"Bearer {token}"},
            verify=ssl.create_default_context(cafile=authority),
            trust_env=False,
            timeout=30,
        )
        opened.append(Door(client, Way(facade.kubectl(direct=True), namespace)))
    yield opened[0], opened[1]
    for door in opened:
        door.client.close()


def difference(asked: Recorded, through: Door, past: Door) -> str | None:
    """How the two answers differ; None when they do not."""
    here, there = through.answer(asked), past.answer(asked)
    if asked.accept == OUTDATED:
        return None if OUTDATED.startswith(here.headers["content-type"]) else f"{asked}: another form"
    if here.status_code != there.status_code:
        return f"{asked}: HTTP {here.status_code} instead of {there.status_code}: {here.text[:300]}"
    for name in COMPARED_HEADERS:
        if here.headers.get(name) != there.headers.get(name):
            return f"{asked}: {name}: {here.headers.get(name)!r} instead of {there.headers.get(name)!r}"
    if "json" not in here.headers["content-type"]:
        return None if _alike(here, there) else f"{asked}: another body"
    values = _told(through, here), _told(past, there)
    return None if values[0] == values[1] else f"{asked}:\n{first_difference(*values)}"


def _told(door: Door, answer: httpx.Response) -> Any:
    """A body, levelled; items of built-in kinds may say what they are, as those of custom resources do."""
    value = object_of(door.way, answer.text)
    for resource in value.get("resources", []):
        resource.pop("storageVersionHash", None)  # aggregated discovery, from which the older form is made, has none
    if str(value.get("kind")).endswith("List"):
        for item in value.get("items", []):
            item.pop("kind", None)
            item.pop("apiVersion", None)
    if answer.request.method != "GET" and isinstance(value.get("status"), dict):
        del value["status"]  # of an object: how far its controller is, by chance; a Status has a text there
        annotations = value["metadata"].pop("annotations", {})
        value["metadata"]["annotations"] = {name: text for name, text in annotations.items() if name != REVISION}
    return value


def _alike(here: httpx.Response, there: httpx.Response) -> bool:
    """Whether two bodies that are no JSON can be taken for each other: schemas to the byte, objects by their wrapping."""
    if "/openapi/" in here.request.url.path:
        return here.content == there.content
    return here.content[:4] == there.content[:4] == b"k8s\0"


def test_each_recorded_request_is_answered_alike(doors: tuple[Door, Door]) -> None:
    """Same status, same headers that matter, same body, for all of them."""
    through, past = doors
    rows = recorded()
    assert len(rows) == 146

    differing = {asked: difference(asked, through, past) for asked in rows}
    until = time.monotonic() + SETTLED_WITHIN_S
    while time.monotonic() < until:  # controllers change what reads show: those get a moment
        again = [asked for asked, differs in differing.items() if differs is not None and asked.method == "GET"]
        if not again:
            break
        differing |= {asked: difference(asked, through, past) for asked in again}

    found = [differs for differs in differing.values() if differs is not None]
    assert not found, "\n".join([f"{len(found)} of {len(rows)} differ", *found])
