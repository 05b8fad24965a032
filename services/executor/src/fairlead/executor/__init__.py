"""fairlead.executor."""
