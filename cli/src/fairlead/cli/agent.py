"""The four agent services in one process: the same code as four programs, another composition."""

from __future__ import annotations

from collections.abc import Callable

from fairlead.bridge.service import build as build_bridge
from fairlead.bridge.settings import Settings as BridgeSettings
from fairlead.executor.service import build as build_executor
from fairlead.executor.settings import Settings as ExecutorSettings
from fairlead.runtime import program
from fairlead.runtime.errors import ConfigurationError
from fairlead.runtime.lifecycle import Service
from fairlead.runtime.sections import ServiceSettings
from fairlead.runtime.settings import load
from fairlead.scrubber.service import build as build_scrubber
from fairlead.scrubber.settings import Settings as ScrubberSettings
from fairlead.watcher.service import build as build_watcher
from fairlead.watcher.settings import Settings as WatcherSettings


class Settings(ServiceSettings):
    """What the process as a whole reads: health, logs, traces. Each service reads its own settings, under its own name."""


def build(_: Settings) -> list[Service]:
    """Make the four services, each from the same file and its own environment variables (``FAIRLEAD_WATCHER__…``).

    They stop in reverse order: first the watcher, which feeds the others, last the bridge, which carries what is left.

    Raises:
        ConfigurationError: with the faults of all of them.

    """
    makers: tuple[Callable[[], Service], ...] = (
        lambda: build_bridge(load(BridgeSettings, "bridge")),
        lambda: build_executor(load(ExecutorSettings, "executor")),
        lambda: build_scrubber(load(ScrubberSettings, "scrubber")),
        lambda: build_watcher(load(WatcherSettings, "watcher")),
    )
    services: list[Service] = []
    problems: list[str] = []
    for make in makers:
        try:
            services.append(make())
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(*dict.fromkeys(problems))
    return services


def main() -> None:
    """Run the agent until a signal ends it."""
    program.main("agent", Settings, build)
