"""fairlead.scrubber."""
