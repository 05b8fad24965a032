"""The options that the verbs of ``fairlead ops`` share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from fairlead.cli.durations import parse_duration
from fairlead.cli.output import Format, OutputOption

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


@dataclass(frozen=True, slots=True)
class Place:
    """Where an operation acts."""

    account: AccountOption = ""
    namespace: NamespaceOption = ""


@dataclass(frozen=True, slots=True)
class Looking(Place):
    """How something is read: what the agent finds within the wait is printed."""

    wait: WaitOption = "30s"
    output: OutputOption = Format.TABLE

    @property
    def wait_s(self) -> float:
        """How long to wait, in seconds."""
        return parse_duration(self.wait, "--wait")


@dataclass(frozen=True, slots=True)
class Acting(Looking):
    """How something is changed."""

    timeout: TimeoutOption = "30s"
    operation_id: IdOption = ""

    @property
    def timeout_s(self) -> float:
        """How long the agent may work on it, in seconds."""
        return parse_duration(self.timeout, "--timeout")


@dataclass(frozen=True, slots=True)
class LongLooking(Looking):
    """How something is waited for that takes minutes."""

    wait: WaitOption = "5m"


@dataclass(frozen=True, slots=True)
class Running(LongLooking):
    """How something is begun whose end takes minutes."""

    operation_id: IdOption = ""
