"""Loads the fixture plugins, each named for what it gives, and nothing else."""

from __future__ import annotations

pytest_plugins = [
    "tests.support.real_parts",
    "tests.support.processes",
    "tests.support.properties",
    "tests.support.nats_server",
    "tests.support.database",
    "tests.support.control_plane",
    "tests.support.programs",
    "tests.support.rest_double",
]
