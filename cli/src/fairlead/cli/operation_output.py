"""How operations and what they bring back look to people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fairlead.cli.gateway import Document
from fairlead.cli.output import table


def operation_line(operation: Document) -> str:
    """One line: id, what it does to what, and how it stands."""
    code = _result(operation).get("code")
    return f"{operation['id']}  {_deed(operation)}: {operation['state']}" + (f" (HTTP {code})" if code else "")


def operation_table(operations: Sequence[Document]) -> str:
    """A row for each operation."""
    columns = {
        "ID": [each["id"] for each in operations],
        "ACCOUNT": [each.get("account") for each in operations],
        "OPERATION": [_deed(each) for each in operations],
        "STATE": [each["state"] for each in operations],
        "CREATED": [each.get("createdAt") for each in operations],
        "MESSAGE": [_short(_result(each).get("message")) for each in operations],
    }
    return table(columns, empty="no operations")


def problem_of(operation: Document) -> str:
    """Why an operation did not succeed: the whole message, and for an unknown outcome what that means."""
    result = _result(operation)
    said = result.get("message") or result.get("reason") or "no reason was given"
    match operation["state"]:
        case "unknown":
            return f"the outcome of {operation['id']} is unknown, it may have taken effect: {said}"
        case "expired":
            return f"{operation['id']} expired: {said}"
        case _:
            return f"{_deed(operation)} failed: {said}"


def unfinished(operation: Document) -> str:
    """Why an operation may not have ended yet, and how to go on."""
    if operation["state"] == "pending":
        account = operation.get("account")
        return f"no agent has taken the operation yet; does `fairlead accounts` list {account} as connected? It goes on waiting"
    return "the operation has not ended yet; it goes on"


def object_table(document: Any) -> str:
    """Objects in a table: one, or the items of a list."""
    objects = document.get("items") if isinstance(document.get("items"), list) else [document]
    metadata = [each.get("metadata") or {} for each in objects]
    default = str(document.get("kind", "")).removesuffix("List")
    columns = {
        "KIND": [each.get("kind") or default for each in objects],
        "NAMESPACE": [each.get("namespace") for each in metadata],
        "NAME": [each.get("name") for each in metadata],
        "VERSION": [each.get("resourceVersion") for each in metadata],
        "CREATED": [each.get("creationTimestamp") for each in metadata],
    }
    return table(columns, empty="no objects")


def _result(operation: Document) -> Document:
    return operation.get("result") or {}


def _deed(operation: Document) -> str:
    subject = operation.get("subject") or {}
    place = "/".join(str(subject[step]) for step in ("namespace", "name") if subject.get(step))
    return " ".join(filter(None, [str(operation.get("kind", "")), str(subject.get("kind", "")), place]))


def _short(text: object, limit: int = 60) -> str:
    line = " ".join(str(text or "").split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
