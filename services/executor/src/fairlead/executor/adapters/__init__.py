"""The executor's wires: the bus, the bucket of claims on it, and API servers."""
