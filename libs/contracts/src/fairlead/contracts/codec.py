"""Envelope to bytes and back: MessagePack, positional, with a schema version in front.

Shapes (positions, not names, keep a batch of small objects small)::

    batch     [schema, [source…], [part…]]
    source    [account, cluster, group, version, plural, kind, namespaced, namespace, session, epoch]
    part      [source, number, checkpoint, [event…], inventory]
    event     [change, namespace, name, uid, version, changed_ms, object, redacted, withheld, traceparent]
    inventory [snapshot, first, until, [[namespace, name, uid, version]…]]

Versions are MessagePack integers, or decimal text from 2**64 on. Additions go to the end of a shape: a strict decoder
refuses them, a tolerant one counts and drops them; both refuse what is missing.
"""

from __future__ import annotations

from typing import Any

import msgpack

from fairlead.contracts.envelope import SCHEMA_VERSION, Batch, Change, Event, Inventory, InventoryEntry, Part, Source
from fairlead.contracts.identity import ObjectKey, Resource, parse_version

INTEGER_LIMIT = 2**64


class MalformedEnvelope(ValueError):
    """The bytes are no batch of a schema that this decoder knows. The text never repeats content."""


def encode(batch: Batch) -> bytes:
    """Encode a batch; the inverse of `decode`."""
    sources = [_source_row(source) for source in batch.sources]
    parts = [_part_row(part) for part in batch.parts]
    return bytes(msgpack.packb([SCHEMA_VERSION, sources, parts]))


class Decoder:
    """Decodes batches.

    Args:
        strict: refuse unknown fields at the end of a shape. Otherwise they are dropped and counted in ``unknown_fields``.

    """

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self.unknown_fields = 0

    def decode(self, data: bytes) -> Batch:
        """Decode one batch.

        Raises:
            MalformedEnvelope: not MessagePack, another schema, a shape with too few fields, a value of a wrong type.

        """
        try:
            document = msgpack.unpackb(data, strict_map_key=True)
            schema, sources, parts = self._fields(document, 3)
            if _count(schema) != SCHEMA_VERSION:
                raise MalformedEnvelope(f"envelope schema {schema} is not {SCHEMA_VERSION}; upgrade this service")
            batch = Batch([self._source(row) for row in _rows(sources)], [self._part(row) for row in _rows(parts)])
        except MalformedEnvelope:
            raise
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise MalformedEnvelope(f"envelope cannot be decoded ({type(error).__name__})") from None
        _check_references(batch)
        return batch

    def _fields(self, row: Any, count: int) -> list[Any]:
        if not isinstance(row, list) or len(row) < count:
            raise MalformedEnvelope(f"envelope shape with fewer than {count} fields")
        if len(row) > count:
            if self.strict:
                raise MalformedEnvelope(f"envelope shape with {len(row) - count} unknown fields")
            self.unknown_fields += len(row) - count
        return row[:count]

    def _source(self, row: Any) -> Source:
        account, cluster, group, version, plural, kind, namespaced, namespace, session, epoch = self._fields(row, 10)
        resource = Resource(_text(group), _text(version), _text(plural), _text(kind), _flag(namespaced))
        return Source(_text(account), _text(cluster), resource, _text(namespace), _text(session), _count(epoch))

    def _part(self, row: Any) -> Part:
        source, number, checkpoint, events, inventory = self._fields(row, 5)
        return Part(
            source=_count(source),
            number=_count(number),
            checkpoint=None if checkpoint is None else _version(checkpoint),
            events=[self._event(event) for event in _rows(events)],
            inventory=None if inventory is None else self._inventory(inventory),
        )

    def _event(self, row: Any) -> Event:
        # Not through the small checkers: this runs once for every object of a first sync.
        change, namespace, name, uid, version, changed_ms, body, redacted, withheld, trace = self._fields(row, 10)
        texts = namespace.__class__ is name.__class__ is uid.__class__ is withheld.__class__ is trace.__class__ is str
        if (
            not texts
            or body.__class__ is not bytes
            or redacted.__class__ is not bool
            or changed_ms.__class__ is not int
        ):
            raise MalformedEnvelope("envelope event with a value of a wrong type")
        key = ObjectKey(namespace, name)
        return Event(Change(change), key, uid, _version(version), changed_ms, body, redacted, withheld, trace)

    def _inventory(self, row: Any) -> Inventory:
        snapshot, first, until, rows = self._fields(row, 4)
        entries = []
        for entry in _rows(rows):
            namespace, name, uid, version = self._fields(entry, 4)
            known = None if version is None else _version(version)
            entries.append(InventoryEntry(ObjectKey(_text(namespace), _text(name)), _text(uid), known))
        return Inventory(_version(snapshot), self._bound(first), self._bound(until), entries)

    def _bound(self, row: Any) -> ObjectKey | None:
        if row is None:
            return None
        namespace, name = self._fields(row, 2)
        return ObjectKey(_text(namespace), _text(name))


def _source_row(source: Source) -> list[Any]:
    kind = source.resource
    identity = [kind.group, kind.version, kind.plural, kind.kind, kind.namespaced]
    return [source.account, source.cluster, *identity, source.namespace, source.session, source.epoch]


def _part_row(part: Part) -> list[Any]:
    events = [
        [
            int(event.change), *event.key, event.uid, _wire(event.version), event.changed_ms,
            event.object, event.redacted, event.withheld, event.traceparent,
        ]
        for event in part.events
    ]  # fmt: skip
    checkpoint = None if part.checkpoint is None else _wire(part.checkpoint)
    return [part.source, part.number, checkpoint, events, part.inventory and _inventory_row(part.inventory)]


def _inventory_row(inventory: Inventory) -> list[Any]:
    entries = [
        [*entry.key, entry.uid, None if entry.version is None else _wire(entry.version)] for entry in inventory.entries
    ]
    return [_wire(inventory.snapshot), inventory.first, inventory.until, entries]


def _check_references(batch: Batch) -> None:
    if any(part.source >= len(batch.sources) for part in batch.parts):
        raise MalformedEnvelope("envelope part names a source that the batch lacks")


def _wire(version: int) -> int | str:
    return version if version < INTEGER_LIMIT else str(version)


def _version(value: Any) -> int:
    if value.__class__ is int and value >= 0:
        return int(value)
    if value.__class__ is str:
        return parse_version(value)
    raise MalformedEnvelope("envelope version is neither a number nor decimal text")


def _rows(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise MalformedEnvelope("envelope list field of a wrong type")


def _text(value: Any) -> str:
    if value.__class__ is str:
        return str(value)
    raise MalformedEnvelope("envelope text field of a wrong type")


def _count(value: Any) -> int:
    if value.__class__ is int and value >= 0:
        return int(value)
    raise MalformedEnvelope("envelope number field of a wrong type")


def _flag(value: Any) -> bool:
    if value.__class__ is bool:
        return bool(value)
    raise MalformedEnvelope("envelope flag field of a wrong type")
