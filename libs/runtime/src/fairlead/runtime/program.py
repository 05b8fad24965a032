"""The entry point that programs share: settings, logs, traces, health, lifecycle."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry

from fairlead.runtime import health, lifecycle, logfields, logs, metrics, tracing
from fairlead.runtime.errors import EXIT_CONFIGURATION, ConfigurationError
from fairlead.runtime.exposition import registry_of
from fairlead.runtime.lifecycle import Scope, Service
from fairlead.runtime.sections import HealthSettings, ServiceSettings
from fairlead.runtime.settings import load

S = TypeVar("S", bound=ServiceSettings)


def main(name: str, model: type[S], build: Callable[[S], Sequence[Service]]) -> None:
    """Load the settings, run the services that ``build`` makes of them, and exit the process with an honest code.

    Args:
        name: of the program; selects its environment variables and stands on every log line.
        model: its settings class.
        build: makes the services from the settings; it must not start anything.

    """
    logs.configure(name)
    try:
        settings = load(model, name)
        services = build(settings)
    except ConfigurationError as error:
        for problem in error.problems:
            logs.get_logger().error("configuration", **{logfields.REASON: problem})
        sys.exit(EXIT_CONFIGURATION)
    as_json = {"auto": None, "json": True, "console": False}[settings.logs.format]
    logs.configure(name, level=settings.logs.level, json=as_json)
    with tracing.configure(name, settings.tracing):
        code = run(services, settings)
    sys.exit(code)


def run(services: Sequence[Service], settings: ServiceSettings) -> int:
    """Run services with their health listeners; returns the exit code."""
    scopes: list[Scope] = []
    figures = registry_of([service.name for service in services])
    every = [_health(settings.health, scopes, figures), *services]
    return lifecycle.run(every, scopes=scopes, stop_timeout_s=settings.stop_timeout_seconds)


def _health(settings: HealthSettings, scopes: list[Scope], figures: CollectorRegistry) -> Service:
    """Make the service that starts first and stops last, so that probes are answered all the while."""

    def not_ready() -> dict[str, str]:
        missing = {scope.name: scope.not_ready() for scope in scopes}
        for name in missing.keys() & metrics.SERVED_BY["service"]:
            metrics.SERVICE_READY.labels(name).set(not missing[name])
        return {name: what for each in missing.values() for name, what in each.items()}

    async def start(scope: Scope) -> None:
        listeners = await scope.enter(health.listen(settings, not_ready, figures))
        scope.start("tick", listeners.tick())

    return Service("health", start)
