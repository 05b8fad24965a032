"""An in-memory Kubernetes API server for demos, tests and load.

It speaks the real protocol over real HTTPS: discovery, optimistic writes, four patch types, paged lists of consistent
snapshots, watches with bookmarks and WatchList; workloads get pods that come alive; faults can be scripted and every
request is logged. Where it differs from a real kube-apiserver, the real one is right: `tests/contract/kubernetes` runs
against both. It stands alone (no other part of Fairlead is imported) and must never be used to hold anything of value.

Known differences: no Table output, protobuf or YAML bodies; unknown fields of built-in kinds are kept; no schema
validation of custom resources; no admission plug-ins; controllers are simple.
"""

from fairlead.simcluster.cluster import SimCluster

__all__ = ["SimCluster"]
