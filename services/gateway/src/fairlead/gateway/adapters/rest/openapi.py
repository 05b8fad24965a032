"""The OpenAPI document of the API, written as data; the readable page is made from it."""

from __future__ import annotations

from typing import Any

import msgspec

from fairlead.contracts.operations import Kind, OperationRequest
from fairlead.gateway.adapters.rest.registration import RegistrationRequest
from fairlead.gateway.adapters.rest.tokens import TokenRequest
from fairlead.gateway.core.operations import State
from fairlead.gateway.core.registration.lifecycle import State as RegistrationState

Document = dict[str, Any]
_WAIT = ("wait", "Wait for the end, at most so long: `30s`, `2m`; at most 300s.")


def document(version: str) -> Document:
    """The whole document."""
    _, schemas = msgspec.json.schema_components(
        [_plain(OperationRequest), TokenRequest, RegistrationRequest], ref_template="#/components/schemas/{name}"
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
        "paths": {**_operations(), **_mirror(), **_registration(), **_tokens(), **_armory()},
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
        " the same id and request is the same operation, another request under it is refused (409). An account that no agent"
        " ever claimed is not found (404). Its trace goes on with the caller's where the header traceparent names one that is"
        " recorded.",
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
            ("kind", f"Only this kind of operation: {', '.join(Kind)}."),
            ("namespace", "Only about objects of this namespace."),
            ("name", "Only about objects of this name."),
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
    body = _call(
        "Read the body of a result",
        "An object or a list as the API server gave it; of `history`, `rolloutStatus`, `logs` and deletions by labels, what they tell. Kept, sealed, for ten minutes.",
    )
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
        "/v1/accounts/{name}": {
            **named,
            "get": _call("Read an account", ""),
            "delete": _call(
                "Remove an account",
                "Out of Clouddriver first, then its rows go; what was done to it stays in the histories. Refused (409) while"
                " an agent serves it. Needs the verb admin.",
                answers={202: "Under way; afterwards the account is unknown (404)."},
                answer="Registration",
            ),
        },
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
        "/v1/accounts/{name}/writes": {"parameters": [_path("name")], "get": _writes()},
        "/v1/agents": {"get": _call("List connected agents", "", answer="Page")},
    }


def _writes() -> Document:
    return _call(
        "List writes through the facade, newest first",
        "Who wrote what by which command, and what became of it; never a body. `outcome`: open, done, refused (4xx),"
        " failed (5xx), lost (the answer), unsent, unknown (the gateway died).",
        answer="WritePage",
        query=[("limit", "At most so many; 100, at most 1000."), ("continue", "As the page before gave it.")],
    )


def _registration() -> Document:
    under_way = {202: "Under way; look at `state`."}
    register = _call(
        "Register an account in Clouddriver (again)",
        "Done by the gateway itself for every account that can be used; needed after a removal from Clouddriver by decision, or"
        " to take over (`adopt`) an account of others. Needs the verb admin.",
        answers=under_way,
        answer="Registration",
        body="RegistrationRequest",
    )
    unregister = _call(
        "Take an account out of Clouddriver, and keep it out",
        "Its rows stay. Needs the verb admin.",
        answers=under_way,
        answer="Registration",
    )
    read = _call("How an account stands in Clouddriver", "`message` says what is missing.", answer="Registration")
    return {
        "/v1/registrations": {"get": _call("How accounts stand in Clouddriver", "", answer="Page")},
        "/v1/accounts/{name}/registration": {
            "parameters": [_path("name")],
            "get": read,
            "post": register,
            "delete": unregister,
        },
    }


def _armory() -> Document:
    """What Armory's plug-in has, in its shapes; with a token here."""
    pages = [("items", "So many to a page; 100, at most 500."), ("page", "From 1, at most 100.")]
    shape = "In the shape of Armory's Scale Agent plug-in. Needs a token with the verb read, which Armory's did not."
    return {
        "/armory/agents": {"get": _call("List connected agents", shape)},
        "/armory/agents/{id}": {"parameters": [_path("id")], "get": _call("Read a connected agent", shape)},
        "/armory/agent/operations": {"get": _call("List operations, newest first", shape, query=pages)},
        "/armory/agent/operations/{id}": {"parameters": [_path("id")], "get": _call("Read an operation", shape)},
        "/agents/kubernetes/accounts/{name}": {
            "parameters": [_path("name")],
            "get": _call("Read an account", f"{shape} An empty object when there is none."),
        },
        "/agents/kubernetes/accounts/{name}/namespaces": {
            "parameters": [_path("name")],
            "get": _call("Names of an account's namespaces", f"{shape} An empty list when there is no such account."),
        },
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
    "WritePage": _object(items={"type": "array", "items": _ANY}, **{"continue": _TEXT}),
    "Registration": _object(
        account=_TEXT, wanted=_TEXT, state={"type": "string", "enum": [state.value for state in RegistrationState]},
        message=_TEXT, since=_WHEN, by=_TEXT, digest=_TEXT, putAt=_WHEN, loadedAt=_WHEN, attempts=_NUMBER, nextAt=_WHEN,
        missingSeconds={"type": "number"},
    ),
    "Page": _object(items={"type": "array", "items": _ANY}),
}  # fmt: skip
