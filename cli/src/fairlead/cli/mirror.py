"""``fairlead accounts`` and ``fairlead objects``: look at the mirror."""

from __future__ import annotations

from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fairlead.cli.connection import with_gateway
from fairlead.cli.gateway import PAGE, Document, Gateway, GatewayRefusal
from fairlead.cli.output import Format, OutputOption, show, table


class _ListByDefault(TyperGroup):
    """`fairlead accounts` alone lists."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # what click passes on is typer's own
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


accounts_app = typer.Typer(
    cls=_ListByDefault, help="List accounts, decide whose cluster one means, and open them to kubectl."
)


@accounts_app.command("list")
@with_gateway
def accounts(gateway: Gateway, *, output: OutputOption = Format.TABLE) -> None:
    """List accounts, their clusters and whether an agent serves them."""
    found = gateway.accounts()
    columns = {
        "NAME": [each["name"] for each in found],
        "CONNECTED": [_connection(each) for each in found],
        "CLUSTER": [(each.get("cluster") or {}).get("uid") for each in found],
        "SERVER": [(each.get("cluster") or {}).get("server") for each in found],
        "VERSION": [each.get("serverVersion") for each in found],
    }
    show({"items": found}, output, table(columns, empty="no accounts yet: is an agent connected?"))


@accounts_app.command()
@with_gateway
def accept(gateway: Gateway, account: Annotated[str, typer.Argument(help="Account.")]) -> None:
    """Give an account to the cluster whose claim was refused last; the rows of the former one go."""
    server = gateway.accept_cluster(account)["cluster"]["server"]
    typer.echo(f"{account} means the cluster {server} from now on; its agent takes over when it asks again")


@with_gateway
def resources(
    gateway: Gateway,
    account: Annotated[str, typer.Argument(help="Account.")],
    *,
    output: OutputOption = Format.TABLE,
) -> None:
    """List the kinds of an account with their state and freshness."""
    found = gateway.resources(account)
    columns = {
        "RESOURCE": [each.get("resource") for each in found],
        "NAMESPACE": [each.get("namespace") for each in found],
        "STATE": [each.get("state") for each in found],
        "SINCE": [each.get("since") for each in found],
        "OBJECTS": [each.get("rows") for each in found],
        "MESSAGE": [each.get("message") for each in found],
    }
    show({"items": found}, output, table(columns, empty="no kinds are watched yet"))


@with_gateway
def objects(  # noqa: PLR0913 - options
    gateway: Gateway,
    account: Annotated[str, typer.Argument(help="Account.")],
    kind: Annotated[str, typer.Argument(help="Deployment, Deployment.apps, deployments or deployments.apps")],
    *,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Only of this namespace.")] = "",
    name: Annotated[str, typer.Option(help="Only of this name.")] = "",
    selector: Annotated[str, typer.Option("--selector", "-l", help="Label selector.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
    output: OutputOption = Format.TABLE,
) -> None:
    """List objects of one kind as the mirror holds them."""
    filters = {"namespace": namespace, "name": name, "labelSelector": selector, "limit": str(min(limit, PAGE))}
    given = {key: text for key, text in filters.items() if text}
    try:
        found = list(islice(gateway.objects(account, kind=kind, **given), limit))
    except GatewayRefusal as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        found = list(islice(gateway.objects(account, resource=kind, **given), limit))
    columns = {
        "NAMESPACE": [each.get("namespace") for each in found],
        "NAME": [each["name"] for each in found],
        "VERSION": [each.get("resourceVersion") for each in found],
        "UPDATED": [each.get("updatedAt") for each in found],
        "WITHHELD": [each.get("withheld") for each in found],
    }
    show({"items": found}, output, table(columns, empty=f"the mirror holds no {kind} of {account}"))


def _connection(account: Document) -> str:
    """Whether an agent serves it, and whether another cluster claims its name."""
    if account.get("refused"):
        return "refused: another cluster claims the name"
    return "yes" if account.get("connected") else "no"
