"""fairlead.cli."""
