"""A reading of credentials that hangs is in nobody's way."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
from tests.support.services import eventually

from fairlead.kube import readings
from fairlead.kube.errors import CredentialsError
from fairlead.kube.material import Material
from fairlead.kube.readings import read_once

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.support.programs import Program

MATERIAL = Material("https://cluster.example:6443", None, "", None, "", "Bearer one", None)
POOL_MAX = 32
"""What the loop's own pool has at most (`concurrent.futures.ThreadPoolExecutor`)."""


class Stuck:
    """A reading that hangs until it is let go; it counts its beginnings."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.count = 0

    def __call__(self) -> Material:
        """Hang."""
        self.count += 1
        self.go.wait()
        return MATERIAL


@pytest.fixture
async def stuck() -> AsyncIterator[Stuck]:
    """It is let go with the test, and its threads end."""
    work = Stuck()
    yield work
    work.go.set()
    await eventually(lambda: not any(thread.name == "credentials" for thread in threading.enumerate()))


async def give_up(stuck: Stuck, *sources: str) -> None:
    """Read sources that hang, past the deadline."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readings, "DEADLINE_S", 0.05)
        async with asyncio.TaskGroup() as group:
            for each in sources:
                group.create_task(_refused(each, stuck))


async def _refused(source: str, stuck: Stuck) -> None:
    with pytest.raises(CredentialsError, match="takes longer"):
        await read_once(source, stuck)


async def test_the_answer_or_the_error_comes_back() -> None:
    """As the reading gives it."""

    def refuse() -> Material:
        raise CredentialsError("login first")

    assert await read_once("good", lambda: MATERIAL) is MATERIAL
    with pytest.raises(CredentialsError, match="login first"):
        await read_once("bad", refuse)
    assert await read_once("bad", lambda: MATERIAL) is MATERIAL


async def test_many_that_hang_do_not_hold_up_another(stuck: Stuck) -> None:
    """More than any pool has threads."""
    await give_up(stuck, *(f"hung {n}" for n in range(POOL_MAX + 1)))

    await eventually(lambda: stuck.count == POOL_MAX + 1)
    assert await read_once("good", lambda: MATERIAL) is MATERIAL


async def test_what_hangs_is_not_started_again(stuck: Stuck) -> None:
    """The error comes at once while the reading has not ended, and the source is read again afterwards."""
    await give_up(stuck, "hung")
    with pytest.raises(CredentialsError, match="not started again before it ends"):
        await read_once("hung", stuck)
    await eventually(lambda: stuck.count == 1)

    stuck.go.set()
    await eventually(lambda: not any(thread.name == "credentials" for thread in threading.enumerate()))
    assert await read_once("hung", stuck) is MATERIAL
    assert stuck.count == 2


async def test_readers_of_one_source_share_a_reading(stuck: Stuck) -> None:
    """One of them going away does not end it for the others."""
    async with asyncio.TaskGroup() as group:
        leaving, staying = (group.create_task(read_once("shared", stuck)) for _ in range(2))
        await eventually(lambda: stuck.count == 1)
        leaving.cancel()
        await asyncio.wait((leaving,))
        stuck.go.set()

    assert leaving.cancelled()
    assert staying.result() is MATERIAL
    assert stuck.count == 1


def test_what_hangs_does_not_keep_the_process(program: Callable[..., Program]) -> None:
    """The program ends although the reading never does."""
    running = program(
        """
        import asyncio, threading
        from fairlead.kube import readings
        from fairlead.kube.errors import CredentialsError
        readings.DEADLINE_S = 0.05

        async def main():
            try:
                await readings.read_once("hung", threading.Event().wait)
            except CredentialsError:
                raise SystemExit(7)

        asyncio.run(main())
        """
    )

    assert running.ended() == 7
