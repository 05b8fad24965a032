"""Tables for ``kubectl get``: the columns that API servers print, for the kinds that are mirrored by default.

What stands in which cell is that of Kubernetes 1.37 (kubernetes ``pkg/printers/internalversion``, and for definitions
apiextensions-apiserver ``tableconvertor``), whatever the cluster's own release.
"""
