"""``/v1/operations``: submit, wait, look, list, cancel."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from fairlead.contracts.operations import READS, REQUEST_LIMIT_BYTES, Kind, OperationRequest, decode_request
from fairlead.gateway.adapters.rest.calls import Call, json_response, route
from fairlead.gateway.adapters.rest.problems import Problem
from fairlead.gateway.core.operations import Operation, Outcome, State
from fairlead.gateway.core.tokens import Verb
from fairlead.gateway.errors import UnknownOperation
from fairlead.gateway.ports.operations import Filter
from fairlead.gateway.ports.rest import RestDesk
from fairlead.runtime import tracing

WAIT_LIMIT_S = 300.0
DEADLINE_LIMIT_S = 24 * 3600.0
ENVELOPE_BYTES = 4096
"""What `id` may add to a request."""
PAGE = 100
PAGE_LIMIT = 1000


def routes(desk: RestDesk) -> list[Route]:
    """The routes."""
    return [
        route("/v1/operations", submit, desk, method="POST"),
        route("/v1/operations", find, desk),
        route("/v1/operations/{id}", read, desk),
        route("/v1/operations/{id}/result", result, desk),
        route("/v1/operations/{id}", cancel, desk, method="DELETE", verb=Verb.WRITE),
    ]


async def submit(call: Call) -> Response:
    """Submit an operation: 202, or 200 when it has ended already."""
    call.only("wait", "deadlineSeconds")
    wait_s = call.seconds("wait", 0.0, largest=WAIT_LIMIT_S) or 0.0
    deadline_s = call.seconds("deadlineSeconds", None, largest=DEADLINE_LIMIT_S)
    if deadline_s is not None and deadline_s <= 0:
        raise Problem(400, "`deadlineSeconds` must be greater than 0")
    identity, request = _request(await call.body(REQUEST_LIMIT_BYTES + ENVELOPE_BYTES))
    key = call.request.headers.get("idempotency-key", "").strip('"')
    if identity and key and identity.upper() != key.upper():
        raise Problem(400, "`id` and the header Idempotency-Key name two ids; send one of them")
    call.must_cover(request.account, Verb.READ if request.kind in READS else Verb.WRITE)
    with tracing.continued(call.request.headers.get("traceparent", "")):
        submitted = await call.desk.operations.submit(
            request, operation_id=identity or key, caller=call.grant.name, deadline_s=deadline_s
        )
    operation = submitted.operation
    if wait_s and not operation.final:
        operation = await call.desk.operations.wait(operation.id, wait_s) or operation
    status = 200 if operation.final else 202
    return json_response(document(operation), status, {"Location": f"/v1/operations/{operation.id}"})


def _request(body: bytes) -> tuple[str, OperationRequest]:
    """Split `id` from a request, and name every field that is unknown."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Problem(400, "the body is no JSON object") from None
    raw_id = fields.pop("id", None)
    unknown = sorted(set(fields) - set(OperationRequest.__struct_encode_fields__))
    if unknown:
        raise Problem(
            400, "unknown fields", problems=[f"`{name[:80]}` is no field of an operation" for name in unknown]
        )
    try:
        identity = "" if raw_id is None else msgspec.json.decode(raw_id, type=str)
    except msgspec.DecodeError:
        raise Problem(400, "`id` must be a text, a ULID") from None
    return identity, decode_request(msgspec.json.encode(fields))


async def read(call: Call) -> Response:
    """One operation; ``?wait=30s`` waits for its end."""
    call.only("wait")
    operation = await _visible(call)
    wait_s = call.seconds("wait", 0.0, largest=WAIT_LIMIT_S)
    if wait_s and not operation.final:
        operation = await call.desk.operations.wait(operation.id, wait_s) or operation
    return json_response(document(operation))


async def result(call: Call) -> Response:
    """The body of a result."""
    call.only()
    operation = await _visible(call)
    if not operation.final:
        raise Problem(409, f"the operation is {operation.state.value}; its result comes with its end (?wait=30s)")
    body = await call.desk.operations.result(operation.id)
    if body is None:
        raise Problem(404, "there is no result body: the operation gave none, or its time to be read is over")
    return Response(body, media_type="application/json")


async def cancel(call: Call) -> Response:
    """Cancel: 200 when it has ended, 202 when its executor was asked."""
    call.only()
    operation = await _visible(call)
    call.must_cover(operation.account, Verb.WRITE)
    operation = await call.desk.operations.cancel(operation)
    return json_response(document(operation), 200 if operation.final else 202)


async def find(call: Call) -> Response:
    """List operations, newest first."""
    call.only("account", "state", "kind", "namespace", "name", "limit", "continue")
    limit = call.number("limit", PAGE, largest=PAGE_LIMIT)
    found = await call.desk.operations.find(
        Filter(
            accounts=call.grant.accounts,
            account=call.query.get("account", ""),
            states=_states(call.query.get("state", "")),
            kind=_kind(call.query.get("kind", "")),
            namespace=call.query.get("namespace", ""),
            name=call.query.get("name", ""),
            before=call.query.get("continue", ""),
            limit=limit + 1,
        )
    )
    page = found[:limit]
    answer: dict[str, Any] = {"items": [document(operation) for operation in page]}
    if len(found) > limit:
        answer["continue"] = page[-1].id
    return json_response(answer)


def _states(text: str) -> tuple[State, ...]:
    try:
        return tuple(State(word.strip()) for word in text.split(",") if word.strip())
    except ValueError:
        raise Problem(400, f"`state` must be one or more of {', '.join(State)}, joined by commas") from None


def _kind(text: str) -> Kind | None:
    try:
        return Kind(text) if text else None
    except ValueError:
        raise Problem(400, f"`kind` must be one of {', '.join(Kind)}") from None


async def _visible(call: Call) -> Operation:
    operation = await call.desk.operations.read(call.path("id").upper())
    if operation is None or not call.grant.allows(operation.account):
        raise UnknownOperation("there is no such operation that this token may see")
    return operation


def document(operation: Operation) -> dict[str, Any]:
    """An operation as JSON."""
    subject = operation.subject
    answer: dict[str, Any] = {
        "id": operation.id,
        "account": operation.account,
        "kind": operation.kind.value,
        "state": operation.state.value,
        "caller": operation.caller,
        "subject": {
            "apiVersion": subject.api_version,
            "kind": subject.kind,
            "namespace": subject.namespace,
            "name": subject.name,
            "labels": subject.labels,
            "annotations": subject.annotations,
        },
        "createdAt": operation.created,
        "deadline": operation.deadline,
        "attempts": operation.attempt,
        "agent": operation.agent,
        "sentAt": operation.sent,
        "claimedAt": operation.claimed,
        "finishedAt": operation.finished,
    }
    if operation.outcome is not None:
        answer["result"] = _result(operation, operation.outcome)
    return answer


def _result(operation: Operation, outcome: Outcome) -> dict[str, Any]:
    resource = outcome.resource
    return {
        "code": outcome.code,
        "reason": outcome.reason,
        "message": outcome.message,
        "resource": None if resource is None else resource.name,
        "apiVersion": "" if resource is None else resource.api_version,
        "namespace": outcome.namespace,
        "name": outcome.name,
        "uid": outcome.uid,
        "resourceVersion": outcome.version,
        "startedAt": _time(outcome.started_ms),
        "finishedAt": _time(outcome.finished_ms),
        "bodyBytes": operation.result_bytes,
        "body": f"/v1/operations/{operation.id}/result" if operation.result_bytes else None,
    }


def _time(unix_ms: int) -> datetime | None:
    return datetime.fromtimestamp(unix_ms / 1000, UTC) if unix_ms else None
