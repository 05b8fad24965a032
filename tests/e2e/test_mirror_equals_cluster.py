"""Whatever happens to objects, the mirror equals a fresh list, field by field after scrubbing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from tests.e2e.conftest import ACCOUNT, Cluster, discard
from tests.support import workloads
from tests.support.kubernetes_api import ApiRefusal, JsonObject, KubernetesApi
from tests.support.mirror_checker import MirrorChecker
from tests.support.polling import wait_until
from tests.support.secrets import LAST_APPLIED
from tests.support.workloads import NAMESPACED, PLACES, TWELVE, WIDGET_KIND

from fairlead.cli.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ALL = (*TWELVE, WIDGET_KIND, "Secret")


@pytest.fixture
def place(cluster: Cluster) -> Iterator[str]:
    """A namespace that is removed afterwards; the definition of widgets goes with it."""
    name = cluster.new_namespace()
    yield name
    remove_definition(cluster.api)
    cluster.api.delete(PLACES["Namespace"], "", name)


def remove_definition(api: KubernetesApi) -> None:
    """Remove the definition of widgets and wait until it is gone."""
    with suppress(ApiRefusal):
        api.delete(PLACES["CustomResourceDefinition"], "", f"widgets.{workloads.GROUP}")
    wait_until(lambda: api.get(PLACES["CustomResourceDefinition"], "", f"widgets.{workloads.GROUP}") is None)


def define_widgets(api: KubernetesApi) -> None:
    """Create the definition of widgets and wait until they are served."""
    api.create(PLACES["CustomResourceDefinition"], workloads.widget_definition())

    def served() -> bool:
        try:
            api.list(PLACES["Widget"])
        except ApiRefusal:
            return False
        return True

    wait_until(served)


def secret(name: str, namespace: str, value: str) -> JsonObject:
    """A Secret as kubectl apply leaves it, its values repeated in an annotation."""
    manifest = workloads.manifest("Secret", name, namespace)
    manifest["stringData"] = {"password": value}
    manifest["metadata"]["annotations"][LAST_APPLIED] = f'{{"kind":"Secret","stringData":{{"password":"{value}"}}}}'
    return manifest


def live_through(api: KubernetesApi, namespace: str, kinds: tuple[str, ...], check: Callable[[], None]) -> None:
    """Create, update, delete and create again one object and a second one of each kind, checking in between."""
    for kind in kinds:
        for name in ("one", "two"):
            manifest = workloads.manifest(kind, name, namespace)
            api.create(PLACES[kind], secret(name, namespace, "first") if kind == "Secret" else manifest)
    check()
    for kind in kinds:
        change: JsonObject = {"metadata": {"labels": {"changed": "yes"}, "annotations": {"note": None, "more": "{}"}}}
        api.merge(PLACES[kind], namespace, "one", change)
    check()
    for kind in kinds:
        api.delete(PLACES[kind], namespace, "one")
    check()
    for kind in kinds:
        wait_until(lambda kind=kind: api.get(PLACES[kind], namespace, "one") is None)  # type: ignore[misc]
        again = secret("one", namespace, "second") if kind == "Secret" else workloads.manifest(kind, "one", namespace)
        again["metadata"]["labels"]["life"] = "second"
        api.create(PLACES[kind], again)
    check()


COMPOSITIONS: dict[str, dict[str, Any]] = {
    "five services, streaming lists": {},
    "one-process agent, paged lists": {
        "one_process": True,
        "overrides": {"kubernetes": {"useWatchList": False, "listPageSize": 3}},
    },
}


@pytest.mark.parametrize("composition", COMPOSITIONS)
def test_the_mirror_equals_a_fresh_list(
    composition: str, cluster: Cluster, stacks: Callable[..., Stack], place: str
) -> None:
    """Twelve kinds, a custom resource defined while the agent runs, and Secrets: equal after each step."""
    before = cluster.new_namespace()
    for kind in ("Deployment", "Service", "NetworkPolicy"):
        for number in range(5):
            cluster.api.create(PLACES[kind], workloads.manifest(kind, f"old-{number}", before))
    stack = stacks(cluster.account(kinds=list(ALL)), **COMPOSITIONS[composition])
    with stack.gateway() as gateway:
        checker = MirrorChecker(gateway, cluster.api, ACCOUNT)
        checker.assert_equal(within_s=40)
        define_widgets(cluster.api)
        wait_until(partial(checker.watches, f"widgets.{workloads.GROUP}"), within_s=20)
        live_through(cluster.api, place, (*NAMESPACED, "Widget", "Secret"), checker.assert_equal)
        cluster.api.merge(PLACES["Namespace"], "", before, {"metadata": {"labels": {"changed": "yes"}}})
        for item in cluster.api.list(PLACES["Deployment"], before):
            cluster.api.delete(PLACES["Deployment"], before, item["metadata"]["name"])
        cluster.api.delete(PLACES["Namespace"], "", before)
        checker.assert_equal()
        secrets_told = [row["object"] for row in gateway.objects(ACCOUNT, kind="Secret", namespace=place)]
        assert secrets_told
        assert all("data" not in told and "stringData" not in told for told in secrets_told)
    discard(stack)


def test_a_definition_that_comes_back_is_followed_again(
    cluster: Cluster, stacks: Callable[..., Stack], place: str
) -> None:
    """Removing a definition removes its objects' rows; defined again, its new objects are mirrored."""
    stack = stacks(cluster.account(kinds=["CustomResourceDefinition", WIDGET_KIND]))
    widgets = f"widgets.{workloads.GROUP}"
    with stack.gateway() as gateway:
        checker = MirrorChecker(gateway, cluster.api, ACCOUNT)
        for life in ("first", "second"):
            define_widgets(cluster.api)
            wait_until(partial(checker.watches, widgets), within_s=30)
            cluster.api.create(PLACES["Widget"], workloads.manifest("Widget", life, place))
            checker.assert_equal()
            remove_definition(cluster.api)
            wait_until(lambda: not list(gateway.objects(ACCOUNT, resource=widgets)), within_s=20)
            wait_until(lambda: not checker.watches(widgets), within_s=20)
    discard(stack)


def test_an_account_of_some_namespaces(cluster: Cluster, stacks: Callable[..., Stack]) -> None:
    """Only the named namespaces are mirrored, without the kinds that are omitted and without cluster-scoped ones."""
    named, other = [cluster.new_namespace(), cluster.new_namespace()], cluster.new_namespace()
    stack = stacks(
        cluster.account(namespaces=named, omitKinds=["Ingress", "Pod"], onlyNamespacedResources=True), log_level="debug"
    )
    kept = tuple(kind for kind in NAMESPACED if kind not in ("Ingress", "Pod"))
    with stack.gateway() as gateway:
        checker = MirrorChecker(gateway, cluster.api, ACCOUNT)
        checker.assert_equal()
        for namespace in (*named, other):
            live_through(cluster.api, namespace, ("Service", "NetworkPolicy", "Deployment"), lambda: None)
        checker.assert_equal()
        views = gateway.resources(ACCOUNT)
        assert {view["kind"] for view in views} == set(kept)
        assert {view["namespace"] for view in views} == set(named)
        seen = {row["namespace"] for view in views for row in gateway.objects(ACCOUNT, resource=view["resource"])}
        assert seen == set(named)
    discard(stack)
    for namespace in (*named, other):
        cluster.api.delete(PLACES["Namespace"], "", namespace)
