"""The queue, the timers and the task."""

from __future__ import annotations

import asyncio

from tests.unit.simcluster.calls import DEFINITIONS, DEPLOYMENTS, PODS, Hands, definition, workload


def test_work_says_when_it_is_due_again() -> None:
    """Zero with a queue left, the time to the next timer, None when there is nothing."""
    hands = Hands()
    hands.settle()
    assert hands.controllers.work() is None
    hands.call("POST", DEPLOYMENTS, workload("Deployment", "web", 1))

    assert hands.controllers.work(1) == 0.0
    wait_s = hands.controllers.work()
    assert wait_s is not None
    assert 0.0 < wait_s <= 1.0


def test_resync_looks_at_everything() -> None:
    """A restored store's definitions are served and its workloads cared for."""
    hands = Hands()
    hands.call("POST", DEFINITIONS, definition())
    hands.call("POST", DEPLOYMENTS, workload("Deployment", "web", 2))
    backup = hands.state.store.backup()
    hands.settle(3)
    hands.state.registry.remove("shop.example", "widgets")
    hands.state.store.restore(backup)
    hands.controllers.resync()
    assert hands.names(PODS) == []
    hands.settle(3)

    assert hands.state.registry.versions("shop.example") == ["v1"]
    assert len(hands.names(PODS)) == 2


async def test_run_works_until_cancelled() -> None:
    """Woken by changes and by its timers."""
    hands = Hands()
    made = asyncio.Event()
    hands.state.store.listeners.append(lambda table, _: made.set() if table.name == "pods" else None)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(hands.controllers.run())
        hands.call("POST", DEPLOYMENTS, workload("Deployment", "web", 1))
        await made.wait()
        task.cancel()

    assert len(hands.names(PODS)) == 1
