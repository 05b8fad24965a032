"""fairlead.simcluster."""
