"""``fairlead ops``: give operations to the gateway and tell how they ended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fairlead.cli import ops_looking, ops_rollout
from fairlead.cli.connection import with_gateway
from fairlead.cli.durations import parse_duration
from fairlead.cli.errors import MisuseError
from fairlead.cli.gateway import Gateway
from fairlead.cli.manifests import parse_patch
from fairlead.cli.operation_output import object_table, operation_line, operation_table
from fairlead.cli.operation_requests import (
    TIMEOUT,
    WAIT,
    AccountOption,
    DryRunOption,
    Files,
    IdOption,
    KindArgument,
    NameArgument,
    NamespaceOption,
    TimeoutOption,
    WaitOption,
    account_of,
    carry_out,
    judge,
    manifest_requests,
    result_of,
    target_request,
)
from fairlead.cli.output import Format, OutputOption, show
from fairlead.contracts.operations import PatchType, Propagation

app = typer.Typer(help="Act on clusters through the gateway.", no_args_is_help=True)
app.add_typer(ops_rollout.app, name="rollout")
ops_looking.register(app)


@app.command()
@with_gateway
def apply(  # noqa: PLR0913 - options
    gateway: Gateway,
    *,
    filename: Files,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    server_side: Annotated[
        bool | None,
        typer.Option("--server-side/--client-side", help="Else annotations and the agent's settings decide."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Server-side: take over fields of other managers.")] = False,
    dry_run: DryRunOption = False,
    wait: WaitOption = WAIT,
    timeout: TimeoutOption = TIMEOUT,
    operation_id: IdOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Apply manifests: client-side as kubectl does, ConfigMaps and Secrets server-side, unless told otherwise."""
    options = {
        "serverSide": server_side,
        "force": force or None,
        "dryRun": dry_run or None,
        "timeoutSeconds": parse_duration(timeout, "--timeout"),
    }
    requests = manifest_requests("apply", account_of(gateway, account), filename, namespace, options)
    carry_out(gateway, requests, wait, operation_id, output)


@app.command()
@with_gateway
def create(  # noqa: PLR0913 - options
    gateway: Gateway,
    *,
    filename: Files,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    dry_run: DryRunOption = False,
    wait: WaitOption = WAIT,
    timeout: TimeoutOption = TIMEOUT,
    operation_id: IdOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Create objects from manifests."""
    options = {"dryRun": dry_run or None, "timeoutSeconds": parse_duration(timeout, "--timeout")}
    requests = manifest_requests("create", account_of(gateway, account), filename, namespace, options)
    carry_out(gateway, requests, wait, operation_id, output)


@app.command()
@with_gateway
def replace(  # noqa: PLR0913 - options
    gateway: Gateway,
    *,
    filename: Files,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    dry_run: DryRunOption = False,
    wait: WaitOption = WAIT,
    timeout: TimeoutOption = TIMEOUT,
    operation_id: IdOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Replace objects by manifests; a manifest with a resourceVersion replaces that version only."""
    options = {"dryRun": dry_run or None, "timeoutSeconds": parse_duration(timeout, "--timeout")}
    requests = manifest_requests("replace", account_of(gateway, account), filename, namespace, options)
    carry_out(gateway, requests, wait, operation_id, output)


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
    wait: WaitOption = WAIT,
    timeout: TimeoutOption = TIMEOUT,
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
    request = target_request("patch", account_of(gateway, account), kind, name, namespace, timeout_s, more)
    carry_out(gateway, [request], wait, operation_id, output)


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
    wait: WaitOption = WAIT,
    timeout: TimeoutOption = TIMEOUT,
    operation_id: IdOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Set the number of replicas."""
    timeout_s, more = parse_duration(timeout, "--timeout"), {"replicas": replicas}
    request = target_request("scale", account_of(gateway, account), kind, name, namespace, timeout_s, more)
    carry_out(gateway, [request], wait, operation_id, output)


@app.command()
@with_gateway
def delete(  # noqa: PLR0913 - options
    gateway: Gateway,
    kind: KindArgument,
    name: Annotated[str, typer.Argument(help="Name of the object; or give --selector.")] = "",
    *,
    selector: Annotated[str, typer.Option("--selector", "-l", help="Delete all objects with these labels.")] = "",
    ignore_not_found: Annotated[
        bool, typer.Option("--ignore-not-found", help="Succeed when there is nothing to delete.")
    ] = False,
    propagation: Annotated[
        Propagation, typer.Option(help="What becomes of dependents.", case_sensitive=False)
    ] = Propagation.BACKGROUND,
    grace_period: Annotated[int | None, typer.Option(min=0, help="Seconds a pod has to end.")] = None,
    until_gone: Annotated[
        bool, typer.Option("--until-gone/--at-once", help="Succeed when it is gone, or when it is marked.")
    ] = True,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    wait: WaitOption = WAIT,
    timeout: TimeoutOption = TIMEOUT,
    operation_id: IdOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Delete one object, or all with some labels, and wait until they are gone."""
    if bool(name) == bool(selector):
        raise MisuseError("name the object, or give --selector")
    timeout_s = parse_duration(timeout, "--timeout")
    more: dict[str, Any] = {
        "propagation": propagation.value, "wait": until_gone, "labelSelector": selector,
        "gracePeriodSeconds": grace_period, "ignoreNotFound": ignore_not_found or None,
    }  # fmt: skip
    request = target_request("delete", account_of(gateway, account), kind, name, namespace, timeout_s, more)
    carry_out(gateway, [request], wait, operation_id, output)


@app.command()
@with_gateway
def get(  # noqa: PLR0913 - options
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    wait: WaitOption = WAIT,
    output: OutputOption = Format.TABLE,
) -> None:
    """Read one object from its cluster, live."""
    wait_s = parse_duration(wait, "--wait")
    request = target_request("get", account_of(gateway, account), kind, name, namespace, wait_s, {})
    document = result_of(gateway, request, wait_s)
    show(document, output, object_table(document))


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
    wait: WaitOption = WAIT,
    output: OutputOption = Format.TABLE,
) -> None:
    """List objects of one kind from their cluster, live."""
    wait_s = parse_duration(wait, "--wait")
    more = {"labelSelector": selector, "fieldSelector": field_selector, "limit": limit}
    request = target_request("list", account_of(gateway, account), kind, "", namespace, wait_s, more)
    document = result_of(gateway, request, wait_s)
    show(document, output, object_table(document))


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
    judge([operation])


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
