"""What the gateway is told of a cluster's discovery."""

from __future__ import annotations

from tests.support.watcher_doubles import FakeGateway

from fairlead.watcher.errors import AccountRefused, GatewayUnavailable
from fairlead.watcher.flows.documents import Documents


async def test_each_state_is_told_once() -> None:
    """What the gateway has is not sent again; what changed is; nothing is not a document."""
    gateway = FakeGateway()
    subject = Documents("shop", gateway)
    await subject.tell({"": b"one", "/version": b"v"})
    await subject.tell({"": b"one", "/version": b"v"})
    await subject.tell({"": b"two", "/version": b""})

    assert gateway.documents == [b"one", b"v", b"two"]


async def test_what_was_not_taken_is_told_again() -> None:
    """A gateway that is away, or refuses the account, misses nothing: the next look tells it."""
    gateway = FakeGateway(document_errors=[GatewayUnavailable("away"), AccountRefused("no")])
    subject = Documents("shop", gateway)
    await subject.tell({"": b"one"})
    await subject.tell({"": b"one"})
    assert gateway.documents == []
    await subject.tell({"": b"one"})

    assert gateway.documents == [b"one"]


async def test_another_gateway_is_told_everything() -> None:
    """After a new link nothing is taken for known."""
    gateway = FakeGateway()
    subject = Documents("shop", gateway)
    await subject.tell({"": b"one"})
    subject.forget()
    await subject.tell({"": b"one"})

    assert gateway.documents == [b"one", b"one"]
