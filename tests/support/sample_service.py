"""A program with one service that behaves in a chosen way, for tests that run it as a process."""

from __future__ import annotations

_SERVICE = """
import asyncio
from fairlead.runtime import lifecycle, logs
from fairlead.runtime.errors import ConfigurationError
from fairlead.runtime.lifecycle import Service, Stage
logs.configure("sample", json=True)
log = logs.get_logger()

async def forever():
    await asyncio.Event().wait()

async def stubborn():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            log.info("ignored")

async def started(scope):
    scope.start("work", forever())
    log.info("up")

async def starting(scope):
    log.info("up")
    await forever()

async def draining(scope):
    async def drain():
        log.info("draining")
        await forever()
    scope.on_stop(Stage.DRAIN, "drain", drain)
    log.info("up")

async def stuck(scope):
    scope.start("stubborn", stubborn())
    log.info("up")

async def refused(scope):
    raise ConfigurationError("nats.url: wrong", "nats.user: wrong")

async def fault(scope):
    async def work():
        try:
            raise ValueError("because")
        except ValueError as error:
            raise RuntimeError("cannot work") from error
    scope.start("work", work())
    await forever()

raise SystemExit(lifecycle.run([Service("sample", {start})], stop_timeout_s={timeout}))
"""


def source(start: str, timeout_s: float = 5.0) -> str:
    """A program with one service."""
    return _SERVICE.replace("{start}", start).replace("{timeout}", str(timeout_s))
