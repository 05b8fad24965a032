"""REST over HTTPS."""
