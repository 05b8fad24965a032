"""Decisions of the watcher, as values and functions: no loop, no clock, no socket."""
