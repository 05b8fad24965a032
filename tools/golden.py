"""Write golden messages of the current version into tests/contract/wire: those that are missing, never over others.

A golden message is a pair of files: the bytes as this version wrote them, and as JSON what they mean. Every later version
has to read the same out of them. When a message is added, run this and commit; when one changes, the version changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from fairlead.contracts import codec
from fairlead.contracts.envelope import SCHEMA_VERSION, Batch, Change, Event, Inventory, InventoryEntry, Part, Source
from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.contracts.link import PROTOCOL_VERSION
from fairlead.contracts.v1.link_pb2 import AgentFrame, GatewayFrame

WIRE = Path(__file__).resolve().parent.parent / "tests/contract/wire"


def batch() -> Batch:
    """A batch with every shape, and every field that may be empty both empty and filled."""
    pods = Resource("", "v1", "pods", "Pod", namespaced=True)
    widgets = Resource("example.com", "v1beta1", "widgets", "Widget", namespaced=False)
    cart, theme = ObjectKey("shop", "cart-7d9f"), ObjectKey("", "thème")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    body = b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"cart-7d9f"}}'
    events = [
        Event(Change.UPSERT, cart, "u-1", 42, 1_700_000_000_123, body, redacted=True, traceparent=trace),
        Event(Change.UPSERT, ObjectKey("shop", "big"), "u-2", 2**64, 0, b"", withheld="too large"),
        Event(Change.DELETE, ObjectKey("shop", "gone"), "u-3", 2**128 - 1, 1, b""),
    ]
    entries = [InventoryEntry(cart, "u-1", 42), InventoryEntry(ObjectKey("shop", "new"), "u-4", None)]
    return Batch(
        sources=[
            Source("prod", "2a9f7b2e-kube-system", pods, "shop", "session-1", 1),
            Source("prod.eu", "2a9f7b2e-kube-system", widgets, "", "session-2", 7),
        ],
        parts=[
            Part(0, 1, None, events),
            Part(0, 2, 2**64 - 1, [], Inventory(41, cart, ObjectKey("shop", "m"), entries)),
            Part(1, 1, 2**64, [], Inventory(2**70, None, None, [])),
            Part(1, 2, 5, [Event(Change.UPSERT, theme, "u-5", 5, 0, b"{}")]),
            Part(1, 3, 6),
        ],
    )


def frames(frame: type[AgentFrame | GatewayFrame]) -> Iterator[tuple[str, Message]]:
    """One frame for each message that it can carry, with every field of the message filled."""
    for field in frame.DESCRIPTOR.oneofs_by_name["body"].fields:
        message = frame(call=7, traceparent="00-trace-span-01")
        getattr(message, field.name).CopyFrom(_filled(field.message_type))
        getattr(message, field.name).SetInParent()
        yield field.name, message


def meaning(message: Any) -> Any:
    """What a decoded message says, as JSON values; bytes as text."""
    if isinstance(message, Message):
        return MessageToDict(message, preserving_proto_field_name=True)
    if isinstance(message, bytes):
        return message.decode()
    if isinstance(message, (list, tuple)):
        return [meaning(each) for each in message]
    if hasattr(message, "__dataclass_fields__"):
        return {name: meaning(getattr(message, name)) for name in message.__dataclass_fields__}
    return message


def _filled(descriptor: Any) -> Message:
    """A message of a descriptor whose fields all have a value that tells them apart."""
    message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            inner = _filled(field.message_type)
            if field.is_repeated:
                getattr(message, field.name).extend([inner, inner])
            else:
                getattr(message, field.name).CopyFrom(inner)
        else:
            value = _value(field)
            if field.is_repeated:
                getattr(message, field.name).extend([value, value])
            else:
                setattr(message, field.name, value)
    return message


def _value(field: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_STRING:
        return field.name
    if field.type == FieldDescriptor.TYPE_BYTES:
        return field.name.encode()
    if field.type == FieldDescriptor.TYPE_BOOL:
        return True
    if field.type == FieldDescriptor.TYPE_ENUM:
        return field.enum_type.values[-1].number
    return 1000 + field.number


def golden() -> Iterator[tuple[Path, bytes, Any]]:
    """Every golden message of the current version: where its bytes belong, the bytes, what they mean."""
    envelope = batch()
    yield WIRE / f"envelope/{SCHEMA_VERSION}/batch.msgpack", codec.encode(envelope), meaning(envelope)
    for frame in (AgentFrame, GatewayFrame):
        for name, message in frames(frame):
            folder = WIRE / f"link/{PROTOCOL_VERSION}/{frame.DESCRIPTOR.name}"
            yield folder / f"{name}.binpb", message.SerializeToString(deterministic=True), meaning(message)


def main() -> None:
    """Write what is missing."""
    for path, data, value in golden():
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.with_suffix(".json").write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
