"""Decisions of the bridge: lanes and windows, correlation of calls, assembly of chunks, what a failed dial means."""
