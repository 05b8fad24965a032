"""The official Python client works over the gateway as it does without it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException
from tests.clients.conftest import Namespaces
from tests.e2e.conftest import Facade
from tests.support import workloads
from tests.support.custom_resources import defined
from tests.support.kubernetes_api import KubernetesApi
from tests.support.played_node import FOLLOWED_LINES, LOG_LINES, PlayedNode, log_line
from tests.support.polling import wait_until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(120)]

# Untyped in a typed package.
dynamic_client: Any = dynamic.DynamicClient
new_client: Any = config.new_client_from_config
new_watch: Any = watch.Watch
NAMES = [f"object-{number}" for number in range(7)]


def watched(*args: Any, **options: Any) -> Any:
    """Events of a watch; lines of a log."""
    return new_watch().stream(*args, **options)


@pytest.fixture(scope="module")
def session(facade: Facade) -> Iterator[client.ApiClient]:
    """A client that reads the kubeconfig as everybody does."""
    with new_client(str(facade.kubeconfig())) as made:
        yield made


@pytest.fixture(scope="module")
def core(session: client.ApiClient) -> Any:
    """Pods, Services and the like."""
    return client.CoreV1Api(session)


@pytest.fixture
def services(administrator: KubernetesApi, core: Any, namespaces: Namespaces) -> str:
    """A namespace with seven Services, which the mirror has."""
    namespace = namespaces()
    for number, name in enumerate(NAMES):
        manifest = workloads.manifest("Service", name, namespace)
        manifest["metadata"]["labels"] = {"parity": "odd" if number % 2 else "even", "app": name}
        administrator.create(workloads.PLACES["Service"], manifest)
    wait_until(lambda: names(core.list_namespaced_service(namespace)) == NAMES, what="a mirror that has them")
    return namespace


def names(listed: Any) -> list[str]:
    """Names of the items of a list, in order."""
    return [each.metadata.name for each in listed.items]


def test_lists_select(core: Any, services: str) -> None:
    """Label and field selectors, of all operators."""

    def selected(**how: str) -> list[str]:
        return names(core.list_namespaced_service(services, **how))

    assert selected(label_selector="parity=odd") == NAMES[1::2]
    assert selected(label_selector="parity!=odd") == NAMES[0::2]
    assert selected(label_selector="parity in (odd,even),app notin (object-0, object-1)") == NAMES[2:]
    assert selected(label_selector="parity,!nothing") == NAMES
    assert selected(label_selector="nothing") == []
    assert selected(field_selector="metadata.name=object-3") == ["object-3"]
    assert selected(field_selector="metadata.name!=object-3", label_selector="parity=odd") == ["object-1", "object-5"]
    everywhere = core.list_service_for_all_namespaces(field_selector=f"metadata.namespace={services}")
    assert names(everywhere) == NAMES


def test_lists_come_in_pages(core: Any, services: str) -> None:
    """Pages go on where the last one ended, under one version; a watch from it tells what happened meanwhile."""
    first = core.list_namespaced_service(services, limit=3)
    core.delete_namespaced_service(NAMES[5], services)
    second = core.list_namespaced_service(services, limit=3, _continue=first.metadata._continue)
    rest: list[str] = []
    page = second
    while page.metadata._continue:
        page = core.list_namespaced_service(services, limit=3, _continue=page.metadata._continue)
        rest += names(page)
        assert page.metadata.resource_version == first.metadata.resource_version

    assert names(first) == NAMES[:3]
    assert [name for name in names(second) + rest if name != NAMES[5]] == [NAMES[3], NAMES[4], NAMES[6]]
    assert second.metadata.resource_version == first.metadata.resource_version
    stream = watched(core.list_namespaced_service, services, resource_version=first.metadata.resource_version)
    event = next(iter(stream))
    assert (event["type"], event["object"].metadata.name) == ("DELETED", NAMES[5])


def test_a_continue_token_that_is_none_is_refused(core: Any, services: str) -> None:
    """As a bad request, in the API server's shape."""
    with pytest.raises(ApiException) as refused:
        core.list_namespaced_service(services, limit=3, _continue="bm9uc2Vuc2U")
    assert refused.value.status == 400
    assert '"kind":"Status"' in str(refused.value.body).replace(" ", "")


def test_a_watch_sees_every_change(core: Any, administrator: KubernetesApi, services: str) -> None:
    """From a list's version on: added, modified, deleted, in order; a second watch goes on from a bookmark, without a gap."""
    version = core.list_namespaced_service(services).metadata.resource_version
    place = workloads.PLACES["Service"]
    stream = watched(core.list_namespaced_service, services, resource_version=version, allow_watch_bookmarks=True)
    administrator.create(place, workloads.manifest("Service", "late", services))
    assert changed(stream) == ("ADDED", "late")
    administrator.merge(place, services, "late", {"metadata": {"labels": {"step": "two"}}})
    assert changed(stream) == ("MODIFIED", "late")
    bookmark = next(stream)
    assert bookmark["type"] == "BOOKMARK"
    administrator.delete(place, services, "late")
    assert changed(stream) == ("DELETED", "late")

    reached = bookmark["raw_object"]["metadata"]["resourceVersion"]
    assert changed(watched(core.list_namespaced_service, services, resource_version=reached)) == ("DELETED", "late")


def changed(stream: Any) -> tuple[str, str]:
    """The next change that a watch tells."""
    event = next(each for each in stream if each["type"] != "BOOKMARK")
    return event["type"], event["object"].metadata.name


def test_a_watch_ends_when_it_was_asked_to(core: Any, services: str) -> None:
    """``timeoutSeconds`` is obeyed; without a version it begins with what is there."""
    stream = watched(core.list_namespaced_service, services, timeout_seconds=2)
    assert sorted(each["object"].metadata.name for each in stream) == NAMES


def test_patches_of_three_kinds(core: Any, services: str) -> None:
    """Merge, strategic and JSON patches, and what a list shows afterwards."""
    core.patch_namespaced_service(NAMES[0], services, {"metadata": {"labels": {"by": "strategic"}}})
    core.patch_namespaced_service(
        NAMES[1],
        services,
        [{"op": "add", "path": "/metadata/labels/by", "value": "json"}],
        _content_type="application/json-patch+json",
    )
    core.patch_namespaced_service(
        NAMES[2], services, {"metadata": {"labels": {"by": "merge"}}}, _content_type="application/merge-patch+json"
    )

    listed = core.list_namespaced_service(services, label_selector="by")
    assert [each.metadata.labels["by"] for each in listed.items] == ["strategic", "json", "merge"]


def test_a_conflict_is_told(core: Any, services: str) -> None:
    """Writing over a version that is not the newest fails with the API server's words."""
    held = core.read_namespaced_service(NAMES[0], services)
    core.patch_namespaced_service(NAMES[0], services, {"metadata": {"labels": {"newer": "yes"}}})
    with pytest.raises(ApiException) as refused:
        core.replace_namespaced_service(NAMES[0], services, held)
    assert refused.value.status == 409
    assert "the object has been modified" in str(refused.value.body)


def test_logs_are_read_and_followed(
    core: Any, administrator: KubernetesApi, namespaces: Namespaces, node: PlayedNode
) -> None:
    """The whole log, its tail, and line by line as they come."""
    namespace = namespaces()
    administrator.create(workloads.PLACES["Pod"], workloads.manifest("Pod", "one", namespace))
    wait_until(lambda: core.read_namespaced_pod("one", namespace).status.phase == "Running", what="a pod that runs")

    assert core.read_namespaced_pod_log("one", namespace).count("\n") == LOG_LINES
    assert core.read_namespaced_pod_log("one", namespace, tail_lines=1) == log_line("main", LOG_LINES - 1)
    lines = watched(core.read_namespaced_pod_log, "one", namespace, follow=True)
    assert list(lines)[-1] == log_line("main", LOG_LINES + FOLLOWED_LINES - 1).rstrip()


def test_a_custom_resource_comes_and_goes(
    session: client.ApiClient, administrator: KubernetesApi, namespaces: Namespaces
) -> None:
    """Defined, found by discovery, created, listed, patched and deleted, with the dynamic client and the plain one."""
    namespace = namespaces()
    with defined(administrator, workloads.widget_definition()):
        where = (workloads.GROUP, "v1", namespace, "widgets")
        objects: Any = client.CustomObjectsApi(session)
        manifest = workloads.manifest("Widget", "wide", namespace)
        wait_until(lambda: _created(objects, where, manifest), what="a custom resource that can be created")

        found = dynamic_client(session).resources.get(api_version=f"{workloads.GROUP}/v1", kind="Widget")
        assert [each.metadata.name for each in found.get(namespace=namespace).items] == ["wide"]
        objects.patch_namespaced_custom_object(*where, "wide", {"spec": {"size": 4}})
        assert objects.get_namespaced_custom_object(*where, "wide")["spec"]["size"] == 4
        objects.delete_namespaced_custom_object(*where, "wide")
        assert objects.list_namespaced_custom_object(*where)["items"] == []


def _created(objects: Any, where: tuple[str, ...], manifest: dict[str, Any]) -> bool:
    try:
        objects.create_namespaced_custom_object(*where, manifest)
    except ApiException as refusal:
        if refusal.status != 404:
            raise
        return False
    return True
