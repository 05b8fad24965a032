"""How the tour is led, and how it ends when a step fails."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

import pytest
from rich.console import Console
from tests.support.rest_double import RestDouble

from fairlead.cli.demo.cluster import Cluster
from fairlead.cli.demo.tour import Step, StepFailed, Tour, guide
from fairlead.cli.gateway import Gateway
from fairlead.cli.parts.errors import PartFailedError

if TYPE_CHECKING:
    from pathlib import Path


class Parts:
    """As much of a stack as leading a tour needs."""

    parts = ("nats", "bridge")

    def __init__(self) -> None:
        self.dead: set[str] = set()

    def running(self, name: str) -> bool:
        """Whether a part lives."""
        return name not in self.dead

    def tail(self, name: str) -> str:
        """The end of its log."""
        return f"last words of {name}"


@pytest.fixture
def tour(rest: RestDouble, tmp_path: Path) -> Tour:
    """A tour over a gateway's double; its parts are named and never run."""
    console = Console(file=io.StringIO(), width=120)
    stack = cast("Any", Parts())
    return Tour(console, stack, Cluster(tmp_path, "", "demo"), "shop", [], Gateway(rest.url, trust_env=False))


def said(tour: Tour) -> str:
    """What was printed."""
    return cast("io.StringIO", tour.console.file).getvalue()


def test_steps_come_in_order_and_a_failure_names_its_step(tour: Tour) -> None:
    """What comes after it does not run."""
    ran: list[str] = []

    def fails(_: Tour) -> None:
        raise PartFailedError("the bridge is not ready")

    steps = [Step("one", lambda _: ran.append("one")), Step("two", fails), Step("three", lambda _: ran.append("three"))]
    with pytest.raises(StepFailed, match=r"step 2 \(two\) failed: the bridge is not ready"):
        guide(tour, steps)

    assert ran == ["one"]
    assert "1. one" in said(tour)


def test_what_is_told_keeps_its_indent_over_several_lines(tour: Tour) -> None:
    """Nothing is lost at the border, and no line ends with spaces."""
    tour.say("[green]✓[/] " + " ".join(["word"] * 40))

    lines = said(tour).splitlines()
    assert len(lines) > 1
    assert all(line.startswith("   ") and line == line.rstrip() for line in lines)
    assert said(tour).count("word") == 40


def test_waiting_has_a_bound(tour: Tour) -> None:
    """The failure says what did not come."""
    answers = iter([False, True])
    assert tour.until("rows", lambda: next(answers)) < 15
    with pytest.raises(StepFailed, match="still not: rows"):
        tour.until("rows", lambda: False, timeout_s=0.05)


def test_nobody_waits_for_a_dead_part(tour: Tour) -> None:
    """It is named, long before time is up."""
    cast("Parts", tour.stack).dead.add("bridge")

    with pytest.raises(
        StepFailed, match=r"bridge has ended while waiting for this: rows; its log ends:\nlast words of bridge"
    ):
        tour.until("rows", lambda: False, timeout_s=20)


def test_an_operation_must_succeed(tour: Tour, rest: RestDouble) -> None:
    """Its message is the failure's."""
    rest.answer("POST", "/v1/operations", {"id": "01J", "state": "failed", "result": {"message": "quota exceeded"}})

    with pytest.raises(StepFailed, match="quota exceeded"):
        tour.operate("scale", target=tour.target("Deployment", "web"), replicas=3)
    assert rest.requests[0].body["target"] == {"kind": "Deployment", "namespace": "demo", "name": "web"}
