"""The options by which a command finds the gateway, the same for every command that speaks to one."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from fairlead.cli.gateway import Gateway, open_gateway
from fairlead.cli.option_groups import with_option_groups
from fairlead.cli.settings import client_settings

P = ParamSpec("P")
_PANEL = "Gateway"


def _option(name: str, text: str) -> Any:
    return typer.Option(f"--{name}", help=text, rich_help_panel=_PANEL, show_default=False)


_OPTIONS: dict[str, Any] = {
    "gateway": Annotated[str | None, _option("gateway", "https://host:8443 [FAIRLEAD_GATEWAY]")],
    "token": Annotated[str | None, _option("token", "Bearer token; a file is better, for others see arguments.")],
    "token_file": Annotated[Path | None, _option("token-file", "File with the token. [FAIRLEAD_TOKEN_FILE]")],
    "ca_file": Annotated[Path | None, _option("ca-file", "Authority of the gateway's certificate. [FAIRLEAD_CA_FILE]")],
}


def with_gateway(command: Callable[Concatenate[Gateway, P], None]) -> Callable[..., None]:
    """Give a command the options of the connection, and the open gateway in their place as its first argument.

    Parameters that are dataclasses become options too: see `with_option_groups`.
    """
    command = with_option_groups(command)
    signature = inspect.signature(command, eval_str=True)
    own = list(signature.parameters.values())[1:]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in _OPTIONS.items()
    ]

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        given = {name: kwargs.pop(name) for name in _OPTIONS}
        if given["token_file"] is not None and given["token"] is None:
            given["token"] = ""  # the file that was named wins over a token of the environment
        settings = client_settings().model_copy(
            update={name: value for name, value in given.items() if value is not None}
        )
        with open_gateway(settings) as gateway:
            command(gateway, *args, **kwargs)

    parameters = [*own, *added]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # what typer reads
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
