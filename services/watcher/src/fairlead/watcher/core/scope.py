"""What of a cluster an account wants watched, and how that is told apart from what it wanted before."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from fairlead.contracts.identity import Resource

DEFAULT_KINDS = (
    "ReplicaSet",
    "Service",
    "Ingress",
    "DaemonSet",
    "Deployment",
    "Pod",
    "StatefulSet",
    "Job",
    "CronJob",
    "NetworkPolicy",
    "Namespace",
    "CustomResourceDefinition",
)
"""Kinds that are watched unless an account names its own (`kubesvc.cache.cacheKinds` of Armory's plug-in)."""
MANAGED_SELECTOR = "app.kubernetes.io/managed-by=spinnaker"
"""Label that Clouddriver puts on what it deploys (``KubernetesManifestLabeler``)."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which objects an account wants, as its configuration says it."""

    kinds: tuple[str, ...] = ()
    omit_kinds: tuple[str, ...] = ()
    custom_kinds: tuple[str, ...] = ()
    """Custom kinds that are watched beside the others (`customResourceDefinitions`)."""
    namespaces: tuple[str, ...] = ()
    omit_namespaces: frozenset[str] = frozenset()
    only_namespaced: bool = False
    label_selector: str = ""

    @property
    def wanted_kinds(self) -> tuple[str, ...]:
        """Kinds to watch, as written in the configuration."""
        return (*(self.kinds or DEFAULT_KINDS), *self.custom_kinds)


@dataclass(frozen=True, slots=True)
class Selection:
    """One reflector's part of a scope."""

    resource: Resource
    namespace: str
    label_selector: str
    omit_namespaces: frozenset[str]

    @property
    def metadata_only(self) -> bool:
        """Secrets are watched without their values, so that those never enter this process."""
        return not self.resource.group and self.resource.plural == "secrets"

    def digest(self, rules: str) -> str:
        """Hash of everything that decides which objects are seen and how they look, scrub rules included."""
        omitted = ",".join(sorted(self.omit_namespaces))
        fields = (
            self.resource.api_version,
            self.namespace,
            self.label_selector,
            omitted,
            str(self.metadata_only),
            rules,
        )
        return sha256("\0".join(fields).encode()).hexdigest()[:32]


def selections(scope: Scope, resources: tuple[Resource, ...]) -> list[Selection]:
    """Split a scope into one selection for each resource, or for each resource and namespace."""
    chosen: list[Selection] = []
    for resource in dict.fromkeys(resources):
        if scope.only_namespaced and not resource.namespaced:
            continue
        namespaces = scope.namespaces if scope.namespaces and resource.namespaced else ("",)
        omitted = scope.omit_namespaces if resource.namespaced else frozenset()
        chosen += [
            Selection(resource, namespace, scope.label_selector, omitted)
            for namespace in namespaces
            if not namespace or namespace not in omitted
        ]
    return chosen
