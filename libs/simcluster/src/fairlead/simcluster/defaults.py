"""What the API server fills in when an object is written: a small part of Kubernetes' defaulting and strategies.

Enough for the objects to look real and for controllers and clients to work; unknown fields are kept, not pruned.
"""

from __future__ import annotations

import base64
import random
from typing import TYPE_CHECKING, Any, Final

from fairlead.simcluster.errors import cause, invalid

if TYPE_CHECKING:
    from collections.abc import Callable

RANDOM_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"  # without vowels, as k8s.io/apimachinery util/rand
EMPTY_STATUS: Final[dict[str, dict[str, Any]]] = {
    "Deployment": {},
    "ReplicaSet": {"replicas": 0},
    "StatefulSet": {"replicas": 0, "availableReplicas": 0},
    "DaemonSet": {
        "currentNumberScheduled": 0,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 0,
        "numberReady": 0,
    },
    "Job": {},
    "CronJob": {},
    "Ingress": {"loadBalancer": {}},
    "Service": {"loadBalancer": {}},
    "Namespace": {"phase": "Active"},
    "PersistentVolumeClaim": {"phase": "Pending"},
    "Pod": {"phase": "Pending", "qosClass": "BestEffort"},
}


def random_suffix(length: int = 5) -> str:
    """The random end of a generated name."""
    return "".join(random.choices(RANDOM_LETTERS, k=length))  # noqa: S311 - a name, not a secret


def fill(kind: str, obj: dict[str, Any]) -> None:
    """Default an object of a built-in kind in place."""
    rule = RULES.get(kind)
    if rule is not None:
        rule(obj)


def _namespace(obj: dict[str, Any]) -> None:
    obj["spec"] = {"finalizers": ["kubernetes"], **(obj.get("spec") or {})}
    obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"]["name"]


def _config_map(obj: dict[str, Any]) -> None:
    for name in ("data", "binaryData"):
        if not obj.get(name):
            obj.pop(name, None)


def _volume_claim(obj: dict[str, Any]) -> None:
    obj.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")


def _network_policy(obj: dict[str, Any]) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("policyTypes", ["Ingress", "Egress"] if "egress" in spec else ["Ingress"])


def _event(obj: dict[str, Any]) -> None:
    for name, value in (("source", {}), ("firstTimestamp", None), ("lastTimestamp", None)):
        obj.setdefault(name, value)


def keep_assigned(kind: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Carry over what the server assigned and an update left out (a Service's address)."""
    if kind == "Service":
        spec, before = dict(new.get("spec") or {}), old.get("spec") or {}
        for name in ("clusterIP", "clusterIPs"):
            if not spec.get(name) and name in before:
                spec[name] = before[name]
        new["spec"] = spec


def _secret(obj: dict[str, Any]) -> None:
    plain = obj.pop("stringData", None) or {}
    encoded = {name: base64.b64encode(str(value).encode()).decode() for name, value in plain.items()}
    if encoded:
        obj["data"] = {**(obj.get("data") or {}), **encoded}
    obj.setdefault("type", "Opaque")


def _pod(obj: dict[str, Any]) -> None:
    _pod_spec(obj.setdefault("spec", {}))


def _pod_spec(spec: dict[str, Any]) -> None:
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        tag = str(container.get("image", "")).rpartition("/")[2].partition(":")[2]
        container.setdefault("resources", {})
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        container.setdefault("imagePullPolicy", "Always" if tag in ("", "latest") else "IfNotPresent")
        for port in container.get("ports") or ():
            port.setdefault("protocol", "TCP")
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")


def _template(spec: dict[str, Any]) -> None:
    _pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))


def _deployment(obj: dict[str, Any]) -> None:
    spec = _replica_set(obj)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = {"maxUnavailable": "25%", "maxSurge": "25%"}
        strategy["rollingUpdate"] = {**rolling, **(strategy.get("rollingUpdate") or {})}
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)


def _replica_set(obj: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = obj.setdefault("spec", {})
    _template(spec)
    spec.setdefault("replicas", 1)
    return spec


def _stateful_set(obj: dict[str, Any]) -> None:
    spec = _replica_set(obj)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})
    spec.setdefault("revisionHistoryLimit", 10)


def _daemon_set(obj: dict[str, Any]) -> None:
    spec = obj.setdefault("spec", {})
    _template(spec)
    spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}})
    spec.setdefault("revisionHistoryLimit", 10)


def _service(obj: dict[str, Any]) -> None:
    spec = obj.setdefault("spec", {})
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if spec["type"] != "ExternalName" and "clusterIP" not in spec:
        octets = [random.randrange(256), random.randrange(1, 255)]  # noqa: S311 - an address, not a secret
        spec["clusterIP"] = f"10.96.{octets[0]}.{octets[1]}"
    if "clusterIP" in spec:
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
        spec.setdefault("internalTrafficPolicy", "Cluster")


def _job(obj: dict[str, Any]) -> None:
    spec = obj.setdefault("spec", {})
    _template(spec)
    for name, value in (("parallelism", 1), ("completions", 1), ("backoffLimit", 6), ("suspend", False)):
        spec.setdefault(name, value)
    spec.setdefault("completionMode", "NonIndexed")
    uid, name = obj["metadata"]["uid"], obj["metadata"]["name"]
    spec.setdefault("manualSelector", False)
    spec.setdefault("selector", {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})
    labels = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    template = spec["template"].setdefault("metadata", {})
    template["labels"] = {**(template.get("labels") or {}), **labels}


def _cron_job(obj: dict[str, Any]) -> None:
    spec = obj.setdefault("spec", {})
    _template(spec.setdefault("jobTemplate", {}).setdefault("spec", {}))
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)


RULES: Final[dict[str, Callable[[dict[str, Any]], object]]] = {
    "ConfigMap": _config_map,
    "CronJob": _cron_job,
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "Event": _event,
    "Job": _job,
    "Namespace": _namespace,
    "NetworkPolicy": _network_policy,
    "PersistentVolumeClaim": _volume_claim,
    "Pod": _pod,
    "ReplicaSet": _replica_set,
    "Secret": _secret,
    "Service": _service,
    "StatefulSet": _stateful_set,
}


def check(group: str, kind: str, obj: dict[str, Any]) -> None:
    """Refuse what the server's validation would refuse (a few telling cases); StatusError 422."""
    causes: list[dict[str, str]] = []
    spec = obj.get("spec") or {}
    if kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"):
        selector = (spec.get("selector") or {}).get("matchLabels")
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        if not selector:
            causes.append(cause("FieldValueRequired", "spec.selector", "Required value"))
        elif not selector.items() <= labels.items():
            message = f"Invalid value: {_go_map(labels)}: `selector` does not match template `labels`"
            causes.append(cause("FieldValueInvalid", "spec.template.metadata.labels", message))
        causes.extend(_container_faults((spec.get("template") or {}).get("spec") or {}, "spec.template.spec"))
    if kind == "Pod":
        causes.extend(_container_faults(spec, "spec"))
    if kind == "Service" and spec.get("type") != "ExternalName" and not spec.get("ports"):
        causes.append(cause("FieldValueRequired", "spec.ports", "Required value"))
    if causes:
        raise invalid(group, kind, obj["metadata"]["name"], causes)


def _go_map(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'"{name}":"{value}"' for name, value in labels.items()) + "}"


def _container_faults(spec: dict[str, Any], path: str) -> list[dict[str, str]]:
    containers = spec.get("containers") or []
    if not containers:
        return [cause("FieldValueRequired", f"{path}.containers", "Required value")]
    return [
        cause("FieldValueRequired", f"{path}.containers[{at}].{field}", "Required value")
        for at, container in enumerate(containers)
        for field in ("name", "image")
        if not container.get(field)
    ]
