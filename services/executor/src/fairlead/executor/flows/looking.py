"""What is read live beside objects: logs, events, and what pods use."""

from __future__ import annotations

from typing import Any

import msgspec

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import RESULT_LIMIT_BYTES, Kind, OperationRequest
from fairlead.executor.core import outcome as outcomes
from fairlead.executor.core import plan, pods
from fairlead.executor.core.aims import Aim
from fairlead.executor.core.merging.applied import read_object
from fairlead.executor.core.outcome import Outcome
from fairlead.executor.core.rollouts import Impossible, selector_text
from fairlead.executor.errors import NoKindMatch, ResultTooLarge
from fairlead.executor.flows.call import Call
from fairlead.executor.flows.listing import collect, list_as

METRICS_API = "metrics.k8s.io/v1beta1"
PODS_LIMIT_BYTES = 16 * 1024 * 1024
"""Of the pods of one workload."""
_POD_NAMES = frozenset({"pod", "pods", "po", "podmetrics"})


async def logs(call: Call, resource: Resource) -> Outcome:
    """Read the log of a container of a pod, or of the pod of a Job or workload that has most to tell.

    Raises:
        Impossible: the workload has no pods.
        ResultTooLarge: the log is too large when it is written as JSON.

    """
    pod, several = call.target.name, ""
    pod_kind = resource
    if resource.name != "pods":
        pod_kind = await call.find("v1", "Pod")
        known = await _pods_of(call, resource, pod_kind)
        pod = pods.most_telling(known)
        several = f"of pod {pod}, one of {len(known)}" if len(known) > 1 else f"of pod {pod}"
    place = Aim("v1", "Pod", plan.object_namespace(pod_kind, call.target.namespace), pod)
    answer = await call.look(plan.logs(call.request, pod_kind, place), "logs")
    is_cut = len(answer.body) >= call.request.limit_bytes
    text = answer.body.decode("utf-8", "replace")
    body = {"kind": "Log", "pod": pod, "container": call.request.container, "cut": is_cut, "log": text}
    encoded = msgspec.json.encode(body)
    if len(encoded) > RESULT_LIMIT_BYTES:
        raise ResultTooLarge(
            "the log is too large as JSON; ask for less with `tailLines`, `sinceSeconds`, `limitBytes`"
        )
    cut = (
        f"cut after {call.request.limit_bytes} bytes: ask for its end with `tailLines` or `sinceSeconds`"
        if is_cut
        else ""
    )
    outcome = outcomes.succeeded(answer.status, b"", call.blank)
    return msgspec.structs.replace(outcome, body=encoded, message="; ".join(filter(None, (several, cut))))


async def _pods_of(call: Call, resource: Resource, pod_kind: Resource) -> list[dict[str, Any]]:
    workload = read_object((await call.look(plan.read(resource, call.target), "read")).body, "the live object")
    selector = (workload.get("spec") or {}).get("selector")
    if not isinstance(selector, dict) or not selector:
        raise Impossible("NotSupported", f"a {resource.kind} selects no pods, so it has no logs", code=400)
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        selector = {"matchLabels": selector}  # of Services and ReplicationControllers
    query = OperationRequest(call.request.account, Kind.LIST, label_selector=selector_text(selector))
    place = Aim("v1", "Pod", plan.object_namespace(pod_kind, call.target.namespace), "")
    found = await collect(call, query, pod_kind, place, PODS_LIMIT_BYTES)
    if not found.items:
        raise Impossible("NoPods", f"{resource.kind} {call.target.name} has no pods", code=404)
    return [read_object(item, "a pod") for item in found.items]


async def events(call: Call) -> Outcome:
    """List the events about an object; it need not exist any more, nor even its kind."""
    try:
        about = await call.resolve()
    except NoKindMatch:
        about = None
    kind = call.target.kind.partition(".")[0] if about is None else about.kind
    is_namespaced = about is None or about.namespaced
    namespace = call.target.namespace if is_namespaced else ""
    selectors = [f"involvedObject.name={call.target.name}", f"involvedObject.kind={kind}", call.request.field_selector]
    query = msgspec.structs.replace(call.request, field_selector=",".join(filter(None, selectors)))
    # Events about what stands in no namespace are kept in this one.
    place = Aim("v1", "Event", namespace or plan.DEFAULT_NAMESPACE, "")
    return await list_as(call, query, await call.find("v1", "Event"), place)


async def pod_metrics(call: Call) -> Outcome:
    """Read what one pod, or all of a namespace, use.

    Raises:
        Impossible: the cluster has no metrics server, or the target is no pod.

    """
    if call.target.kind.lower() not in _POD_NAMES:
        raise Impossible("NotSupported", "`podMetrics` is about pods: `target.kind` must be Pod", code=400)
    try:
        resource = await call.find(METRICS_API, "PodMetrics")
    except NoKindMatch:
        message = f"the cluster serves no {METRICS_API}: is metrics-server installed, and its APIService available?"
        raise Impossible("MetricsUnavailable", message, code=404) from None
    answer = await call.look(plan.metrics(call.request, resource, call.target), "metrics")
    return outcomes.succeeded(answer.status, answer.body, call.blank)
