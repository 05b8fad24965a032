"""The executor's use cases: take an operation, claim it, run it, report it."""
