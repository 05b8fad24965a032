"""What a real API server answers to writes is understood: held against what it says of the object afterwards."""

from __future__ import annotations

import gzip
import json
import secrets
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import pytest
from tests.support.kubernetes_control_plane import ControlPlane

from fairlead.gateway.core.facade.answers import Written, asks_dry_run, read_answer, written
from fairlead.gateway.core.facade.targets import target_of
from fairlead.gateway.flows.facade.bodies import plain

pytestmark = pytest.mark.real
JSON = "application/json"
PROTOBUF = "application/vnd.kubernetes.protobuf"
MERGE = "application/merge-patch+json"
CONTAINERS = [{"name": "web", "image": "web"}]
ABSENT = f"absent-{secrets.token_hex(4)}"
"""A node of this module's own that is not there: all pods of one that others named 40 s ago are deleted."""
POD = {"metadata": {"name": "web"}, "spec": {"containers": CONTAINERS, "nodeName": ABSENT}}
DEPLOYMENT = {
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": CONTAINERS}},
    },
}


Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Api:
    """The API server, spoken to as a client does through the facade."""

    control_plane: ControlPlane
    namespace: str

    def write(
        self, method: str, path: str, body: Any = None, *, accept: str = JSON, content: str = JSON, query: str = ""
    ) -> Written:
        """Send a write and read its answer as the facade does."""
        full = self.prefix(path)
        data = None if body is None else json.dumps(body).encode()
        answer = self.send(method, full + query, data, {"Accept": accept, "Content-Type": content})
        return read(method, full, answer, dry_run=bool(asks_dry_run(data or b"", content)))

    def send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Answer:
        """Send bytes; gives back those of the answer."""
        request = urllib.request.Request(self.control_plane.server + path, data, headers, method=method)  # noqa: S310
        request.add_header("Authorization", f"Bearer {self.control_plane.admin_token}")
        request.add_header("Accept-Encoding", "gzip")
        handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.control_plane._tls)
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=20) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    def prefix(self, path: str) -> str:
        """A path in the namespace: ``pods``, ``apps/v1/deployments/web``."""
        steps = path.split("/")
        group = f"/apis/{steps[0]}/{steps[1]}" if len(steps) > 2 and steps[1] == "v1" else "/api/v1"
        rest = "/".join(steps[2:]) if group != "/api/v1" else path
        return f"{group}/namespaces/{self.namespace}/{rest}"

    def now(self, path: str) -> dict[str, Any] | None:
        """The object's metadata as it stands, None when it is gone."""
        status, headers, body = self.send("GET", self.prefix(path), None, {"Accept": JSON})
        if status == 404:
            return None
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        return dict(json.loads(body)["metadata"])


def read(method: str, path: str, answer: Answer, *, dry_run: bool = False) -> Written:
    """What a write did, by the answer to it."""
    status, headers, body = answer
    target = target_of(method, path, watching=False)
    assert target is not None
    content = plain(body, headers.get("Content-Encoding", ""), 4 * 1024 * 1024)
    return written(target, status, read_answer(content or b"", headers["Content-Type"]), dry_run=dry_run)


@pytest.fixture
def api(control_plane: ControlPlane, namespace: str) -> Api:
    """An API server and a namespace."""
    return Api(control_plane, namespace)


def _is(written: Written, metadata: dict[str, Any] | None) -> bool:
    assert metadata is not None
    told = (written.name, written.namespace, written.uid, str(written.version))
    return told == (metadata["name"], metadata["namespace"], metadata["uid"], metadata["resourceVersion"])


@pytest.mark.parametrize("accept", [JSON, f"{PROTOBUF},{JSON}"])
def test_objects_and_subresources(api: Api, accept: str) -> None:
    """Identity and version of the object, in JSON and protobuf, from the object itself and from its scale."""
    made = api.write("POST", "apps/v1/deployments", DEPLOYMENT, accept=accept)
    assert made.status == 201
    assert made.uid == (api.now("apps/v1/deployments/web") or {})["uid"]
    paused = {"metadata": {"annotations": {"long": "x" * 200_000}}, "spec": {"paused": True}}
    api.write("PATCH", "apps/v1/deployments/web", paused, accept=accept, content=MERGE)
    for path, patch in (
        ("apps/v1/deployments/web", {"metadata": {"labels": {"a": "b"}}}),
        ("apps/v1/deployments/web/scale", {"spec": {"replicas": 0}}),
        ("apps/v1/deployments/web/status", {"status": {"replicas": 0}}),
    ):
        written = api.write("PATCH", path, patch, accept=accept, content=MERGE)
        assert written.status == 200
        assert written.uid == made.uid
        assert written.version is not None
        assert written.version >= (made.version or 0)
        assert not written.deleted


@pytest.mark.parametrize("accept", [JSON, f"{PROTOBUF},{JSON}"])
def test_a_generated_name(api: Api, accept: str) -> None:
    """A creation without a name tells it, with the version that a read finds."""
    made = api.write("POST", "configmaps", {"metadata": {"generateName": "map-"}}, accept=accept)
    assert _is(made, api.now(f"configmaps/{made.name}"))


@pytest.mark.parametrize("accept", [JSON, f"{PROTOBUF},{JSON}"])
def test_deletions(api: Api, accept: str) -> None:
    """Gone at once, held by a finalizer, released by its removal, or waited out in a grace period."""
    made = api.write("POST", "configmaps", {"metadata": {"name": "plain"}})
    gone = api.write("DELETE", "configmaps/plain", accept=accept)
    assert (gone.deleted, gone.uid) == (True, made.uid)
    assert api.now("configmaps/plain") is None

    api.write("POST", "configmaps", {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}})
    held = api.write("DELETE", "configmaps/held", accept=accept)
    assert not held.deleted
    assert _is(held, api.now("configmaps/held"))
    released = {"metadata": {"finalizers": None}}
    assert api.write("PATCH", "configmaps/held", released, accept=accept, content=MERGE).deleted
    assert api.now("configmaps/held") is None

    api.write("POST", "pods", POD)
    graceful = api.write("DELETE", "pods/web", accept=accept)
    assert not graceful.deleted
    assert _is(graceful, api.now("pods/web"))
    forced = api.write("DELETE", "pods/web", {"kind": "DeleteOptions", "gracePeriodSeconds": 0}, accept=accept)
    assert forced.deleted
    assert forced.uid == graceful.uid
    assert api.now("pods/web") is None


def test_dry_runs(api: Api) -> None:
    """One in the body is told apart; the query's is known before."""
    api.write("POST", "configmaps", {"metadata": {"name": "kept"}})
    tried = api.write("DELETE", "configmaps/kept", {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]})
    assert tried.status == 200
    assert tried.dry_run
    assert api.now("configmaps/kept") is not None


def test_answers_that_tell_no_version(api: Api) -> None:
    """An eviction, a token, a collection, a refusal."""
    api.write("POST", "pods", POD)
    eviction = api.write(
        "POST", "pods/web/eviction", {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web"}}
    )
    assert (eviction.status, eviction.version, eviction.deleted) == (201, None, False)
    token = api.write("POST", "serviceaccounts/default/token", {"spec": {}})
    assert token.version is None
    assert api.write("DELETE", "configmaps").version is None
    assert api.write("PATCH", "configmaps/nobody", {}, content=MERGE) == Written(404)


def test_a_namespace_goes_later(api: Api) -> None:
    """Its deletion is accepted, and the namespace is there for a while."""
    path = f"/api/v1/namespaces/{api.namespace}"
    done = read("DELETE", path, api.send("DELETE", path, None, {"Accept": JSON}))
    assert (done.name, done.deleted) == (api.namespace, False)
    assert done.version is not None
