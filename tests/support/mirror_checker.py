"""Holds the mirror, as REST tells it, to what the API server says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.kubernetes_api import JsonObject, KubernetesApi, Place
from tests.support.live_accounts import resources_of
from tests.support.secrets import LAST_APPLIED

from fairlead.cli.gateway import Gateway, GatewayRefusal, GatewayUnreachable

_POLL_S = 0.1
_SHOWN = 12


@dataclass
class MirrorChecker:
    """Compares an account's rows with a fresh list of everything that the account watches."""

    gateway: Gateway
    api: KubernetesApi
    account: str

    def differences(self) -> list[str]:
        """Every row that is wrong, missing or too many, and every field that differs, without contents."""
        found: list[str] = []
        views = self.gateway.resources(self.account)
        if not views:
            return ["nothing is watched"]
        for view in views:
            found += [f"{view['resource']}: {view['state']} ({view['message']})"] if view["state"] != "live" else []
        for view in {(view["resource"], view["namespace"]): view for view in views}.values():
            found += self._compare(view)
        return found

    def assert_equal(self, *, within_s: float = 30.0) -> None:
        """Wait until mirror and cluster are equal; the test fails with the differences when they do not get so."""
        until = time.monotonic() + within_s
        while True:
            try:
                found = self.differences()
            except (GatewayUnreachable, GatewayRefusal) as error:
                found = [str(error)]
            if not found:
                return
            assert time.monotonic() < until, f"after {within_s:g} s:\n" + "\n".join(found[:_SHOWN])
            time.sleep(_POLL_S)

    def watches(self, *resources: str) -> bool:
        """Whether resources are watched and live."""
        live = {view["resource"] for view in resources_of(self.gateway, self.account) if view["state"] == "live"}
        return live.issuperset(resources)

    def _compare(self, view: JsonObject) -> Iterator[str]:
        resource, namespace = view["resource"], view["namespace"]
        place = Place(view["apiVersion"], resource.partition(".")[0], namespaced=view["namespaced"])
        secret = resource == "secrets"
        listed = {_key(item): item for item in self.api.list(place, namespace, metadata_only=secret)}
        filters = {"resource": resource} | ({"namespace": namespace} if namespace else {})
        rows = {(row["namespace"], row["name"]): row for row in self.gateway.objects(self.account, **filters)}
        for key in sorted(listed.keys() - rows.keys()):
            yield f"{resource} {key} is missing"
        for key in sorted(rows.keys() - listed.keys()):
            yield f"{resource} {key} is too many"
        for key in sorted(listed.keys() & rows.keys()):
            wanted = expected(listed[key], view["apiVersion"], view["kind"])
            yield from (f"{resource} {key} differs in {where}" for where in _row_differences(rows[key], wanted))


def expected(item: JsonObject, api_version: str, kind: str) -> JsonObject:
    """An object as the mirror is to hold it: typed, without managedFields; of a Secret nothing but clean metadata."""
    metadata = {name: value for name, value in item["metadata"].items() if name != "managedFields"}
    if (api_version, kind) == ("v1", "Secret"):
        kept = {name: text for name, text in metadata.get("annotations", {}).items() if name != LAST_APPLIED}
        if "annotations" in metadata:
            metadata["annotations"] = kept
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata}
    return {**item, "apiVersion": api_version, "kind": kind, "metadata": metadata}


def _key(item: JsonObject) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _row_differences(row: JsonObject, wanted: JsonObject) -> Iterator[str]:
    metadata = wanted["metadata"]
    if row["withheld"]:
        yield f"its body, which is withheld: {row['withheld']}"
        return
    columns = {
        "uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"],
        "labels": metadata.get("labels") or {},
    }
    for name, value in columns.items():
        if (row[name] or {} if name == "labels" else row[name]) != value:
            yield f"column {name}"
    yield from field_differences(row["object"], wanted)


def field_differences(found: Any, wanted: Any, path: str = "") -> Iterator[str]:
    """Paths at which two documents differ."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for name in sorted(found.keys() | wanted.keys()):
            if name not in found or name not in wanted:
                yield f"{path}.{name} ({'missing' if name in wanted else 'too many'})"
            else:
                yield from field_differences(found[name], wanted[name], f"{path}.{name}")
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
            yield from field_differences(one, other, f"{path}[{number}]")
    elif found != wanted or type(found) is not type(wanted):
        yield path or "."
