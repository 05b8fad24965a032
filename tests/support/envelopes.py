"""Hypothesis strategies for envelopes: every batch that a watcher could send."""

from __future__ import annotations

from hypothesis import strategies as st

from fairlead.contracts.envelope import Batch, Change, Event, Inventory, InventoryEntry, Part, Source
from fairlead.contracts.identity import ObjectKey, Resource

texts = st.text(st.characters(codec="utf-8"), max_size=12)
versions = st.integers(0, 2**128 - 1) | st.integers(0, 2**16) | st.sampled_from([2**64 - 1, 2**64, 2**128 - 1])
counts = st.integers(0, 2**64 - 1)
keys = st.builds(ObjectKey, namespace=texts, name=texts)
resources = st.builds(Resource, group=texts, version=texts, plural=texts, kind=texts, namespaced=st.booleans())
sources = st.builds(
    Source, account=texts, cluster=texts, resource=resources, namespace=texts, session=texts, epoch=counts
)
events = st.builds(
    Event,
    change=st.sampled_from(Change),
    key=keys,
    uid=texts,
    version=versions,
    changed_ms=st.integers(-(2**63), 2**64 - 1),
    object=st.binary(max_size=40),
    redacted=st.booleans(),
    withheld=texts,
    traceparent=texts,
)
entries = st.builds(InventoryEntry, key=keys, uid=texts, version=st.none() | versions)
inventories = st.builds(
    Inventory, snapshot=versions, first=st.none() | keys, until=st.none() | keys, entries=st.lists(entries, max_size=4)
)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Batches whose parts name sources that are there."""
    listed = draw(st.lists(sources, min_size=1, max_size=3))
    parts = st.builds(
        Part,
        source=st.integers(0, len(listed) - 1),
        number=counts,
        checkpoint=st.none() | versions,
        events=st.lists(events, max_size=4),
        inventory=st.none() | inventories,
    )
    return Batch(listed, draw(st.lists(parts, max_size=4)))
