"""The observation path under thousands of random runs of faults: whatever happens, the mirror heals and never lies.

A failing seed is shrunk and told step by step. More seeds: ``FAIRLEAD_SEEDS=100000 pytest tests/protocol``.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from tests.protocol.runs import make, play, shrink
from tests.support.options import OPTIONS

LENGTHS = {160: OPTIONS.seeds, 600: OPTIONS.seeds // 10}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("length", LENGTHS)
def test_the_mirror_survives_random_faults(length: int) -> None:
    """No seed violates an invariant, and the runs together cover what they are meant to cover."""
    covered: Counter[str] = Counter()
    for seed in range(LENGTHS[length]):
        violated, events = asyncio.run(play(make(seed, length), seed))
        covered += events
        if violated:
            pytest.fail(asyncio.run(explain(seed, length, violated)))

    assert {"checkpoint", "epoch", "gap", "overload", "repair"} <= covered.keys()


async def explain(seed: int, length: int, violated: str) -> str:
    """Shrink a failing run and tell it."""
    actions = await shrink(make(seed, length), seed, violated[:2])
    told: list[str] = []
    shortest, _ = await play(actions, seed, told)
    return "\n".join([f"seed {seed}: {shortest}", *told])
