"""``fairlead accounts writes``: who wrote what through the gateway's Kubernetes API."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer

from fairlead.cli.connection import with_gateway
from fairlead.cli.gateway import Document, Gateway
from fairlead.cli.output import Format, OutputOption, show, table


@with_gateway
def command(
    gateway: Gateway,
    account: Annotated[str, typer.Argument(help="Account.")],
    *,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    output: OutputOption = Format.TABLE,
) -> None:
    """List writes of kubectl and Clouddriver to an account, newest first."""
    found = list(islice(gateway.writes(account, limit=limit), limit))
    columns: dict[str, list[Any]] = {
        "STARTED": [each.get("startedAt") for each in found],
        "CALLER": [each.get("caller") for each in found],
        "COMMAND": [each.get("command") for each in found],
        "VERB": [each.get("verb") for each in found],
        "OBJECT": [_object(each) for each in found],
        "OUTCOME": [_outcome(each) for each in found],
        "CODE": [each.get("code") for each in found],
        "VERSION": [each.get("resourceVersion") for each in found],
    }
    show({"items": found}, output, table(columns, empty=f"nothing was written to {account} through the gateway"))


def _object(write: Document) -> str:
    steps = (write.get("resource"), write.get("namespace"), write.get("name"), write.get("subresource"))
    return "/".join(str(step) for step in steps if step)


def _outcome(write: Document) -> str:
    return f"{write.get('outcome')} (dry run)" if write.get("dryRun") else str(write.get("outcome"))
