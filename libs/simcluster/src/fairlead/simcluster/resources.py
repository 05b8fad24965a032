"""Which resources exist: the built-in ones as a table, custom ones as they come and go.

Groups, kinds, scopes, short names, categories and subresources are those of Kubernetes 1.37's discovery documents.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

# One line a resource: plural, kind, scope, then (- for none) short names, categories, subresources, marks.
# Marks: g = metadata.generation is kept, r = DELETE answers with the object instead of a Status.
BUILT_IN: Final = """
/v1
configmaps ConfigMap ns cm - - -
endpoints Endpoints ns ep - - -
events Event ns ev - - -
limitranges LimitRange ns limits - - -
namespaces Namespace cluster ns - status -
nodes Node cluster no - status -
persistentvolumeclaims PersistentVolumeClaim ns pvc - status r
persistentvolumes PersistentVolume cluster pv - status r
pods Pod ns po all log,status gr
podtemplates PodTemplate ns - - - gr
replicationcontrollers ReplicationController ns rc all scale,status g
resourcequotas ResourceQuota ns quota - status r
secrets Secret ns - - - -
serviceaccounts ServiceAccount ns sa - - r
services Service ns svc all status r
apiregistration.k8s.io/v1
apiservices APIService cluster - api-extensions status -
apps/v1
controllerrevisions ControllerRevision ns - - - -
daemonsets DaemonSet ns ds all status g
deployments Deployment ns deploy all scale,status g
replicasets ReplicaSet ns rs all scale,status g
statefulsets StatefulSet ns sts all scale,status g
events.k8s.io/v1
events Event ns ev - - -
autoscaling/v2
horizontalpodautoscalers HorizontalPodAutoscaler ns hpa all status g
batch/v1
cronjobs CronJob ns cj all status g
jobs Job ns - all status g
networking.k8s.io/v1
ingressclasses IngressClass cluster - - - g
ingresses Ingress ns ing - status g
networkpolicies NetworkPolicy ns netpol - - g
policy/v1
poddisruptionbudgets PodDisruptionBudget ns pdb - status g
rbac.authorization.k8s.io/v1
clusterrolebindings ClusterRoleBinding cluster - - - -
clusterroles ClusterRole cluster - - - -
rolebindings RoleBinding ns - - - -
roles Role ns - - - -
storage.k8s.io/v1
csidrivers CSIDriver cluster - - - -
csinodes CSINode cluster - - status -
storageclasses StorageClass cluster sc - - r
volumeattachments VolumeAttachment cluster - - status -
admissionregistration.k8s.io/v1
mutatingwebhookconfigurations MutatingWebhookConfiguration cluster - api-extensions - g
validatingwebhookconfigurations ValidatingWebhookConfiguration cluster - api-extensions - g
apiextensions.k8s.io/v1
customresourcedefinitions CustomResourceDefinition cluster crd,crds api-extensions status g
scheduling.k8s.io/v1
priorityclasses PriorityClass cluster pc - - g
coordination.k8s.io/v1
leases Lease ns - - - -
node.k8s.io/v1
runtimeclasses RuntimeClass cluster - - - -
discovery.k8s.io/v1
endpointslices EndpointSlice ns - - - g
"""

METRICS_GROUP: Final = "metrics.k8s.io"

# Two groups, one storage: an Event is the same object in both.
SHARED_STORAGE: Final = {"events.k8s.io/events": "events"}


@dataclass(frozen=True, slots=True)
class Resource:
    """One served group/version/plural and how its objects behave."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    singular: str = ""
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    custom: bool = False
    keeps_generation: bool = False
    returns_deleted: bool = False
    storage: str = ""
    """The table its objects lie in: shared by the versions of a kind, and by `events` of two groups."""
    freshness: str = "Current"
    scale_paths: tuple[str, str, str] = (".spec.replicas", ".status.replicas", "")
    """Where a Scale finds wanted replicas, present replicas and, for custom resources, the label selector."""
    verbs: tuple[str, ...] = VERBS
    schema: dict[str, Any] | None = field(default=None, compare=False)
    """The OpenAPI v3 schema of a custom resource."""
    columns: tuple[dict[str, Any], ...] = field(default=(), compare=False)
    """The printed columns of a custom resource."""

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self) -> str:
        """Group and plural, the name by which faults and tests speak of it: `deployments.apps`, `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def described(self) -> bool:
        """Whether OpenAPI documents tell of it: those of an aggregated API would come from elsewhere."""
        return self.group != METRICS_GROUP

    @property
    def collection_kind(self) -> str:
        """The kind of its lists."""
        return self.list_kind or f"{self.kind}List"


def built_in() -> list[Resource]:
    """The resources every cluster serves, in discovery order."""
    resources: list[Resource] = []
    group = version = ""
    for line in BUILT_IN.split("\n"):
        if not line:
            continue
        if " " not in line:
            group, version = line.split("/")
            continue
        plural, kind, scope, *rest = line.split(" ")
        short, categories, subresources = (tuple(part.split(",")) if part != "-" else () for part in rest[:3])
        storage = f"{group}/{plural}" if group else plural
        resources.append(
            Resource(
                group=group,
                version=version,
                plural=plural,
                kind=kind,
                namespaced=scope == "ns",
                singular=kind.lower(),
                short_names=short,
                categories=categories,
                subresources=subresources,
                keeps_generation="g" in rest[3],
                returns_deleted="r" in rest[3],
                storage=SHARED_STORAGE.get(storage, storage),
            )
        )
        if plural == "horizontalpodautoscalers":
            resources.append(replace(resources[-1], version="v1"))
    return resources


class Registry:
    """What is served now. Iteration follows discovery: core, built-in groups, then custom ones as they came."""

    def __init__(self) -> None:
        self._served: dict[tuple[str, str, str], Resource] = {}
        self.generation = 0
        """Grows with every change of what is served."""
        for resource in built_in():
            self.add(resource)

    def add(self, resource: Resource) -> None:
        """Serve a resource (again)."""
        self.generation += 1
        self._served[resource.group, resource.version, resource.plural] = resource

    def remove(self, group: str, plural: str) -> list[Resource]:
        """Serve no version of it any longer; says which there were."""
        self.generation += 1
        gone = [each for each in self._served.values() if (each.group, each.plural) == (group, plural)]
        for each in gone:
            del self._served[each.group, each.version, each.plural]
        return gone

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """The resource of a request path, when it is served."""
        return self._served.get((group, version, plural))

    def by_kind(self, api_version: str, kind: str) -> Resource | None:
        """The resource of a manifest."""
        group, _, version = api_version.rpartition("/")
        for each in self._served.values():
            if (each.group, each.version, each.kind) == (group, version, kind):
                return each
        return None

    def by_key(self, key: str) -> Resource | None:
        """The preferred version of a key such as `deployments.apps` or `pods`."""
        return next((each for each in self._served.values() if each.key == key), None)

    def of_storage(self, storage: str) -> Resource | None:
        """The preferred resource whose objects lie in this table."""
        return next((each for each in self._served.values() if each.storage == storage), None)

    def versions(self, group: str) -> list[str]:
        """The versions of a group, preferred first."""
        return list(dict.fromkeys(each.version for each in self._served.values() if each.group == group))

    def groups(self) -> list[str]:
        """The groups beside the core one, in discovery order."""
        return list(dict.fromkeys(each.group for each in self._served.values() if each.group))

    def of(self, group: str, version: str) -> list[Resource]:
        """The resources of one group version by name."""
        found = [each for each in self._served.values() if (each.group, each.version) == (group, version)]
        return sorted(found, key=lambda each: each.plural)

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._served.values()))
