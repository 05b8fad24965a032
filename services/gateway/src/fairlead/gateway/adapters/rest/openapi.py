"""The OpenAPI document of the API, written as data; the readable page is made from it."""

from __future__ import annotations

from typing import Any

import msgspec

from fairlead.contracts.operations import OperationRequest
from fairlead.gateway.adapters.rest.tokens import TokenRequest
from fairlead.gateway.core.operations import State

Document = dict[str, Any]
_WAIT = ("wait", "Wait for the end, at most so long: `30s`, `2m`; at most 300s.")


def document(version: str) -> Document:
    """The whole document."""
    _, schemas = msgspec.json.schema_components(
        [_plain(OperationRequest), TokenRequest], ref_template="#/components/schemas/{name}"
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Fairlead gateway",
            "version": version,
            "description": "The mirror of Kubernetes clusters, and operations upon them. Every call needs"
            " `Authorization: Bearer <API token>`. Failures are `application/problem+json`; `detail` says what to do."
            " A 503 carries Retry-After.",
        },
        "security": [{"token": []}],
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {**schemas, **_SCHEMAS},
        },
        "paths": {**_operations(), **_mirror(), **_tokens()},
    }


def _plain(request: type[OperationRequest]) -> type[msgspec.Struct]:
    """The same fields where bodies are JSON, not bytes: a schema cannot tell of raw ones."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(request):
        if field.type is msgspec.Raw:
            fields.append((field.encode_name, dict[str, Any] | list[Any] | None, None))
        elif field.required:
            fields.append((field.encode_name, field.type))
        else:
            fields.append((field.encode_name, field.type, field.default))
    return msgspec.defstruct(request.__name__, fields, namespace={"__doc__": request.__doc__})


def _operations() -> Document:
    submit = _call(
        "Submit an operation",
        "Stored before it is sent. The caller may choose the id, a ULID, in the field `id` or the header Idempotency-Key:"
        " the same id and request is the same operation, another request under it is refused (409).",
        answers={200: "It has ended.", 202: "It is under way; look at Location."},
        answer="Operation",
        query=[_WAIT, ("deadlineSeconds", "Give up after so long; else the larger of 60s and timeoutSeconds + 30s.")],
        body="OperationRequest",
    )
    find = _call(
        "List operations, newest first",
        "History keeps identity, state, times and a manifest's metadata, never its data.",
        answer="OperationPage",
        query=[
            ("account", "Only this account."),
            ("state", f"One or more of {', '.join(State)}, joined by commas."),
            ("kind", "Only this kind of operation."),
            ("limit", "At most so many; 100, at most 1000."),
            ("continue", "Where the page before ended."),
        ],
    )
    read = _call("Read an operation", "", answer="Operation", query=[_WAIT])
    cancel = _call(
        "Cancel an operation",
        "One that no agent took ends at once; an executor is asked to give up, as far as it still can.",
        answers={200: "It has ended.", 202: "Its executor was asked."},
        answer="Operation",
    )
    body = _call("Read the body of a result", "What the API server answered, scrubbed; kept for ten minutes.")
    return {
        "/v1/operations": {"post": submit, "get": find},
        "/v1/operations/{id}": {"parameters": [_path("id")], "get": read, "delete": cancel},
        "/v1/operations/{id}/result": {"parameters": [_path("id")], "get": body},
    }


def _mirror() -> Document:
    objects = _call(
        "Read objects of the mirror",
        "Ordered by namespace and name. `freshness` says how far they can be trusted: nothing is removed by a failure.",
        answer="ObjectPage",
        query=[
            ("resource", "`pods`, `deployments.apps`; or say `kind`."),
            ("kind", "`Deployment`, `Deployment.apps`, `deployments`; or say `resource`."),
            ("namespace", "Only this namespace."),
            ("name", "Only objects of this name."),
            ("labelSelector", "As kubectl takes it."),
            ("limit", "At most so many; 500, at most 5000."),
            ("continue", "As the page before gave it."),
            ("bodies", "`false` leaves the objects themselves out."),
        ],
    )
    named = {"parameters": [_path("name")]}
    return {
        "/v1/accounts": {"get": _call("List accounts", "", answer="Page")},
        "/v1/accounts/{name}": {**named, "get": _call("Read an account", "")},
        "/v1/accounts/{name}/accept": {
            **named,
            "post": _call(
                "Give an account to the cluster that was refused last",
                "The rows of the former cluster go. Needs the verb admin.",
            ),
        },
        "/v1/accounts/{name}/resources": {
            **named,
            "get": _call("State and freshness of an account's resources", "", answer="Page"),
        },
        "/v1/accounts/{name}/objects": {**named, "get": objects},
        "/v1/agents": {"get": _call("List connected agents", "", answer="Page")},
    }


def _tokens() -> Document:
    create = _call(
        "Make a token",
        "Its text is in this answer and nowhere else. `accounts` are patterns with `*` and `?`. Needs the verb admin.",
        answers={201: "Made."},
        body="TokenRequest",
    )
    revoke = _call("Revoke a token", "Connections made with it end within seconds.", answers={204: "Revoked."})
    return {
        "/v1/tokens": {
            "get": _call("List tokens", "Without their texts. Needs the verb admin.", answer="Page"),
            "post": create,
        },
        "/v1/tokens/{name}": {"parameters": [_path("name")], "delete": revoke},
    }


def _call(  # noqa: PLR0913 - what an operation object is made of
    summary: str,
    description: str,
    *,
    answer: str = "",
    answers: dict[int, str] | None = None,
    query: list[tuple[str, str]] | None = None,
    body: str = "",
) -> Document:
    content = {"application/json": {"schema": _ref(answer) if answer else {}}}
    responses: Document = {}
    for status, told in (answers or {200: "As asked."}).items():
        responses[str(status)] = {"description": told} if status == 204 else {"description": told, "content": content}
    responses["default"] = {
        "description": "A failure.",
        "content": {"application/problem+json": {"schema": _ref("Problem")}},
    }
    call: Document = {"summary": summary, "responses": responses}
    if description:
        call["description"] = description
    if query:
        call["parameters"] = [
            {"name": name, "in": "query", "description": told, "schema": {"type": "string"}} for name, told in query
        ]
    if body:
        call["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(body)}}}
    return call


def _path(name: str) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(**properties: Document) -> Document:
    return {"type": "object", "properties": properties}


_TEXT: Document = {"type": "string"}
_NUMBER: Document = {"type": "integer"}
_WHEN: Document = {"type": ["string", "null"], "format": "date-time"}
_ANY: Document = {"type": "object"}
_SCHEMAS: Document = {
    "Problem": _object(
        type=_TEXT, title=_TEXT, status=_NUMBER, detail=_TEXT, problems={"type": "array", "items": _TEXT}
    ),
    "Operation": _object(
        id=_TEXT, account=_TEXT, kind=_TEXT, state={"type": "string", "enum": [state.value for state in State]},
        caller=_TEXT, subject=_ANY, createdAt=_WHEN, deadline=_WHEN, attempts=_NUMBER, agent=_TEXT, sentAt=_WHEN,
        claimedAt=_WHEN, finishedAt=_WHEN, result=_ref("Result"),
    ),
    "Result": _object(
        code=_NUMBER, reason=_TEXT, message=_TEXT, resource=_TEXT, apiVersion=_TEXT, namespace=_TEXT, name=_TEXT,
        uid=_TEXT, resourceVersion=_TEXT, startedAt=_WHEN, finishedAt=_WHEN, bodyBytes=_NUMBER, body=_TEXT,
    ),
    "OperationPage": _object(items={"type": "array", "items": _ref("Operation")}, **{"continue": _TEXT}),
    "ObjectPage": _object(
        account=_TEXT, resource=_TEXT, apiVersion=_TEXT, kind=_TEXT, freshness={"type": "array", "items": _ANY},
        change=_NUMBER, items={"type": "array", "items": _ANY}, **{"continue": _TEXT},
    ),
    "Page": _object(items={"type": "array", "items": _ANY}),
}  # fmt: skip
