"""Defaulting and validation."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.simcluster.calls import workload

from fairlead.simcluster import defaults
from fairlead.simcluster.errors import StatusError


def _filled(kind: str, **parts: Any) -> dict[str, Any]:
    obj: dict[str, Any] = {"metadata": {"name": "x", "uid": "u-1"}, **parts}
    defaults.fill(kind, obj)
    return obj


def test_secret_values_are_encoded() -> None:
    """StringData becomes data."""
    secret = _filled("Secret", stringData={"a": "b"}, data={"c": "ZA=="})

    assert secret["data"] == {"c": "ZA==", "a": "Yg=="}
    assert "stringData" not in secret
    assert secret["type"] == "Opaque"


def test_namespaces_get_their_finalizer_and_label() -> None:
    """As the strategy sets them."""
    namespace = _filled("Namespace")

    assert namespace["spec"] == {"finalizers": ["kubernetes"]}
    assert namespace["metadata"]["labels"] == {"kubernetes.io/metadata.name": "x"}


def test_deployments_roll_by_default() -> None:
    """A quarter up, a quarter down, one replica, ten revisions."""
    obj = workload("Deployment", "web")
    del obj["spec"]["replicas"]
    defaults.fill("Deployment", obj)
    spec = obj["spec"]

    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
    assert spec["revisionHistoryLimit"] == 10
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 30


@pytest.mark.parametrize(
    ("image", "policy"), [("web", "Always"), ("web:latest", "Always"), ("host:5000/web:1", "IfNotPresent")]
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    """A port in the registry's name is no tag."""
    pod = _filled("Pod", spec={"containers": [{"name": "c", "image": image}]})

    assert pod["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_services_get_an_address_and_keep_it() -> None:
    """An update without clusterIP does not lose it; ExternalName has none."""
    service = _filled("Service", spec={"ports": [{"port": 80}]})
    update: dict[str, Any] = {"metadata": {"name": "x"}, "spec": {"ports": [{"port": 81}]}}
    defaults.keep_assigned("Service", service, update)
    external = _filled("Service", spec={"type": "ExternalName", "externalName": "example.org"})

    assert service["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert update["spec"]["clusterIP"] == service["spec"]["clusterIP"]
    assert "clusterIP" not in external["spec"]


def test_jobs_select_their_own_pods() -> None:
    """By uid, in selector and template."""
    job = _filled("Job", spec={"template": {"spec": {"containers": []}}})

    assert job["spec"]["selector"]["matchLabels"] == {"batch.kubernetes.io/controller-uid": "u-1"}
    assert job["spec"]["template"]["metadata"]["labels"]["job-name"] == "x"


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("CronJob", "concurrencyPolicy", "Allow"),
        ("StatefulSet", "podManagementPolicy", "OrderedReady"),
        ("DaemonSet", "revisionHistoryLimit", 10),
        ("PersistentVolumeClaim", "volumeMode", "Filesystem"),
        ("NetworkPolicy", "policyTypes", ["Ingress"]),
    ],
)
def test_other_kinds(kind: str, field: str, value: Any) -> None:
    """One telling default each."""
    assert _filled(kind)["spec"][field] == value


def test_defaulting_is_idempotent() -> None:
    """A second time changes nothing."""
    for kind in defaults.RULES:
        once = _filled(kind)
        twice: dict[str, Any] = {**once}
        defaults.fill(kind, twice)
        assert twice == once, kind


def test_faults_are_named_by_field() -> None:
    """Selector, containers, ports."""
    bad = workload("Deployment", "web")
    bad["spec"]["selector"] = {"matchLabels": {"other": "label"}}
    bad["spec"]["template"]["spec"]["containers"] = [{"name": "web"}]
    with pytest.raises(StatusError) as caught:
        defaults.check("apps", "Deployment", bad)

    assert caught.value.details is not None
    assert [each["field"] for each in caught.value.details["causes"]] == [
        "spec.template.metadata.labels",
        "spec.template.spec.containers[0].image",
    ]
    empty: list[tuple[str, dict[str, Any]]] = [("Pod", {}), ("Service", {}), ("StatefulSet", {"template": {}})]
    for kind, spec in empty:
        with pytest.raises(StatusError):
            defaults.check("", kind, {"metadata": {"name": "x"}, "spec": spec})


def test_random_suffixes_have_no_vowels() -> None:
    """So that they spell nothing."""
    suffix = defaults.random_suffix()

    assert len(suffix) == 5
    assert not set(suffix) & set("aeiou")
