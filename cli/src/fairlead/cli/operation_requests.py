"""Operations as the command makes, submits and tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import typer
from ulid import ULID

from fairlead.cli.errors import CommandError, MisuseError
from fairlead.cli.gateway import FINAL_STATES, Document, Gateway
from fairlead.cli.manifests import read_manifests
from fairlead.cli.operation_options import Acting, Looking, Place, Running
from fairlead.cli.operation_output import operation_line, problem_of, unfinished
from fairlead.cli.output import Format, show
from fairlead.cli.settings import client_settings

OF_WAIT = 0.9
"""Part of the wait that the agent gets, so that its answer comes before we give up."""


def named(gateway: Gateway, place: Place) -> Place:
    """A place with its account: the one that was named, else the only one there is."""
    account = place.account or client_settings().account
    if account:
        return Place(account, place.namespace)
    known = [str(each["name"]) for each in gateway.accounts()]
    if len(known) == 1:
        return Place(known[0], place.namespace)
    raise MisuseError(f"name the account with --account; the gateway knows {', '.join(known) or 'none yet'}")


def manifest_requests(kind: str, place: Place, files: Sequence[str], options: Mapping[str, Any]) -> list[Document]:
    """One request for each manifest of the files; options without a value are left out."""
    requests = []
    for manifest in read_manifests(files):
        metadata = manifest.get("metadata")
        if isinstance(metadata, dict) and (
            place.namespace and metadata.setdefault("namespace", place.namespace) != place.namespace
        ):
            raise MisuseError(f"the manifest of {metadata.get('name')} names another namespace than --namespace")
        given = {name: value for name, value in options.items() if value is not None}
        requests.append({"account": place.account, "kind": kind, "manifest": manifest, **given})
    return requests


class Target(NamedTuple):
    """What an operation is about: one object, or with no name a collection."""

    kind: str
    name: str = ""


def target_request(operation: str, place: Place, about: Target, timeout_s: float, more: Mapping[str, Any]) -> Document:
    """Make the request of an operation about one object, or a collection; what is empty is left out."""
    target = {"kind": about.kind, "namespace": place.namespace, "name": about.name}
    request = {
        "account": place.account,
        "kind": operation,
        "target": {key: text for key, text in target.items() if text},
        "timeoutSeconds": timeout_s or 1.0,
    }
    return {**request, **{key: value for key, value in more.items() if value not in ("", None)}}


def act(gateway: Gateway, how: Acting, operation: str, about: Target, more: Mapping[str, Any]) -> None:
    """Carry out an operation that changes one object, or a collection."""
    carry_out(gateway, [target_request(operation, named(gateway, how), about, how.timeout_s, more)], how)


def carry_out(gateway: Gateway, requests: Sequence[Document], how: Acting | Running) -> None:
    """Submit one operation after the other, and stop at the first that does not succeed."""
    wait_s = how.wait_s
    if how.operation_id and len(requests) > 1:
        raise MisuseError(f"--id is for one operation, and there are {len(requests)} manifests")
    done: list[Document] = []
    for request in requests:
        operation = gateway.submit(request, operation_id=how.operation_id or str(ULID()), wait_s=wait_s)
        done.append(operation)
        if how.output is Format.TABLE:
            typer.echo(operation_line(operation))
        if wait_s and operation["state"] != "succeeded":
            break
    if how.output is not Format.TABLE:
        show(done[0] if len(requests) == 1 else {"items": done}, how.output, "")
    if wait_s:
        judge(done, left=len(requests) - len(done))


def look(gateway: Gateway, how: Looking, operation: str, about: Target, more: Mapping[str, Any]) -> Any:
    """Carry out a reading operation and fetch what it brought; exit code 1 when it brought nothing."""
    request = target_request(operation, named(gateway, how), about, how.wait_s * OF_WAIT, more)
    ended = gateway.submit(request, operation_id=str(ULID()), wait_s=how.wait_s)
    judge([ended])
    return gateway.result(ended["id"])


def judge(operations: Sequence[Document], left: int = 0) -> None:
    """Fail the command with the whole message of the operation that did not succeed."""
    last = operations[-1]
    if last["state"] == "succeeded":
        return
    rest = f" ({left} more were not begun)" if left else ""
    if last["state"] not in FINAL_STATES:
        raise CommandError(f"{unfinished(last)}: `fairlead ops status {last['id']} --wait 1m`{rest}")
    raise CommandError(problem_of(last) + rest)
