"""Decisions of the gateway: pure."""
