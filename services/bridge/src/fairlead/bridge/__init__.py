"""fairlead.bridge."""
