"""The watcher's calls over a real nats-server, answered by a bridge and a scrubber played here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256

import pytest
from tests.support.watching import PODS

from fairlead.cli.parts.nats_server import NatsServer
from fairlead.contracts import subjects
from fairlead.contracts.identity import ObjectKey
from fairlead.contracts.scrubbing import ScrubReply, Verdict
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.runtime import bus
from fairlead.runtime.bus import Bus, Message
from fairlead.runtime.sections import NatsSettings
from fairlead.watcher.adapters.bus import BusGateway, BusScrubber, Notices, hear_notices
from fairlead.watcher.core.scope import Selection
from fairlead.watcher.core.session import Known
from fairlead.watcher.errors import AccountRefused, GatewayUnavailable, ScrubberUnavailable, SessionClosed
from fairlead.watcher.ports import Claim, ClusterInfo, ResourceState, State

SELECTION = Selection(PODS, "shop", "", frozenset())
CLAIM = Claim("account", ClusterInfo("uid", "host:443", "ca", "v1", "user"), ("shop",), ("r",), ("w",))


@pytest.fixture
async def connection(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """A connection to a fresh nats-server."""
    async with bus.connect(NatsSettings(url=nats_server.url), "watcher") as opened:
        yield opened


async def answer(connection: Bus, subject: str, *frames: pb.GatewayFrame) -> list[pb.AgentFrame]:
    """Answer calls on a subject with frames in turn, the last one again and again; returns what was asked."""
    asked: list[pb.AgentFrame] = []

    async def reply(message: Message) -> None:
        asked.append(pb.AgentFrame.FromString(message.data))
        await message.respond(frames[min(len(asked), len(frames)) - 1].SerializeToString())

    await connection.subscribe(subject, reply)
    return asked


async def test_a_claim_tells_who_the_cluster_is(connection: Bus) -> None:
    """A granted claim returns; the frame holds identity, namespaces and roles."""
    granted = pb.GatewayFrame(claim_verdicts=pb.ClaimVerdicts(verdicts=[pb.ClaimVerdict(name="account", granted=True)]))
    asked = await answer(connection, subjects.CALL_CLAIM, granted)
    await BusGateway(connection).claim(CLAIM)
    told = asked[0].claim_accounts.accounts[0]

    assert (told.name, told.cluster.uid, list(told.namespaces), list(told.write_roles)) == (
        "account",
        "uid",
        ["shop"],
        ["w"],
    )


async def test_a_refused_claim_says_why(connection: Bus) -> None:
    """The gateway's reason and advice reach the log."""
    verdict = pb.ClaimVerdict(name="account", reason="not-granted", message="grant it to the token")
    await answer(connection, subjects.CALL_CLAIM, pb.GatewayFrame(claim_verdicts=pb.ClaimVerdicts(verdicts=[verdict])))

    with pytest.raises(AccountRefused, match="not-granted: grant it to the token"):
        await BusGateway(connection).claim(CLAIM)


async def test_sessions_are_opened_with_large_versions(connection: Bus) -> None:
    """Versions beyond 64 bits survive the way."""
    opened = pb.SessionOpened(session="s", epoch=3, checkpoint=str(2**100), checkpoint_age_ms=7, highest=str(2**101))
    asked = await answer(connection, subjects.CALL_SESSION, pb.GatewayFrame(session_opened=opened))
    result = await BusGateway(connection).open("account", SELECTION, "scope", 2, 1)

    assert (result.session, result.epoch, result.checkpoint, result.highest) == ("s", 3, 2**100, 2**101)
    assert (asked[0].open_session.known_epoch, asked[0].open_session.ended_epoch) == (2, 1)


async def test_stored_versions_come_page_by_page(connection: Bus) -> None:
    """Each page continues behind the last key; tombstones have no UID."""
    row = pb.StoredVersion(namespace="shop", name="a", uid="u", version="5", epoch=1)
    dead = pb.StoredVersion(namespace="shop", name="b", version="6", epoch=1, tombstone=True)
    pages = [
        pb.GatewayFrame(stored_versions_page=pb.StoredVersionsPage(versions=[row])),
        pb.GatewayFrame(stored_versions_page=pb.StoredVersionsPage(versions=[dead], last=True)),
    ]
    asked = await answer(connection, subjects.CALL_VERSIONS, *pages)
    known = {key: each async for page in BusGateway(connection).stored("s") for key, each in page.items()}

    assert known == {ObjectKey("shop", "a"): Known(1, 5, "u"), ObjectKey("shop", "b"): Known(1, 6, None)}
    assert asked[1].stored_versions_request.after_name == "a"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (pb.CallFailed.CODE_UNAVAILABLE, GatewayUnavailable),
        (pb.CallFailed.CODE_REFUSED, AccountRefused),
        (pb.CallFailed.CODE_SESSION_CLOSED, SessionClosed),
    ],
)
async def test_failures_keep_their_meaning(
    connection: Bus, code: pb.CallFailed.Code, expected: type[Exception]
) -> None:
    """What can be tried again, what needs a person and what needs a new session are told apart."""
    await answer(connection, subjects.CALL_STATES, pb.GatewayFrame(call_failed=pb.CallFailed(code=code, message="why")))

    with pytest.raises(expected, match="why"):
        await BusGateway(connection).report([ResourceState("account", PODS, "", State.LIVE, 1, "")])


async def test_documents_travel_in_chunks(connection: Bus) -> None:
    """The chunks make the document, and the last one says so."""
    asked = await answer(connection, subjects.CALL_DOCUMENT, pb.GatewayFrame(done=pb.Done()))
    document = b"x" * 1_200_000
    await BusGateway(connection).send_document("account", "/version", document)

    assert b"".join(frame.document.content for frame in asked) == document
    assert [frame.document.last for frame in asked] == [False, False, True]
    assert {frame.document.path for frame in asked} == {"/version"}
    assert {frame.document.sha256 for frame in asked} == {sha256(document).hexdigest()}


async def test_nobody_there_is_a_transient_condition(connection: Bus) -> None:
    """No bridge and no scrubber are reasons to wait."""
    with pytest.raises(GatewayUnavailable):
        await BusGateway(connection).claim(CLAIM)
    with pytest.raises(ScrubberUnavailable):
        await BusScrubber(connection).rules()


async def test_scrub_replies_are_read(connection: Bus) -> None:
    """Verdict, rules and the time to wait arrive; something else is a scrubber of another version."""
    replies = [ScrubReply(Verdict.BUSY, "rules", 5).encode(), b"\x93"]

    async def reply(message: Message) -> None:
        await message.respond(replies.pop(0))

    await connection.subscribe(subjects.RAW_BATCH, reply)
    assert await BusScrubber(connection).scrub(b"batch") == ScrubReply(Verdict.BUSY, "rules", 5)
    with pytest.raises(ScrubberUnavailable, match="versions differ"):
        await BusScrubber(connection).scrub(b"batch")


async def test_notices_are_heard(connection: Bus) -> None:
    """Closed sessions, repairs and the state of the link reach their listeners."""
    heard: list[object] = []
    arrived = asyncio.Event()

    def note(*words: object) -> None:
        heard.append(words)
        if len(heard) == 3:
            arrived.set()

    await hear_notices(connection, Notices(note, note, note))
    wanted = pb.RepairRequest(session="s", objects=[pb.ObjectName(namespace="shop", name="a")])
    for frame in (
        pb.GatewayFrame(session_closed=pb.SessionClosed(session="s", reason="gap")),
        pb.GatewayFrame(repair_request=wanted),
        pb.GatewayFrame(link_state=pb.LinkState(connected=True)),
        pb.GatewayFrame(heartbeat=pb.Heartbeat()),
    ):
        await connection.publish(subjects.NOTICE, frame.SerializeToString())
    async with asyncio.timeout(5):
        await arrived.wait()

    assert heard == [("s", "gap"), ("s", [ObjectKey("shop", "a")], False), (True,)]
