"""``fairlead kubeconfig``: a kubeconfig that reaches an account through the gateway."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from fairlead.cli.connection import with_gateway
from fairlead.cli.errors import MisuseError
from fairlead.cli.facade_tokens import (
    AccountArgument,
    ExpiresOption,
    NameOption,
    ReadOnlyOption,
    keep_or_revoke,
    make_token,
)
from fairlead.cli.gateway import Gateway
from fairlead.cli.private_files import write_secret
from fairlead.contracts.accounts import account_path


@with_gateway
def command(  # noqa: PLR0913 - options
    gateway: Gateway,
    account: AccountArgument,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; printed by default.")] = None,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Namespace that kubectl uses by default.")] = "",
    facade_token_file: Annotated[
        Path | None, typer.Option(help="Name this file with a token of the account instead of making a token.")
    ] = None,
    read_only: ReadOnlyOption = False,
    name: NameOption = "",
    expires: ExpiresOption = "",
) -> None:
    """Write a kubeconfig for an account, with a new token in it.

    With --facade-token-file it names a file that holds one, as `fairlead accounts token create` writes it: then no secret is
    in it, and the token can be replaced under it.
    """
    server = _server(gateway, account)
    if facade_token_file is not None:
        if read_only or name or expires:
            raise MisuseError("--read-only, --name and --expires are for a new token; --facade-token-file names one")
        text = render(account, server, {"tokenFile": str(facade_token_file.absolute())}, gateway.ca_file, namespace)
        if output is not None:
            write_secret(output, text)
    else:
        made = make_token(gateway, account, name=name, read_only=read_only, expires=expires)
        text = render(account, server, {"token": made["token"]}, gateway.ca_file, namespace)
        if output is not None:
            keep_or_revoke(gateway, made, output, text)
    typer.echo(text if output is None else f"wrote {output}")


def render(account: str, server: str, login: dict[str, str], ca_file: Path | None, namespace: str = "") -> str:
    """A kubeconfig with one context, of the account's name.

    Args:
        account: its name.
        server: address of its Kubernetes API.
        login: ``token`` or ``tokenFile``.
        ca_file: authority of the gateway's certificate; None for one that the system trusts.
        namespace: default of the context.

    """
    cluster: dict[str, Any] = {"server": server}
    if ca_file is not None:
        cluster["certificate-authority-data"] = base64.b64encode(ca_file.read_bytes()).decode()
    context = {"cluster": account, "user": account} | ({"namespace": namespace} if namespace else {})
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": account, "cluster": cluster}],
        "users": [{"name": account, "user": login}],
        "contexts": [{"name": account, "context": context}],
        "current-context": account,
    }
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True)).rstrip("\n")


def _server(gateway: Gateway, account: str) -> str:
    try:
        path = account_path(account)
    except ValueError as error:
        raise MisuseError(str(error)) from None
    return (gateway.account(account).get("facadeUrl") or gateway.url) + path
