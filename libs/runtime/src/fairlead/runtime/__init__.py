"""fairlead.runtime."""
