"""The codec of envelopes: nothing is lost, nothing unknown slips in, garbage only ever raises MalformedEnvelope."""

from __future__ import annotations

import contextlib
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.envelopes import batches

from fairlead.contracts.codec import Decoder, MalformedEnvelope, encode
from fairlead.contracts.envelope import SCHEMA_VERSION, Batch, Change, Event, Inventory, InventoryEntry, Part, Source
from fairlead.contracts.identity import ObjectKey, Resource

PODS = Resource("", "v1", "pods", "Pod", True)
SOURCE = Source("prod", "uid-1", PODS, "", "s-1", 1)
EVENT = Event(Change.UPSERT, ObjectKey("web", "cart"), "u-1", 7, 0, b"{}")
SHAPES: dict[str, list[int]] = {
    "batch": [],
    "source": [1, 0],
    "part": [2, 0],
    "event": [2, 0, 3, 0],
    "inventory": [2, 0, 4],
    "bound": [2, 0, 4, 1],
    "entry": [2, 0, 4, 3, 0],
}
"""Where in the encoded sample an instance of each shape stands."""


def sample() -> Any:
    """A batch with each shape once, as MessagePack lists."""
    key = ObjectKey("web", "a")
    inventory = Inventory(9, key, None, [InventoryEntry(key, "u-1", 7)])
    return msgpack.unpackb(encode(Batch([SOURCE], [Part(0, 1, 7, [EVENT], inventory)])))


def at(document: Any, path: list[int]) -> Any:
    """The list at a path of positions."""
    for step in path:
        document = document[step]
    return document


@given(batches(), st.booleans())
def test_what_is_encoded_is_decoded(batch: Batch, strict: bool) -> None:
    """Every batch comes back as it went, by the strict and the tolerant decoder, with nothing unknown in it."""
    decoder = Decoder(strict=strict)

    assert decoder.decode(encode(batch)) == batch
    assert decoder.unknown_fields == 0


@pytest.mark.parametrize("version", [0, 2**64 - 1, 2**64, 2**127 + 1, 2**128 - 1])
def test_versions_up_to_128_bits(version: int) -> None:
    """Versions keep their value on both sides of what a MessagePack integer holds."""
    batch = Batch([SOURCE], [Part(0, 1, version, [Event(Change.DELETE, ObjectKey("", "n"), "u", version, 0, b"")])])

    assert Decoder(strict=True).decode(encode(batch)) == batch


@pytest.mark.parametrize("version", [-1, "-1", "007", "12 ", str(2**128), 1.0, True, b"1", None])
def test_other_versions_are_refused(version: object) -> None:
    """What is no version is refused: negative, with leading zeros, of more than 128 bits, of another type."""
    document = sample()
    at(document, SHAPES["event"])[4] = version

    with pytest.raises(MalformedEnvelope):
        Decoder(strict=False).decode(msgpack.packb(document))


@pytest.mark.parametrize("shape", SHAPES)
@given(extra=st.lists(st.none() | st.integers(0, 9) | st.text(max_size=3), min_size=1, max_size=3))
def test_unknown_trailing_fields(shape: str, extra: list[Any]) -> None:
    """A field added at the end of any shape is refused by the strict decoder, dropped and counted by the tolerant one."""
    document = sample()
    at(document, SHAPES[shape]).extend(extra)
    data = msgpack.packb(document)
    tolerant = Decoder(strict=False)

    with pytest.raises(MalformedEnvelope, match="unknown fields"):
        Decoder(strict=True).decode(data)
    assert tolerant.decode(data) == Decoder(strict=True).decode(msgpack.packb(sample()))
    assert tolerant.unknown_fields == len(extra)


@pytest.mark.parametrize("shape", SHAPES)
def test_missing_fields_are_refused(shape: str) -> None:
    """No shape decodes with its last field gone, not even tolerantly."""
    document = sample()
    at(document, SHAPES[shape]).pop()

    with pytest.raises(MalformedEnvelope, match="fewer than"):
        Decoder(strict=False).decode(msgpack.packb(document))


@pytest.mark.parametrize("schema", [0, 2, True, "1", None, [1]])
def test_another_schema_is_refused(schema: object) -> None:
    """Only the schema number of this release is taken, and no value that merely equals it."""
    with pytest.raises(MalformedEnvelope):
        Decoder(strict=False).decode(msgpack.packb([schema, [], []]))


@pytest.mark.parametrize("rows", ["", b"", {}, 0, None])
def test_lists_are_lists(rows: object) -> None:
    """An empty value of another type is no empty list."""
    with pytest.raises(MalformedEnvelope):
        Decoder(strict=False).decode(msgpack.packb([SCHEMA_VERSION, rows, []]))


def test_a_part_names_a_source_of_its_batch() -> None:
    """A part that points past the sources is refused."""
    with pytest.raises(MalformedEnvelope, match="source that the batch lacks"):
        Decoder(strict=True).decode(encode(Batch([SOURCE], [Part(source=1, number=1)])))


@given(batches(), st.data())
def test_truncated_bytes_are_malformed(batch: Batch, data: st.DataObject) -> None:
    """No proper prefix of an envelope decodes."""
    encoded = encode(batch)
    end = data.draw(st.integers(0, len(encoded) - 1))

    with pytest.raises(MalformedEnvelope):
        Decoder(strict=False).decode(encoded[:end])


@given(st.binary(max_size=200))
def test_garbage_is_malformed_at_worst(garbage: bytes) -> None:
    """Whatever the bytes are, nothing but MalformedEnvelope is raised."""
    with contextlib.suppress(MalformedEnvelope):
        Decoder(strict=False).decode(garbage)


@given(batches(), st.data())
def test_a_flipped_byte_is_malformed_at_worst(batch: Batch, data: st.DataObject) -> None:
    """A damaged envelope decodes to something or raises MalformedEnvelope, whose text holds nothing of the content."""
    encoded = bytearray(encode(batch))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(MalformedEnvelope):
        Decoder(strict=False).decode(bytes(encoded))


def test_deep_nesting_is_malformed() -> None:
    """Bytes that nest without end are refused, not followed."""
    with pytest.raises(MalformedEnvelope):
        Decoder(strict=False).decode(b"\x91" * 100_000 + b"\x90")


@pytest.mark.parametrize("path", [[0], [1, 0, 0], [2, 0, 1], [2, 0, 3, 0, 2], [2, 0, 3, 0, 0], [2, 0, 4, 3, 0, 2]])
def test_errors_never_repeat_content(path: list[int]) -> None:
    """A value of a wrong type, wherever it stands, is refused by a text that does not hold it."""
    document = sample()
    at(document, path[:-1])[path[-1]] = {"password": "sentinel-4711"}

    with pytest.raises(MalformedEnvelope) as caught:
        Decoder(strict=False).decode(msgpack.packb(document))

    assert "sentinel" not in str(caught.value)
    assert caught.value.__cause__ is None
