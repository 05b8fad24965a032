"""``fairlead ops``: give operations to the gateway and tell how they ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from ulid import ULID

from fairlead.cli.connection import with_gateway
from fairlead.cli.durations import parse_duration
from fairlead.cli.errors import CommandError, MisuseError
from fairlead.cli.gateway import FINAL_STATES, Document, Gateway
from fairlead.cli.manifests import parse_patch, read_manifests
from fairlead.cli.operation_output import object_table, operation_line, operation_table, problem_of, unfinished
from fairlead.cli.output import Format, OutputOption, show
from fairlead.cli.settings import client_settings
from fairlead.contracts.operations import PatchType, Propagation

app = typer.Typer(help="Act on clusters through the gateway.", no_args_is_help=True)

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
_WAIT, _TIMEOUT = "30s", "30s"


@app.command()
@with_gateway
def apply(  # noqa: PLR0913 - options
    gateway: Gateway,
    *,
    filename: Files,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    force: Annotated[bool, typer.Option("--force", help="Take over fields of other managers.")] = False,
    dry_run: DryRunOption = False,
    wait: WaitOption = _WAIT,
    timeout: TimeoutOption = _TIMEOUT,
    operation_id: IdOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Apply manifests (server-side apply)."""
    options = {"force": force, "dryRun": dry_run, "timeoutSeconds": parse_duration(timeout, "--timeout")}
    requests = _manifest_requests("apply", _account(gateway, account), filename, namespace, options)
    _carry_out(gateway, requests, wait, operation_id, output)


@app.command()
@with_gateway
def create(  # noqa: PLR0913 - options
    gateway: Gateway,
    *,
    filename: Files,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    dry_run: DryRunOption = False,
    wait: WaitOption = _WAIT,
    timeout: TimeoutOption = _TIMEOUT,
    operation_id: IdOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Create objects from manifests."""
    options = {"dryRun": dry_run, "timeoutSeconds": parse_duration(timeout, "--timeout")}
    requests = _manifest_requests("create", _account(gateway, account), filename, namespace, options)
    _carry_out(gateway, requests, wait, operation_id, output)


@app.command()
@with_gateway
def replace(  # noqa: PLR0913 - options
    gateway: Gateway,
    *,
    filename: Files,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    dry_run: DryRunOption = False,
    wait: WaitOption = _WAIT,
    timeout: TimeoutOption = _TIMEOUT,
    operation_id: IdOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Replace objects by manifests; a manifest with a resourceVersion replaces that version only."""
    options = {"dryRun": dry_run, "timeoutSeconds": parse_duration(timeout, "--timeout")}
    requests = _manifest_requests("replace", _account(gateway, account), filename, namespace, options)
    _carry_out(gateway, requests, wait, operation_id, output)


@app.command()
@with_gateway
def patch(  # noqa: PLR0913 - options
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    body: Annotated[str, typer.Option("--patch", "-p", help="The patch, JSON or YAML.")] = "",
    patch_file: Annotated[Path | None, typer.Option(help="File with the patch.")] = None,
    patch_type: Annotated[PatchType, typer.Option("--type", help="Format of the patch.")] = PatchType.STRATEGIC,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    dry_run: DryRunOption = False,
    wait: WaitOption = _WAIT,
    timeout: TimeoutOption = _TIMEOUT,
    operation_id: IdOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Patch one object."""
    if bool(body) == (patch_file is not None):
        raise MisuseError("give the patch with --patch or --patch-file")
    try:
        text = body if patch_file is None else patch_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MisuseError(f"{patch_file} cannot be read ({error})") from None
    timeout_s = parse_duration(timeout, "--timeout")
    more = {"patch": parse_patch(text), "patchType": patch_type.value, "dryRun": dry_run}
    request = _target_request("patch", _account(gateway, account), kind, name, namespace, timeout_s, more)
    _carry_out(gateway, [request], wait, operation_id, output)


@app.command()
@with_gateway
def scale(  # noqa: PLR0913 - options
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    replicas: Annotated[int, typer.Option(min=0, help="How many there shall be.")],
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    wait: WaitOption = _WAIT,
    timeout: TimeoutOption = _TIMEOUT,
    operation_id: IdOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Set the number of replicas."""
    timeout_s, more = parse_duration(timeout, "--timeout"), {"replicas": replicas}
    request = _target_request("scale", _account(gateway, account), kind, name, namespace, timeout_s, more)
    _carry_out(gateway, [request], wait, operation_id, output)


@app.command()
@with_gateway
def delete(  # noqa: PLR0913 - options
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    propagation: Annotated[
        Propagation, typer.Option(help="What becomes of dependents.", case_sensitive=False)
    ] = Propagation.BACKGROUND,
    grace_period: Annotated[int | None, typer.Option(min=0, help="Seconds a pod has to end.")] = None,
    until_gone: Annotated[
        bool, typer.Option("--until-gone/--at-once", help="Succeed when the object is gone, or when it is marked.")
    ] = True,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    wait: WaitOption = _WAIT,
    timeout: TimeoutOption = _TIMEOUT,
    operation_id: IdOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Delete one object and wait until it is gone."""
    timeout_s = parse_duration(timeout, "--timeout")
    more: dict[str, Any] = {"propagation": propagation.value, "wait": until_gone}
    if grace_period is not None:
        more["gracePeriodSeconds"] = grace_period
    request = _target_request("delete", _account(gateway, account), kind, name, namespace, timeout_s, more)
    _carry_out(gateway, [request], wait, operation_id, output)


@app.command()
@with_gateway
def get(  # noqa: PLR0913 - options
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    wait: WaitOption = _WAIT,
    output: OutputOption = Format.TABLE,
) -> None:
    """Read one object from its cluster, live."""
    wait_s = parse_duration(wait, "--wait")
    request = _target_request("get", _account(gateway, account), kind, name, namespace, wait_s, {})
    _read(gateway, request, wait_s, output)


@app.command("list")
@with_gateway
def list_(  # noqa: PLR0913 - options
    gateway: Gateway,
    kind: KindArgument,
    *,
    selector: Annotated[str, typer.Option("--selector", "-l", help="Label selector.")] = "",
    field_selector: Annotated[str, typer.Option(help="Field selector.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")] = 0,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    wait: WaitOption = _WAIT,
    output: OutputOption = Format.TABLE,
) -> None:
    """List objects of one kind from their cluster, live."""
    wait_s = parse_duration(wait, "--wait")
    more = {"labelSelector": selector, "fieldSelector": field_selector, "limit": limit}
    request = _target_request("list", _account(gateway, account), kind, "", namespace, wait_s, more)
    _read(gateway, request, wait_s, output)


@app.command()
@with_gateway
def status(
    gateway: Gateway,
    operation_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the operation.")],
    *,
    wait: Annotated[str, typer.Option("--wait", help="How long to wait for its end.")] = "0",
    output: OutputOption = Format.TABLE,
) -> None:
    """Tell how an operation stands; exit code 1 when it did not succeed."""
    operation = gateway.operation(operation_id, wait_s=parse_duration(wait, "--wait"))
    show(operation, output, operation_line(operation))
    _judge([operation])


@app.command()
@with_gateway
def cancel(
    gateway: Gateway,
    operation_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the operation.")],
    *,
    output: OutputOption = Format.TABLE,
) -> None:
    """Ask for the end of an operation: one that was never sent ends at once."""
    operation = gateway.cancel(operation_id)
    show(operation, output, operation_line(operation))


@app.command()
@with_gateway
def history(
    gateway: Gateway,
    *,
    account: AccountOption = "",
    state: Annotated[str, typer.Option(help="Only operations in this state.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 20,
    output: OutputOption = Format.TABLE,
) -> None:
    """List operations, newest first."""
    filters = {"account": account, "state": state, "limit": str(limit)}
    operations = gateway.operations(**{name: text for name, text in filters.items() if text})
    show({"items": operations}, output, operation_table(operations))


def _account(gateway: Gateway, named: str) -> str:
    """The account to act on: the one that was named, else the only one there is."""
    account = named or client_settings().account
    if account:
        return account
    known = [str(each["name"]) for each in gateway.accounts()]
    if len(known) == 1:
        return known[0]
    raise MisuseError(f"name the account with --account; the gateway knows {', '.join(known) or 'none yet'}")


def _manifest_requests(
    kind: str, account: str, files: Sequence[str], namespace: str, options: Mapping[str, Any]
) -> list[Document]:
    requests = []
    for manifest in read_manifests(files):
        metadata = manifest.get("metadata")
        if isinstance(metadata, dict) and namespace and metadata.setdefault("namespace", namespace) != namespace:
            raise MisuseError(f"the manifest of {metadata.get('name')} names another namespace than --namespace")
        given = {name: value for name, value in options.items() if value is not False}
        requests.append({"account": account, "kind": kind, "manifest": manifest, **given})
    return requests


def _target_request(  # noqa: PLR0913, PLR0917 - parts of a request
    operation: str, account: str, kind: str, name: str, namespace: str, timeout_s: float, more: Mapping[str, Any]
) -> Document:
    target = {"kind": kind, "namespace": namespace, "name": name}
    request = {
        "account": account,
        "kind": operation,
        "target": {key: text for key, text in target.items() if text},
        "timeoutSeconds": timeout_s or 1.0,
    }
    return {**request, **{key: value for key, value in more.items() if value not in ("", None)}}


def _carry_out(gateway: Gateway, requests: Sequence[Document], wait: str, wanted_id: str, output: Format) -> None:
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
        _judge(done, left=len(requests) - len(done))


def _read(gateway: Gateway, request: Document, wait_s: float, output: Format) -> None:
    operation = gateway.submit(request, operation_id=str(ULID()), wait_s=wait_s)
    _judge([operation])
    document = gateway.result(operation["id"])
    show(document, output, object_table(document))


def _judge(operations: Sequence[Document], left: int = 0) -> None:
    """Fail the command with the whole message of the operation that did not succeed."""
    last = operations[-1]
    if last["state"] == "succeeded":
        return
    rest = f" ({left} more were not begun)" if left else ""
    if last["state"] not in FINAL_STATES:
        raise CommandError(f"{unfinished(last)}: `fairlead ops status {last['id']} --wait 1m`{rest}")
    raise CommandError(problem_of(last) + rest)
