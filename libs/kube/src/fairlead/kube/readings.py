"""Reading credentials on threads of their own: one reading of a source at a time, within a deadline, in nobody's way.

A reading cannot be ended from outside: an exec plug-in may wait for input, a mount may hang. In the loop's own pool a
few of those would hold up every other account, and the loop waits for its pool when it closes.
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fairlead.kube.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from fairlead.kube.material import Material

DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class _Reading:
    answer: Future[Material]
    until: float


_under_way: dict[Hashable, _Reading] = {}


async def read_once(source: Hashable, work: Callable[[], Material]) -> Material:
    """Do the work of reading a source, or wait for the reading of it that is under way.

    A reading that passes its deadline stays the only one of its source until it ends: what hangs is not started again,
    and the error comes at once.

    Raises:
        CredentialsError: of the reading, or because it takes too long.

    """
    reading = _under_way.get(source) or _start(source, work)
    try:
        async with asyncio.timeout(max(0.0, reading.until - time.monotonic())):
            return await asyncio.wrap_future(reading.answer)
    except TimeoutError as error:
        raise CredentialsError(
            f"reading the credentials takes longer than {DEADLINE_S:.0f} s; an exec plug-in may wait for input: it is not"
            " started again before it ends"
        ) from error


def _start(source: Hashable, work: Callable[[], Material]) -> _Reading:
    reading = _Reading(Future(), time.monotonic() + DEADLINE_S)
    reading.answer.set_running_or_notify_cancel()  # whoever stops waiting does not end it for the others
    _under_way[source] = reading

    def run() -> None:
        try:
            material = work()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            del _under_way[source]
            reading.answer.set_exception(error)
        else:
            del _under_way[source]
            reading.answer.set_result(material)

    # A daemon: what hangs does not keep the process.
    threading.Thread(target=run, name="credentials", daemon=True).start()
    return reading
