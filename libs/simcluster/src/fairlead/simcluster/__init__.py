"""An in-memory Kubernetes API server for demos, tests and load.

It speaks the real protocol over real HTTPS: discovery in all forms, OpenAPI, optimistic writes, four patch types, paged
lists of consistent snapshots, watches with bookmarks and WatchList, tables, logs, usage; workloads get pods that come
alive; faults can be scripted and every request is logged. Where it differs from a real kube-apiserver, the real one is
right: `tests/contract/kubernetes` runs against both. It stands alone (no other part of Fairlead is imported) and must
never be used to hold anything of value.

Known differences: no protobuf bodies, no YAML answers; types of which the schemas say `object` are not looked into; custom
resources are held against types, enums, limits and patterns, not against CEL rules; no admission plug-ins; controllers
are simple.
"""

from fairlead.simcluster.cluster import SimCluster

__all__ = ["SimCluster"]
