"""``fairlead kubernetes-secrets``: what ``fairlead prepare`` made, as Secrets and a ConfigMap for Kubernetes.

Each service gets a Secret with the files that it needs and no others; the authority's certificate is public. An agent's
cluster needs nothing of the gateway's, and the gateway's nothing of the bus.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from fairlead.cli.errors import CommandError
from fairlead.cli.prepare import NATS_CONFIGURATION


class Side(StrEnum):
    """What stands in one namespace."""

    AGENT = "agent"
    GATEWAY = "gateway"


_AGENT: Mapping[str, Mapping[str, str]] = {
    "fairlead-watcher": {"nats.password": "watcher.password"},
    "fairlead-scrubber": {"nats.password": "scrubber.password"},
    "fairlead-executor": {"nats.password": "executor.password"},
    "fairlead-bridge": {"nats.password": "bridge.password", "agent.token": "agent.token"},
    "fairlead-bridge-client": {"agent.crt": "agent.crt", "agent.key": "agent.key"},
    "fairlead-nats": {name: name for name in (NATS_CONFIGURATION, "nats.crt", "nats.key")},
}
_GATEWAY: Mapping[str, Mapping[str, str]] = {
    "fairlead-postgres": {"postgres.password": "postgres.password"},
    "fairlead-gateway": {
        name: name
        for name in ("gateway.crt", "gateway.key", "operations.key", "database.dsn", "agent.token", "api.token")
    },
}
SECRETS: Mapping[Side, Mapping[str, Mapping[str, str]]] = {Side.AGENT: _AGENT, Side.GATEWAY: _GATEWAY}
"""Secrets of each side by name, and in each the file of the directory that stands behind each key."""
TRUST = "fairlead-trust"


def manifests(directory: Path, side: Side | None = None) -> Iterator[dict[str, Any]]:
    """Make the Secrets and the ConfigMap of one side, or of both.

    Raises:
        CommandError: a file is missing.

    """
    wanted = [SECRETS[each] for each in (Side if side is None else [side])]
    for name, files in [item for secrets in wanted for item in secrets.items()]:
        data = {key: b64encode(_read(directory / file)).decode() for key, file in files.items()}
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque", "data": data}
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": TRUST},
        "data": {"ca.crt": _read(directory / "ca.crt").decode()},
    }


def command(
    directory: Annotated[Path, typer.Argument(help="Directory that `fairlead prepare` wrote.")],
    *,
    side: Annotated[
        Side | None, typer.Option("--for", help="For a namespace that holds only this; both by default.")
    ] = None,
) -> None:
    """Print Secrets and a ConfigMap for Kubernetes; pipe them into kubectl apply."""
    typer.echo(yaml.safe_dump_all(manifests(directory, side), sort_keys=False), nl=False)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise CommandError(f"{path} is missing; run `fairlead prepare {path.parent}` first") from None
