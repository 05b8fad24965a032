"""fairlead.kube."""
