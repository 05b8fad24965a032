"""Requests that make no sense are answered as the API server answers them; nothing of them is left behind."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator

import httpx
import pytest
from tests.e2e.conftest import ACCOUNT, Facade

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(180)]

PODS, MAPS = "/api/v1/namespaces/default/pods", "/api/v1/namespaces/default/configmaps"
JSON, MERGE = {"Content-Type": "application/json"}, {"Content-Type": "application/merge-patch+json"}
MEANT = {"x", "other", "nobody", "Bad Name"}
"""The names that the requests would give."""
Request = tuple[str, str, dict[str, str], bytes]
REQUESTS: list[Request] = [
    ("GET", f"{PODS}/nobody", {}, b""),
    ("GET", "/api/v1/lighthouses", {}, b""),
    ("GET", "/apis/harbour.example.org/v1/lighthouses", {}, b""),
    ("GET", "/apis/apps/v9/deployments", {}, b""),
    ("GET", "/somewhere", {}, b""),
    ("GET", f"{PODS}/nobody/shadow", {}, b""),
    ("GET", f"{PODS}?limit=many", {}, b""),
    ("GET", f"{PODS}?limit=-1", {}, b""),
    ("GET", f"{PODS}?resourceVersion=new", {}, b""),
    ("GET", f"{PODS}?resourceVersion=1&resourceVersionMatch=Sometimes", {}, b""),
    ("GET", f"{PODS}?resourceVersionMatch=Exact", {}, b""),
    ("GET", f"{PODS}?resourceVersion=0&resourceVersionMatch=Exact", {}, b""),
    ("GET", f"{PODS}?continue=nonsense", {}, b""),
    ("GET", f"{PODS}?labelSelector=a%20b%20c", {}, b""),
    ("GET", f"{PODS}?labelSelector=%00", {}, b""),
    ("GET", f"{PODS}?fieldSelector=metadata.name%3D%00", {}, b""),
    ("GET", f"{PODS}?labelSelector=a%3D%FF", {}, b""),
    ("GET", "/api/v1/namespaces/%FF/pods", {}, b""),
    ("GET", "/api/v1/namespaces/Bad_Name/pods", {}, b""),
    ("GET", f"{PODS}?fieldSelector=spec.colour%3Dred", {}, b""),
    ("GET", f"{PODS}?fieldSelector=metadata.name", {}, b""),
    ("GET", f"{PODS}?watch=FALSE", {}, b""),
    ("GET", f"{PODS}?watch=1&resourceVersion=new", {}, b""),
    ("GET", f"{PODS}?watch=1&resourceVersionMatch=NotOlderThan", {}, b""),
    ("GET", f"{PODS}?watch=1&sendInitialEvents=true", {}, b""),
    ("GET", PODS, {"Accept": "text/html"}, b""),
    ("GET", PODS, {"Accept": "application/json;as=Chair;g=meta.k8s.io;v=v1"}, b""),
    ("POST", MAPS, JSON, b"{"),
    ("POST", MAPS, JSON, b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"x"}}'),
    ("POST", MAPS, JSON, b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"Bad Name"}}'),
    ("POST", MAPS, {"Content-Type": "text/plain"}, b"a"),
    ("POST", f"{MAPS}?fieldValidation=Strict", JSON, b'{"metadata":{"name":"x"},"colour":"red"}'),
    ("POST", f"{MAPS}?dryRun=Some", JSON, b'{"metadata":{"name":"x"}}'),
    ("POST", "/api/v1/namespaces/nowhere/configmaps", JSON, b'{"metadata":{"name":"x"}}'),
    ("PUT", f"{MAPS}/nobody", JSON, b'{"metadata":{"name":"other"}}'),
    ("PATCH", f"{MAPS}/nobody", MERGE, b"{}"),
    ("PATCH", f"{MAPS}/kube-root-ca.crt", MERGE, b"["),
    ("PATCH", f"{MAPS}/kube-root-ca.crt", {"Content-Type": "application/json-patch+json"}, b'[{"op":"fly"}]'),
    ("PATCH", f"{MAPS}/kube-root-ca.crt", {"Content-Type": "text/plain"}, b"{}"),
    ("PATCH", f"{MAPS}/kube-root-ca.crt", {"Content-Type": "application/apply-patch+yaml"}, b"a: b"),
    ("DELETE", f"{MAPS}/nobody", {}, b""),
    ("DELETE", f"{MAPS}/kube-root-ca.crt", JSON, b'{"preconditions":{"uid":"no"}}'),
    ("POST", f"{PODS}/nobody/eviction", JSON, b"{}"),
    ("PATCH", PODS, MERGE, b"{}"),
    ("OPTIONS", PODS, {}, b""),
]


@pytest.fixture(scope="module")
def doors(facade: Facade) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """The gateway and the API server, for bare requests."""
    plane, files = facade.control_plane, facade.stack.files
    with (
        _client(facade.stack.facade(ACCOUNT), files.facade_token.read_text().strip(), str(files.ca)) as ours,
        _client(plane.server, plane.admin_token, str(plane.ca_file)) as theirs,
    ):
        yield ours, theirs


def _client(url: str, token: str, authority: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    trust = ssl.create_default_context(cafile=authority)
    return httpx.Client(base_url=url, headers=headers, verify=trust, trust_env=False, timeout=20)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: f"{request[0]} {request[1]} {request[3][:30]!r}")
def test_what_makes_no_sense(doors: tuple[httpx.Client, httpx.Client], request_: Request) -> None:
    """The same code, reason and message; numbers and names that differ by the moment left aside."""
    method, path, headers, body = request_
    ours, theirs = (door.request(method, path, headers=headers, content=body) for door in doors)

    assert _shown(ours) == _shown(theirs)


def _shown(answer: httpx.Response) -> tuple[object, ...]:
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if kind != "application/json":
        return answer.status_code, kind, answer.text
    document = answer.json()
    message = re.sub(r"\d+", "N", document.get("message", ""))
    return answer.status_code, document.get("kind"), document.get("reason"), message


def test_nothing_is_left_behind(facade: Facade, doors: tuple[httpx.Client, httpx.Client]) -> None:
    """No row of the journal stays open, no object came to be."""
    ours, theirs = doors
    for method, path, headers, body in REQUESTS:
        ours.request(method, path, headers=headers, content=body)
    with facade.stack.gateway() as gateway:
        rows = list(gateway.writes(ACCOUNT))

    assert {row["outcome"] for row in rows} <= {"done", "failed", "refused"}
    assert not {each["metadata"]["name"] for each in theirs.get(MAPS).json()["items"]} & MEANT
