"""The first process of a container is told to end like any other."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.programs import Program


@pytest.mark.parametrize(("pid", "code"), [(1, 128 + signal.SIGTERM), (2, -signal.SIGTERM)])
def test_sigterm_while_a_program_is_imported(program: Callable[..., Program], pid: int, code: int) -> None:
    """The first process ends by a handler of ours, in order; another one by the kernel, as ever."""
    running = program(
        f"""
        import os, signal, sys
        os.getpid = lambda: {pid}
        import fairlead.runtime
        print("imported", file=sys.stderr, flush=True)
        signal.pause()
        """
    )
    running.until("imported")
    running.send(signal.SIGTERM)

    assert running.ended() == code


def test_what_handles_it_already_stays(program: Callable[..., Program]) -> None:
    """Whoever imports the package has the last word."""
    running = program(
        """
        import os, signal, sys
        os.getpid = lambda: 1
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        import fairlead.runtime
        print("imported", file=sys.stderr, flush=True)
        signal.pause()
        """
    )
    running.until("imported")
    running.send(signal.SIGTERM)

    assert running.ended() == 7
