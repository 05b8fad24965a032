"""A simulated cluster in a thread of its own, for tests that are not asynchronous and want to script its faults."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from fairlead.simcluster import SimCluster

T = TypeVar("T")
_START_TIMEOUT_S = 20.0


class SimulatedApi:
    """Runs one SimCluster; what touches the cluster goes through `do`, which runs it in the cluster's own event loop."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.kubeconfig = directory / "kubeconfig"
        self.cluster: SimCluster
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="simulated-api", daemon=True)

    def start(self) -> None:
        """Start it and write its kubeconfig."""
        self._thread.start()
        self._ready.result(_START_TIMEOUT_S)
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        self.kubeconfig.write_text(self.do(self.cluster.kubeconfig), encoding="utf-8")

    def stop(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_TIMEOUT_S)

    def do(self, action: Callable[[], T]) -> T:
        """Run something in the cluster's event loop and return what it returns."""

        async def run() -> T:
            return action()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_START_TIMEOUT_S)

    def stop_serving(self) -> None:
        """Stop listening; the objects stay."""
        asyncio.run_coroutine_threadsafe(self.cluster.stop(), self._loop).result(_START_TIMEOUT_S)

    def serve_again(self) -> None:
        """Listen again, on the same port."""
        asyncio.run_coroutine_threadsafe(self.cluster.start(), self._loop).result(_START_TIMEOUT_S)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        try:
            self.cluster = await SimCluster(**self._settings).start()
        except BaseException as error:
            self._ready.set_exception(error)
            raise
        self._ready.set_result(None)
        await self._stop.wait()
        await self.cluster.stop()
