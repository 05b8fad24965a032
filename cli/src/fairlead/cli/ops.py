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
from fairlead.cli.operation_options import (
    AccountOption,
    Acting,
    DryRunOption,
    Files,
    KindArgument,
    Looking,
    NameArgument,
)
from fairlead.cli.operation_output import object_table, operation_line, operation_table
from fairlead.cli.operation_requests import Target, act, carry_out, judge, look, manifest_requests, named
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
    server_side: Annotated[
        bool | None,
        typer.Option("--server-side/--client-side", help="Else annotations and the agent's settings decide."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Server-side: take over fields of other managers.")] = False,
    dry_run: DryRunOption = False,
    how: Acting,
) -> None:
    """Apply manifests: client-side as kubectl does, ConfigMaps and Secrets server-side, unless told otherwise."""
    options = {
        "serverSide": server_side,
        "force": force or None,
        "dryRun": dry_run or None,
        "timeoutSeconds": how.timeout_s,
    }
    carry_out(gateway, manifest_requests("apply", named(gateway, how), filename, options), how)


@app.command()
@with_gateway
def create(
    gateway: Gateway,
    *,
    filename: Files,
    dry_run: DryRunOption = False,
    how: Acting,
) -> None:
    """Create objects from manifests."""
    options = {"dryRun": dry_run or None, "timeoutSeconds": how.timeout_s}
    carry_out(gateway, manifest_requests("create", named(gateway, how), filename, options), how)


@app.command()
@with_gateway
def replace(
    gateway: Gateway,
    *,
    filename: Files,
    dry_run: DryRunOption = False,
    how: Acting,
) -> None:
    """Replace objects by manifests; a manifest with a resourceVersion replaces that version only."""
    options = {"dryRun": dry_run or None, "timeoutSeconds": how.timeout_s}
    carry_out(gateway, manifest_requests("replace", named(gateway, how), filename, options), how)


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
    dry_run: DryRunOption = False,
    how: Acting,
) -> None:
    """Patch one object."""
    if bool(body) == (patch_file is not None):
        raise MisuseError("give the patch with --patch or --patch-file")
    try:
        text = body if patch_file is None else patch_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MisuseError(f"{patch_file} cannot be read ({error})") from None
    more = {"patch": parse_patch(text), "patchType": patch_type.value, "dryRun": dry_run}
    act(gateway, how, "patch", Target(kind, name), more)


@app.command()
@with_gateway
def scale(
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    replicas: Annotated[int, typer.Option(min=0, help="How many there shall be.")],
    how: Acting,
) -> None:
    """Set the number of replicas."""
    act(gateway, how, "scale", Target(kind, name), {"replicas": replicas})


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
    how: Acting,
) -> None:
    """Delete one object, or all with some labels, and wait until they are gone."""
    if bool(name) == bool(selector):
        raise MisuseError("name the object, or give --selector")
    more: dict[str, Any] = {
        "propagation": propagation.value, "wait": until_gone, "labelSelector": selector,
        "gracePeriodSeconds": grace_period, "ignoreNotFound": ignore_not_found or None,
    }  # fmt: skip
    act(gateway, how, "delete", Target(kind, name), more)


@app.command()
@with_gateway
def get(
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    how: Looking,
) -> None:
    """Read one object from its cluster, live."""
    document = look(gateway, how, "get", Target(kind, name), {})
    show(document, how.output, object_table(document))


@app.command("list")
@with_gateway
def list_(  # noqa: PLR0913 - options
    gateway: Gateway,
    kind: KindArgument,
    *,
    selector: Annotated[str, typer.Option("--selector", "-l", help="Label selector.")] = "",
    field_selector: Annotated[str, typer.Option(help="Field selector.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")] = 0,
    how: Looking,
) -> None:
    """List objects of one kind from their cluster, live."""
    more = {"labelSelector": selector, "fieldSelector": field_selector, "limit": limit}
    document = look(gateway, how, "list", Target(kind), more)
    show(document, how.output, object_table(document))


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
