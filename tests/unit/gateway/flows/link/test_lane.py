"""The commit lane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

import pytest
from tests.support.gateway_doubles import MemoryLinks, RememberingMirror
from tests.support.mirror_data import CLUSTER, PODS, key, part, upsert
from tests.support.services import eventually

from fairlead.contracts.codec import Decoder, encode
from fairlead.contracts.envelope import Batch, Source
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.core.commits import Committed, Repair
from fairlead.gateway.core.sessions import CloseReason
from fairlead.gateway.errors import LinkViolation
from fairlead.gateway.flows.link.lane import CommitLane
from fairlead.gateway.flows.link.outbox import Outbox


def _source(account: str = "shop") -> Source:
    return Source(account, CLUSTER.uid, PODS, "", f"session-{account}", 1)


def _frame(number: int, *accounts: str, body: bytes = b"") -> pb.AgentFrame:
    sources = [_source(account) for account in accounts or ("shop",)]
    parts = [part(number, upsert("web", number, object=body or b"{}")) for _ in sources]
    for place, each in enumerate(parts):
        each.source = place
    return pb.AgentFrame(data_batch=pb.DataBatch(id=number, envelope=encode(Batch(sources, parts))))


class Lane:
    """A lane between a mirror that remembers and an outbox that is read."""

    def __init__(self, window_bytes: int = 10_000) -> None:
        self.mirror, self.links, self.outbox = RememberingMirror(), MemoryLinks(), Outbox()
        decoder = Decoder(strict=True)
        self.lane = CommitLane(self.mirror, self.links, decoder, lambda name: name == "shop", self.outbox, window_bytes)
        self.told: list[pb.GatewayFrame] = []

    @property
    def acked(self) -> int:
        """Highest id that was acknowledged."""
        return max((frame.data_ack.through for frame in self.told), default=0)

    async def read(self) -> None:
        """Collect what is told."""
        async for frame in self.outbox.frames():
            self.told.append(frame)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Run the lane."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.lane.run()), group.create_task(self.read())]
            yield
            for task in tasks:
                task.cancel()


async def test_what_is_queued_is_committed_together_and_in_order() -> None:
    """Everything that waits goes into one commit; one acknowledgement covers it."""
    lane = Lane()
    for number in (1, 2, 3):
        lane.lane.offer(_frame(number))
    async with lane.at_work():
        await eventually(lambda: lane.acked == 3)
        assert lane.mirror.commits == [3]
        assert [batch.parts[0].number for batch in lane.mirror.batches] == [1, 2, 3]
        await lane.lane.drained()


async def test_an_outage_delays_and_loses_nothing() -> None:
    """While the database is away nothing is acknowledged; then all of it is."""
    lane = Lane()
    lane.mirror.outage.away = True
    async with lane.at_work():
        lane.lane.offer(_frame(1))
        await eventually(lambda: lane.mirror.outage.found > 0)
        assert lane.acked == 0
        lane.mirror.outage.away = False
        await eventually(lambda: lane.acked == 1)


async def test_the_window_bounds_what_waits() -> None:
    """One frame may be larger than the window, alone; more beyond it is a violation, as are ids that do not grow."""
    lane = Lane(window_bytes=1000)
    lane.lane.offer(_frame(1, body=b"x" * 5000))
    with pytest.raises(LinkViolation, match="granted"):
        lane.lane.offer(_frame(2))
    with pytest.raises(LinkViolation, match="grow"):
        lane.lane.offer(_frame(1))
    async with lane.at_work():
        await eventually(lambda: lane.acked == 1)
        lane.lane.offer(_frame(2))
        await eventually(lambda: lane.acked == 2)


async def test_foreign_and_malformed_parts_are_dropped() -> None:
    """Parts of accounts that are not granted and batches that cannot be read are acknowledged and not committed."""
    lane = Lane()
    async with lane.at_work():
        lane.lane.offer(_frame(1, "shop", "other"))
        lane.lane.offer(_frame(2, "other"))
        lane.lane.offer(pb.AgentFrame(data_batch=pb.DataBatch(id=3, envelope=b"\xc1")))
        await eventually(lambda: lane.acked == 3)
    parts = [batch.sources[each.source].account for batch in lane.mirror.batches for each in batch.parts]
    assert parts == ["shop"]


async def test_what_a_commit_has_to_tell() -> None:
    """Closed sessions and repairs are told before the acknowledgement."""
    lane = Lane()
    lane.mirror.answer = Committed({"s1": CloseReason.GAP}, {"s2": Repair([key("web")])})
    async with lane.at_work():
        lane.lane.offer(_frame(1))
        await eventually(lambda: lane.acked == 1)
    assert [frame.WhichOneof("body") for frame in lane.told] == ["session_closed", "repair_request", "data_ack"]


async def test_documents() -> None:
    """Chunks make a document; a wrong hash, a foreign account or an unknown kind does not; a document may begin anew."""
    lane = Lane()
    content = b"0123456789"
    digest = sha256(content).hexdigest()
    openapi = pb.Document.KIND_OPENAPI_V2
    rows = [
        ("shop", openapi, "right", digest, 0, b"garbage"),
        ("shop", openapi, "right", digest, 0, content[:5]),
        ("shop", openapi, "right", digest, 1, content[5:]),
        ("shop", openapi, "wrong", "0" * 64, 0, content[:5]),
        ("shop", openapi, "wrong", "0" * 64, 1, content[5:]),
        ("other", openapi, "foreign", digest, 1, content),
        ("shop", pb.Document.KIND_UNSPECIFIED, "unknown", digest, 1, content),
    ]
    async with lane.at_work():
        for number, (account, kind, path, announced, chunk, piece) in enumerate(rows, start=1):
            document = pb.Document(
                id=number, account=account, kind=kind, path=path, sha256=announced, chunk=chunk, last=chunk == 1,
                content=piece,
            )  # fmt: skip
            lane.lane.offer(pb.AgentFrame(document=document))
        await eventually(lambda: lane.acked == len(rows))
    assert lane.links.documents == {("shop", "openapi-v2", "right"): content}
