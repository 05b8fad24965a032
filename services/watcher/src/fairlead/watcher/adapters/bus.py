"""The bus as the watcher uses it: raw batches to the scrubbers, calls to the gateway through the bridge, notices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

from google.protobuf.message import DecodeError

from fairlead.contracts import subjects
from fairlead.contracts.identity import ObjectKey, Resource, parse_version
from fairlead.contracts.scrubbing import ScrubReply
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.runtime.bus import Bus, BusUnavailable, Message, NoResponder
from fairlead.watcher.core.scope import Selection
from fairlead.watcher.core.session import Known, Opened
from fairlead.watcher.errors import AccountRefused, GatewayUnavailable, ScrubberUnavailable, SessionClosed
from fairlead.watcher.ports import Claim, ResourceState, State

CALL_TIMEOUT_S = 15.0
SCRUB_TIMEOUT_S = 10.0
DOCUMENT_CHUNK_BYTES = 512 * 1024

_STATES = {
    State.LISTING: pb.ResourceState.STATE_LISTING,
    State.LIVE: pb.ResourceState.STATE_LIVE,
    State.STALE: pb.ResourceState.STATE_STALE,
    State.REFUSED: pb.ResourceState.STATE_REFUSED,
    State.GONE: pb.ResourceState.STATE_GONE,
}


class BusScrubber:
    """The scrubbers, which share the raw subject."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def scrub(self, batch: bytes) -> ScrubReply:
        """Hand over a raw batch and wait for the verdict."""
        return await self._ask(subjects.RAW_BATCH, batch)

    async def rules(self) -> str:
        """Ask for the hash of the rules in force."""
        return (await self._ask(subjects.SCRUB_RULES, b"")).rules

    async def _ask(self, subject: str, data: bytes) -> ScrubReply:
        try:
            return ScrubReply.decode(await self._bus.request(subject, data, timeout_s=SCRUB_TIMEOUT_S))
        except (NoResponder, BusUnavailable) as error:
            raise ScrubberUnavailable("no scrubber answers") from error
        except ValueError as error:
            raise ScrubberUnavailable("a scrubber answered something unknown; do versions differ?") from error


class BusGateway:
    """The gateway, asked through the bridge."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def claim(self, claim: Claim) -> None:
        """Claim an account for this agent."""
        cluster = pb.ClusterIdentity(
            uid=claim.cluster.uid, server=claim.cluster.server, ca_fingerprint=claim.cluster.ca_fingerprint
        )
        wanted = pb.AccountClaim(
            name=claim.account, cluster=cluster, server_version=claim.cluster.version, namespaces=claim.namespaces,
            read_roles=claim.read_roles, write_roles=claim.write_roles, execute_roles=claim.execute_roles,
            own_cluster=claim.own_cluster,
        )  # fmt: skip
        frame = pb.AgentFrame(claim_accounts=pb.ClaimAccounts(accounts=[wanted]))
        answer = await self._call(subjects.CALL_CLAIM, frame)
        for verdict in answer.claim_verdicts.verdicts:
            if verdict.name == claim.account and not verdict.granted:
                raise AccountRefused(f"{verdict.reason}: {verdict.message}")

    async def open(self, account: str, selection: Selection, scope: str, known_epoch: int, ended_epoch: int) -> Opened:
        """Open a session as the only writer of a resource."""
        request = pb.OpenSession(
            account=account, resource=_resource(selection.resource), namespace=selection.namespace, scope=scope,
            known_epoch=known_epoch, ended_epoch=ended_epoch,
        )  # fmt: skip
        opened = (await self._call(subjects.CALL_SESSION, pb.AgentFrame(open_session=request))).session_opened
        if not opened.session:
            raise GatewayUnavailable("the gateway answered no session")
        checkpoint = parse_version(opened.checkpoint) if opened.checkpoint else None
        highest = parse_version(opened.highest) if opened.highest else 0
        return Opened(opened.session, opened.epoch, checkpoint, opened.checkpoint_age_ms, highest)

    async def stored(self, session: str) -> AsyncIterator[dict[ObjectKey, Known]]:
        """Download what the gateway holds of the resource."""
        request = pb.StoredVersionsRequest(session=session)
        while True:
            answer = await self._call(subjects.CALL_VERSIONS, pb.AgentFrame(stored_versions_request=request))
            page = answer.stored_versions_page
            yield {ObjectKey(each.namespace, each.name): _known(each) for each in page.versions}
            if page.last or not page.versions:
                return
            after = page.versions[-1]
            request = pb.StoredVersionsRequest(
                session=session, resumed=True, after_namespace=after.namespace, after_name=after.name
            )

    async def report(self, states: Iterable[ResourceState]) -> None:
        """Tell states of reflectors."""
        rows = [
            pb.ResourceState(
                account=state.account, namespace=state.namespace, state=_STATES[state.state],
                since_unix_ms=state.since_ms, message=state.message,
                resource=_resource(state.resource),
            )
            for state in states
        ]  # fmt: skip
        await self._call(subjects.CALL_STATES, pb.AgentFrame(resource_states=pb.ResourceStates(states=rows)))

    async def send_document(self, account: str, path: str, content: bytes) -> None:
        """Hand over one document of an account's discovery, in chunks."""
        digest = sha256(content).hexdigest()
        starts = range(0, max(len(content), 1), DOCUMENT_CHUNK_BYTES)
        for chunk, start in enumerate(starts):
            frame = pb.Document(
                account=account, kind=pb.Document.KIND_DISCOVERY, path=path, sha256=digest, chunk=chunk,
                last=start + DOCUMENT_CHUNK_BYTES >= len(content), content=content[start : start + DOCUMENT_CHUNK_BYTES],
            )  # fmt: skip
            await self._call(subjects.CALL_DOCUMENT, pb.AgentFrame(document=frame))

    async def _call(self, subject: str, frame: pb.AgentFrame) -> pb.GatewayFrame:
        try:
            data = await self._bus.request(subject, frame.SerializeToString(), timeout_s=CALL_TIMEOUT_S)
            answer = pb.GatewayFrame.FromString(data)
        except (NoResponder, BusUnavailable) as error:
            raise GatewayUnavailable("no bridge answers") from error
        except DecodeError as error:
            raise GatewayUnavailable("the bridge answered something unknown; do versions differ?") from error
        if answer.WhichOneof("body") == "call_failed":
            raise _failure(answer.call_failed)
        return answer


@dataclass(frozen=True, slots=True)
class Notices:
    """What to call for each kind of notice."""

    session_closed: Callable[[str, str], None]
    """(session, reason)"""
    repair: Callable[[str, list[ObjectKey], bool], None]
    """(session, objects, list anew)"""
    link: Callable[[bool], None]
    """(connected)"""


async def hear_notices(bus: Bus, notices: Notices) -> None:
    """Subscribe to what the gateway and the bridge tell unasked."""

    async def hear(message: Message) -> None:
        frame = pb.GatewayFrame.FromString(message.data)
        match frame.WhichOneof("body"):
            case "session_closed":
                notices.session_closed(frame.session_closed.session, frame.session_closed.reason)
            case "repair_request":
                wanted = frame.repair_request
                notices.repair(
                    wanted.session, [ObjectKey(each.namespace, each.name) for each in wanted.objects], wanted.relist
                )
            case "link_state":
                notices.link(frame.link_state.connected)
            case _:
                """A notice of a newer bridge; the protocol heals without it."""

    await bus.subscribe(subjects.NOTICE, hear)


def _failure(failed: pb.CallFailed) -> Exception:
    match failed.code:
        case pb.CallFailed.CODE_REFUSED:
            return AccountRefused(failed.message)
        case pb.CallFailed.CODE_SESSION_CLOSED:
            return SessionClosed(failed.message)
        case _:
            return GatewayUnavailable(failed.message, retry_after_s=failed.retry_after_ms / 1000 or None)


def _known(stored: pb.StoredVersion) -> Known:
    return Known(stored.epoch, parse_version(stored.version), None if stored.tombstone else stored.uid)


def _resource(kind: Resource) -> pb.Resource:
    return pb.Resource(
        group=kind.group, version=kind.version, plural=kind.plural, kind=kind.kind, namespaced=kind.namespaced
    )
