"""The guided tour: its steps in order, told as they happen, and how it ends when one fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.text import Text
from ulid import ULID

from fairlead.cli.demo.cluster import Cluster
from fairlead.cli.demo.mirror import Mirror
from fairlead.cli.errors import CommandError
from fairlead.cli.gateway import Document, Gateway
from fairlead.cli.parts.errors import PartError
from fairlead.cli.stack import Stack

STEP_TIMEOUT_S = 30.0
INDENT = "   "
_POLL_S = 0.004
_LOOK_S = 0.5


class StepFailed(CommandError):
    """A step did not show what it was to show."""


@dataclass
class Tour:
    """What the steps work with."""

    console: Console
    stack: Stack
    cluster: Cluster
    account: str
    kinds: Sequence[str]
    """Kinds that the account watches."""
    gateway: Gateway
    mirror: Mirror = field(init=False)

    def __post_init__(self) -> None:
        self.mirror = Mirror(self.gateway, self.account)

    def say(self, text: str) -> None:
        """Tell one thing, indented on each line that it takes; ``[b]…[/b]`` stands out."""
        for line in Text.from_markup(text).wrap(self.console, self.console.width - len(INDENT)):
            line.rstrip()
            self.console.print(Text(INDENT).append_text(line))

    def until(self, what: str, question: Callable[[], bool], *, timeout_s: float = STEP_TIMEOUT_S) -> float:
        """Ask until the answer is yes; returns how many seconds it took.

        Raises:
            StepFailed: it was still no when time was up, or a part has ended.

        """
        started = looked = time.monotonic()
        while not question():
            now = time.monotonic()
            if now - started > timeout_s:
                raise StepFailed(f"after {timeout_s:g} s still not: {what}")
            if now - looked > _LOOK_S:
                looked = now
                self._look_after_parts(what)
            time.sleep(_POLL_S)
        return time.monotonic() - started

    def _look_after_parts(self, what: str) -> None:
        """Do not wait for what a dead part can no longer bring."""
        for name in self.stack.parts:
            if not self.stack.running(name):
                raise StepFailed(
                    f"{name} has ended while waiting for this: {what}; its log ends:\n{self.stack.tail(name)}"
                )

    def operate(self, kind: str, **parts: Any) -> Document:
        """Carry out an operation and insist on its success."""
        request = {"account": self.account, "kind": kind, **parts}
        operation = self.gateway.submit(request, operation_id=str(ULID()), wait_s=STEP_TIMEOUT_S)
        if operation["state"] != "succeeded":
            result = operation.get("result") or {}
            said = result.get("message") or "no answer in time"
            raise StepFailed(f"the operation {operation['id']} ended as {operation['state']}: {said}")
        return operation

    def target(self, kind: str, name: str) -> dict[str, str]:
        """Name an object of the demo's namespace."""
        return {"kind": kind, "namespace": self.cluster.namespace, "name": name}


@dataclass(frozen=True)
class Step:
    """One stop of the tour."""

    title: str
    run: Callable[[Tour], None]


def guide(tour: Tour, steps: Sequence[Step]) -> None:
    """Run the steps in order.

    Raises:
        StepFailed: naming the step, with the reason.

    """
    for number, step in enumerate(steps, start=1):
        tour.console.print(f"\n[bold cyan]{number}. {step.title}[/]", highlight=False)
        try:
            step.run(tour)
        except (CommandError, PartError) as error:
            raise StepFailed(f"step {number} ({step.title}) failed: {error}") from error
