"""The patch that makes an object what a manifest says, computed as ``kubectl apply`` computes it.

The patch is the difference between what is live and the manifest, without deletions, laid over the deletions between the
manifest applied last and this one. How lists merge is told by the cluster's OpenAPI documents.
"""
