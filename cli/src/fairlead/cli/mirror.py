"""``fairlead accounts`` and ``fairlead objects``: look at the mirror."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from fairlead.cli.connection import with_gateway
from fairlead.cli.gateway import Gateway
from fairlead.cli.output import Format, OutputOption, show, table


@with_gateway
def accounts(gateway: Gateway, *, output: OutputOption = Format.TABLE) -> None:
    """List accounts, their clusters and whether an agent serves them."""
    found = gateway.accounts()
    columns = {
        "NAME": [each["name"] for each in found],
        "CONNECTED": ["yes" if each.get("connected") else "no" for each in found],
        "CLUSTER": [(each.get("cluster") or {}).get("uid") for each in found],
        "SERVER": [(each.get("cluster") or {}).get("server") for each in found],
        "VERSION": [each.get("serverVersion") for each in found],
    }
    show({"items": found}, output, table(columns, empty="no accounts yet: is an agent connected?"))


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
        "RESOURCE": [each.get("name") for each in found],
        "NAMESPACE": [each.get("namespace") for each in found],
        "STATE": [each.get("state") for each in found],
        "SINCE": [each.get("since") for each in found],
        "OBJECTS": [each.get("objects") for each in found],
        "MESSAGE": [each.get("message") for each in found],
    }
    show({"items": found}, output, table(columns, empty="no kinds are watched yet"))


@with_gateway
def objects(  # noqa: PLR0913 - options
    gateway: Gateway,
    account: Annotated[str, typer.Argument(help="Account.")],
    kind: Annotated[str, typer.Argument(help="Deployment, Deployment.apps or deployments")],
    *,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Only of this namespace.")] = "",
    name: Annotated[str, typer.Option(help="Only of this name.")] = "",
    selector: Annotated[str, typer.Option("--selector", "-l", help="Label selector.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 1000,
    output: OutputOption = Format.TABLE,
) -> None:
    """List objects of one kind as the mirror holds them."""
    filters = {"kind": kind, "namespace": namespace, "name": name, "labelSelector": selector}
    given = {key: text for key, text in filters.items() if text}
    found = list(islice(gateway.objects(account, **given), limit))
    columns = {
        "NAMESPACE": [each.get("namespace") for each in found],
        "NAME": [each["name"] for each in found],
        "VERSION": [each.get("version") for each in found],
        "OBSERVED": [each.get("observed") for each in found],
        "WITHHELD": [each.get("withheld") for each in found],
    }
    show({"items": found}, output, table(columns, empty=f"the mirror holds no {kind} of {account}"))
