"""Which events are traced."""

from __future__ import annotations

from fairlead.contracts.envelope import Batch, Change, Event, Part, Source
from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.watcher.core.sampling import Sampler

PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
SERVICES = Resource("", "v1", "services", "Service", namespaced=True)


def batch(*resources: Resource, changed_ms: int = 1_700_000_000_000, events: int = 2) -> Batch:
    """A batch with a part for each resource."""
    sources = [Source("shore", "uid", resource, "", f"session-{resource.plural}", 1) for resource in resources]
    parts = [
        Part(number, 1, None, [_event(f"{number}-{each}", changed_ms) for each in range(events)])
        for number in range(len(resources))
    ]
    return Batch(sources, parts)


def _event(name: str, changed_ms: int) -> Event:
    return Event(Change.UPSERT, ObjectKey("shop", name), f"uid-{name}", 7, changed_ms, b"{}")


def test_at_most_so_many_a_second_of_each_resource() -> None:
    """One event of a resource, then none until its time is over; other resources have a time of their own."""
    sampler = Sampler(2)
    assert sampler.choose(batch(PODS), 10.0) is not None
    assert sampler.choose(batch(PODS), 10.4) is None
    other = sampler.choose(batch(PODS, SERVICES), 10.4)
    assert other is not None
    assert other.source.resource == SERVICES
    assert sampler.choose(batch(PODS), 10.5) is not None


def test_one_event_of_a_batch() -> None:
    """A batch with many resources has one sample, and the others keep their turn."""
    sampler = Sampler(1)
    both = batch(PODS, SERVICES)
    first, second = sampler.choose(both, 1.0), sampler.choose(both, 1.0)
    assert first is not None
    assert second is not None
    assert first.source.resource != second.source.resource


def test_what_a_list_told_is_not_traced() -> None:
    """It has no time at which it happened; nor have inventories and checkpoints."""
    sampler = Sampler(1000)
    assert sampler.choose(batch(PODS, changed_ms=0), 1.0) is None
    assert sampler.choose(batch(PODS, events=0), 1.0) is None


def test_a_rate_of_nothing_chooses_nothing() -> None:
    """As with tracing switched off."""
    assert Sampler(0).choose(batch(PODS), 1.0) is None
