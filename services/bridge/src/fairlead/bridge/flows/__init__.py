"""The use cases: the connection and its hand-over, the clean log, calls, operations."""
