"""Messages of the link to the gateway's own words and back."""

from __future__ import annotations

from datetime import UTC, datetime

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.contracts.operations import CHUNK_BYTES
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.core.claims import AccountClaim, ClusterIdentity
from fairlead.gateway.core.commits import Repair
from fairlead.gateway.core.inventory import StoredVersion
from fairlead.gateway.core.operations import Dispatch, Outcome, State
from fairlead.gateway.core.sessions import CloseReason, Opened, OpenRequest
from fairlead.gateway.core.states import ResourceState, StateReport

STATES = {
    pb.ResourceState.STATE_LISTING: ResourceState.LISTING,
    pb.ResourceState.STATE_LIVE: ResourceState.LIVE,
    pb.ResourceState.STATE_STALE: ResourceState.STALE,
    pb.ResourceState.STATE_REFUSED: ResourceState.REFUSED,
    pb.ResourceState.STATE_GONE: ResourceState.GONE,
}
OUTCOMES = {
    pb.OperationReport.STATE_SUCCEEDED: State.SUCCEEDED,
    pb.OperationReport.STATE_FAILED: State.FAILED,
    pb.OperationReport.STATE_UNKNOWN: State.UNKNOWN,
}
DOCUMENT_KINDS = {
    pb.Document.KIND_DISCOVERY: "discovery",
    pb.Document.KIND_OPENAPI_V2: "openapi-v2",
    pb.Document.KIND_OPENAPI_V3: "openapi-v3",
}


def resource(message: pb.Resource) -> Resource:
    """Read a resource."""
    return Resource(message.group, message.version, message.plural, message.kind, message.namespaced)


def claim(message: pb.AccountClaim, *, mode: str) -> AccountClaim:
    """Read a claim."""
    cluster = ClusterIdentity(message.cluster.uid, message.cluster.server, message.cluster.ca_fingerprint)
    # `agent` is the setting's default, and such accounts are given up when their agent is missing: the account has to say so.
    elsewhere = mode in ("", "agent") and not message.own_cluster
    return AccountClaim(
        name=message.name,
        cluster=cluster,
        mode="infrastructure" if elsewhere else mode or "agent",
        server_version=message.server_version,
        namespaces=tuple(message.namespaces),
        read_roles=tuple(message.read_roles),
        write_roles=tuple(message.write_roles),
        execute_roles=tuple(message.execute_roles),
    )


def open_request(message: pb.OpenSession, cluster: ClusterIdentity) -> OpenRequest:
    """Read the wish for a session; the cluster is the one that this connection claimed."""
    return OpenRequest(
        account=message.account,
        cluster=cluster,
        resource=resource(message.resource),
        namespace=message.namespace,
        scope=message.scope,
        known_epoch=message.known_epoch,
        ended_epoch=message.ended_epoch,
    )


def session_opened(opened: Opened) -> pb.GatewayFrame:
    """Write an opened session."""
    return pb.GatewayFrame(
        session_opened=pb.SessionOpened(
            session=opened.session,
            epoch=opened.epoch,
            checkpoint=_version(opened.checkpoint),
            checkpoint_age_ms=opened.checkpoint_age_ms,
            highest=_version(opened.highest),
            rows=opened.rows,
        )
    )


def versions_page(versions: list[StoredVersion], *, last: bool) -> pb.GatewayFrame:
    """Write a page of stored versions."""
    rows = [
        pb.StoredVersion(
            namespace=each.key.namespace,
            name=each.key.name,
            uid=each.uid,
            version=str(each.version),
            epoch=each.epoch,
            tombstone=each.tombstone,
        )
        for each in versions
    ]
    return pb.GatewayFrame(stored_versions_page=pb.StoredVersionsPage(versions=rows, last=last))


def state_report(message: pb.ResourceState, now: datetime) -> StateReport | None:
    """Read what a watcher says; None when this release does not know the state."""
    state = STATES.get(message.state)
    if state is None:
        return None
    since = datetime.fromtimestamp(message.since_unix_ms / 1000, UTC) if message.since_unix_ms else now
    return StateReport(
        message.account, resource(message.resource), message.namespace, state, min(since, now), message.message
    )


def session_closed(session: str, reason: CloseReason) -> pb.GatewayFrame:
    """Write the end of a session."""
    return pb.GatewayFrame(session_closed=pb.SessionClosed(session=session, reason=reason.value))


def repair_request(session: str, repair: Repair) -> pb.GatewayFrame:
    """Write what a mirror lacks."""
    objects = [pb.ObjectName(namespace=key.namespace, name=key.name) for key in repair.names]
    return pb.GatewayFrame(repair_request=pb.RepairRequest(session=session, objects=objects, relist=repair.relist))


def operation_frames(dispatch: Dispatch) -> list[pb.GatewayFrame]:
    """Write one attempt of an operation, in chunks."""
    body = dispatch.request
    starts = range(0, max(1, len(body)), CHUNK_BYTES)
    return [
        pb.GatewayFrame(
            traceparent=dispatch.traceparent,
            operation=pb.Operation(
                id=dispatch.id,
                account=dispatch.account,
                attempt=dispatch.attempt,
                first_incarnation=dispatch.first_incarnation,
                deadline_unix_ms=int(dispatch.deadline.timestamp() * 1000),
                chunk=number,
                last=start + CHUNK_BYTES >= len(body),
                request=body[start : start + CHUNK_BYTES],
            ),
        )
        for number, start in enumerate(starts)
    ]


def outcome(report: pb.OperationReport, state: State) -> Outcome:
    """Read how an operation ended."""
    known = report.HasField("resource")
    return Outcome(
        state=state,
        code=report.code,
        reason=report.reason,
        message=report.message,
        resource=resource(report.resource) if known else None,
        namespace=report.namespace,
        name=report.name,
        uid=report.uid,
        version=report.version,
        started_ms=report.started_unix_ms,
        finished_ms=report.finished_unix_ms,
    )


def after(request: pb.StoredVersionsRequest) -> ObjectKey | None:
    """Where a page of stored versions goes on."""
    return ObjectKey(request.after_namespace, request.after_name) if request.resumed else None


def failed(code: pb.CallFailed.Code, message: str, *, retry_after_ms: int = 0) -> pb.GatewayFrame:
    """Write the failure of a call."""
    return pb.GatewayFrame(call_failed=pb.CallFailed(code=code, message=message, retry_after_ms=retry_after_ms))


def done() -> pb.GatewayFrame:
    """Write that a call is done."""
    return pb.GatewayFrame(done=pb.Done())


def _version(version: int | None) -> str:
    return "" if version is None else str(version)
