"""Random runs of the world: made from a seed, played, and shrunk to the actions that matter."""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple

from tests.protocol.mirrors import MirrorUnderTest
from tests.protocol.state import Violation
from tests.protocol.world import World

WEIGHTS: dict[str, float] = {
    "write": 14, "compact": 2, "cluster_backup": 0.6, "cluster_restore": 0.5, "garbage": 3, "db_backup": 0.8,
    "db_restore": 0.5, "gap": 0.4, "scrub": 16, "resend": 4, "deliver": 14, "ack_wait": 3, "commit": 16, "bridge": 1.2,
    "log_loss": 0.5, "send": 14, "inventory": 3, "notice": 4, "step": 34, "fetch": 4, "crash": 0.8, "lease": 0.7,
    "stop": 0.6, "scope_change": 0.5, "duplicate_open": 0.3, "ask": 1,
}  # fmt: skip
ALWAYS = ("write", "scrub", "deliver", "commit", "send", "step")
OF_A_WATCHER = ("step", "send", "inventory", "notice", "resend")


class Action(NamedTuple):
    """One step; an impossible one does nothing, so that runs shrink by leaving steps out."""

    name: str
    a: int
    b: int


def make(seed: int, length: int) -> list[Action]:
    """Make a run; each seed stresses other faults."""
    chance = random.Random(seed)  # noqa: S311 - a seed that can be told
    weights = {
        name: weight if name in ALWAYS else weight * chance.choice((0, 0, 1, 1, 3)) for name, weight in WEIGHTS.items()
    }
    weights["commit"] *= chance.choice((0.3, 1, 1))
    weights["scrub"] *= chance.choice((0.4, 1, 1))
    names = chance.choices(list(weights), list(weights.values()), k=length)
    one_watcher = chance.random() < 0.6
    actions = []
    for name in names:
        a, b = chance.randrange(5040), chance.randrange(5040)
        if one_watcher and name in OF_A_WATCHER:
            a -= a % 2
        actions.append(Action(name, a, b))
    return actions


async def play(actions: list[Action], seed: int, told: list[str] | None = None) -> tuple[str | None, Counter[str]]:
    """Play a run and let it calm down; returns what was violated, and what the run covered."""
    mirror = MirrorUnderTest()
    await mirror.prepare()
    world = World(mirror)
    if told is not None:
        world.say = lambda *words: told.append("    " + " ".join(map(str, words)))
    try:
        for action in actions:
            if told is not None:
                told.append(" ".join(map(str, action)))
            await getattr(world, action.name)(action.a, action.b)
            world.check_bounds()
        if told is not None:
            told.append("-- calm")
        await world.calm(seed)
    except Violation as violation:
        return str(violation), Counter(world.events)
    return None, Counter(world.events)


async def shrink(actions: list[Action], seed: int, invariant: str) -> list[Action]:
    """Leave out whatever is not needed to violate the invariant."""
    step = max(1, len(actions) // 2)
    while step:
        start, changed = 0, False
        while start < len(actions):
            fewer = actions[:start] + actions[start + step :]
            violated, _ = await play(fewer, seed)
            if violated and violated.startswith(invariant):
                actions, changed = fewer, True
            else:
                start += step
        if not changed or step > 1:
            step //= 2
    return actions
