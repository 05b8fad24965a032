"""Operations as the command makes, submits and tells them; the options that its verbs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from ulid import ULID

from fairlead.cli.durations import parse_duration
from fairlead.cli.errors import CommandError, MisuseError
from fairlead.cli.gateway import FINAL_STATES, Document, Gateway
from fairlead.cli.manifests import read_manifests
from fairlead.cli.operation_output import operation_line, problem_of, unfinished
from fairlead.cli.output import Format, show
from fairlead.cli.settings import client_settings

Files = Annotated[list[str], typer.Option("--filename", "-f", help="File or directory; - is standard input.")]
KindArgument = Annotated[str, typer.Argument(help="Deployment, deployments or Deployment.apps")]
NameArgument = Annotated[str, typer.Argument(help="Name of the object.")]
AccountOption = Annotated[
    str, typer.Option("--account", "-a", help="Account; needless when there is one only. [FAIRLEAD_ACCOUNT]")
]
NamespaceOption = Annotated[str, typer.Option("--namespace", "-n", help="Namespace.")]
WaitOption = Annotated[str, typer.Option("--wait", help="How long to wait for the end; 0 does not wait.")]
TimeoutOption = Annotated[str, typer.Option("--timeout", help="How long the agent may work on it.")]
IdOption = Annotated[str, typer.Option("--id", help="ULID of the operation: the same id is never carried out twice.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Let the API server check it and store nothing.")]
WAIT, TIMEOUT = "30s", "30s"
OF_WAIT = 0.9
"""Part of the wait that the agent gets where it waits itself, so that its answer comes before we give up."""


def account_of(gateway: Gateway, named: str) -> str:
    """The account to act on: the one that was named, else the only one there is."""
    account = named or client_settings().account
    if account:
        return account
    known = [str(each["name"]) for each in gateway.accounts()]
    if len(known) == 1:
        return known[0]
    raise MisuseError(f"name the account with --account; the gateway knows {', '.join(known) or 'none yet'}")


def manifest_requests(
    kind: str, account: str, files: Sequence[str], namespace: str, options: Mapping[str, Any]
) -> list[Document]:
    """One request for each manifest of the files; options without a value are left out."""
    requests = []
    for manifest in read_manifests(files):
        metadata = manifest.get("metadata")
        if isinstance(metadata, dict) and namespace and metadata.setdefault("namespace", namespace) != namespace:
            raise MisuseError(f"the manifest of {metadata.get('name')} names another namespace than --namespace")
        given = {name: value for name, value in options.items() if value is not None}
        requests.append({"account": account, "kind": kind, "manifest": manifest, **given})
    return requests


def target_request(  # noqa: PLR0913, PLR0917 - parts of a request
    operation: str, account: str, kind: str, name: str, namespace: str, timeout_s: float, more: Mapping[str, Any]
) -> Document:
    """Make the request of an operation about one object, or a collection; what is empty is left out."""
    target = {"kind": kind, "namespace": namespace, "name": name}
    request = {
        "account": account,
        "kind": operation,
        "target": {key: text for key, text in target.items() if text},
        "timeoutSeconds": timeout_s or 1.0,
    }
    return {**request, **{key: value for key, value in more.items() if value not in ("", None)}}


def carry_out(gateway: Gateway, requests: Sequence[Document], wait: str, wanted_id: str, output: Format) -> None:
    """Submit one operation after the other, and stop at the first that does not succeed."""
    wait_s = parse_duration(wait, "--wait")
    if wanted_id and len(requests) > 1:
        raise MisuseError(f"--id is for one operation, and there are {len(requests)} manifests")
    done: list[Document] = []
    for request in requests:
        operation = gateway.submit(request, operation_id=wanted_id or str(ULID()), wait_s=wait_s)
        done.append(operation)
        if output is Format.TABLE:
            typer.echo(operation_line(operation))
        if wait_s and operation["state"] != "succeeded":
            break
    if output is not Format.TABLE:
        show(done[0] if len(requests) == 1 else {"items": done}, output, "")
    if wait_s:
        judge(done, left=len(requests) - len(done))


def result_of(gateway: Gateway, request: Document, wait_s: float) -> Any:
    """Submit a reading operation, wait for its end and fetch what it brought; exit code 1 when it brought nothing."""
    operation = gateway.submit(request, operation_id=str(ULID()), wait_s=wait_s)
    judge([operation])
    return gateway.result(operation["id"])


def judge(operations: Sequence[Document], left: int = 0) -> None:
    """Fail the command with the whole message of the operation that did not succeed."""
    last = operations[-1]
    if last["state"] == "succeeded":
        return
    rest = f" ({left} more were not begun)" if left else ""
    if last["state"] not in FINAL_STATES:
        raise CommandError(f"{unfinished(last)}: `fairlead ops status {last['id']} --wait 1m`{rest}")
    raise CommandError(problem_of(last) + rest)
