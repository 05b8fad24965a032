"""Decisions about objects: rules, redaction, the second check. Pure functions over bytes."""
