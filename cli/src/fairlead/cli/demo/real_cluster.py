"""A real cluster of the user's for the demo: found by the name of its context, and touched only with consent."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import typer
import yaml

from fairlead.cli.demo.cluster import Cluster
from fairlead.cli.errors import MisuseError
from fairlead.cli.settings import DemoSettings

DEFAULT_KUBECONFIG = Path("~/.kube/config")


def chosen_cluster(settings: DemoSettings) -> Cluster | None:
    """The cluster of KUBE_CONTEXT, limited to a namespace that is not there yet; None when no context is named.

    Raises:
        MisuseError: no kubeconfig has the context.

    """
    if not settings.kube_context:
        return None
    files = [Path(name) for name in settings.kubeconfig.split(os.pathsep) if name] or [DEFAULT_KUBECONFIG.expanduser()]
    known: list[str] = []
    for file in files:
        names = _contexts(file)
        if settings.kube_context in names:
            namespace = f"fairlead-demo-{secrets.token_hex(2)}"
            return Cluster(file.absolute(), settings.kube_context, namespace, limited=True)
        known += names
    places = ", ".join(map(str, files))
    raise MisuseError(
        f"KUBE_CONTEXT={settings.kube_context}: there is no such context in {places}; known are {', '.join(known) or 'none'}"
    )


def ask(cluster: Cluster, settings: DemoSettings) -> None:
    """Name the cluster and what will be done to it, and ask.

    Raises:
        MisuseError: nobody can be asked.
        Abort: the answer was no.

    """
    typer.echo(f"The demo will use a real cluster: context {cluster.context} of {cluster.kubeconfig},")
    typer.echo(f"  API server {cluster.server()}.")
    typer.echo(f"It makes the namespace {cluster.namespace}, works in it alone, and removes it at the end.")
    if settings.assume_yes:
        return
    if not sys.stdin.isatty():
        raise MisuseError("nobody can be asked whether to go on: set DEMO_YES=1")
    typer.confirm("Go on?", abort=True)


def _contexts(file: Path) -> list[str]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MisuseError(f"kubeconfig {file} cannot be read ({type(error).__name__})") from None
    contexts = document.get("contexts") if isinstance(document, dict) else None
    return [str(each["name"]) for each in contexts or [] if isinstance(each, dict) and "name" in each]
