"""fairlead.gateway."""
