"""What lists wait for after a write."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import Kind
from fairlead.gateway.core.facade.answers import Written
from fairlead.gateway.core.facade.barrier import (
    HOLD_LIMIT_S,
    UNKNOWN_HOLD_S,
    Mark,
    Outcome,
    Wait,
    mark_begun,
    mark_ended,
    mark_of_operation,
    outcome_of,
)
from fairlead.gateway.core.facade.targets import Target, Verb
from fairlead.gateway.core.operations import Operation, State, Subject
from fairlead.gateway.core.operations import Outcome as Ended

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PATCH = Target(Verb.PATCH, "apps", "v1", "deployments", "shop", "web")
WEB = Written(200, "shop", "web", "u1", 42)


def _ended(target: Target, written: Written | None, *, dispatched: bool = True) -> Mark | None:
    begun = mark_begun("W1", "prod", target)
    assert begun is not None
    outcome = outcome_of(written.status if written else None, dispatched=dispatched)
    return mark_ended(begun, target, outcome, written)


@pytest.mark.parametrize(
    ("status", "dispatched", "outcome"),
    [
        (200, True, Outcome.DONE),
        (201, True, Outcome.DONE),
        (202, True, Outcome.DONE),
        (404, True, Outcome.REFUSED),
        (429, True, Outcome.REFUSED),
        (500, True, Outcome.FAILED),
        (504, True, Outcome.FAILED),
        (302, True, Outcome.FAILED),
        (None, True, Outcome.LOST),
        (None, False, Outcome.UNSENT),
    ],
)
def test_how_a_write_ends(status: int | None, outcome: Outcome, *, dispatched: bool) -> None:
    """Only what certainly changed nothing counts as refused."""
    assert outcome_of(status, dispatched=dispatched) is outcome


def test_a_write_under_way_is_waited_for() -> None:
    """Its object is the one of the path; a namespace stands in none."""
    assert mark_begun("W1", "prod", PATCH) == Mark("W1", "prod", "apps", "deployments", "shop", "web", Wait.END)
    mark = mark_begun("W1", "prod", Target(Verb.DELETE, "", "v1", "namespaces", "shop", "shop"))
    assert mark is not None
    assert (mark.namespace, mark.name) == ("", "shop")


@pytest.mark.parametrize("subresource", ["token", "exec", "proxy"])
def test_fruitless_writes(subresource: str) -> None:
    """They change nothing that a list shows."""
    assert (
        mark_begun("W1", "prod", Target(Verb.CREATE, "", "v1", "serviceaccounts", "shop", "web", subresource)) is None
    )


@pytest.mark.parametrize("subresource", ["", "status", "scale"])
def test_a_known_version_is_waited_for(subresource: str) -> None:
    """Also that of a subresource, whose answer has the version of the object."""
    mark = _ended(replace(PATCH, subresource=subresource), WEB)
    assert mark == Mark("W1", "prod", "apps", "deployments", "shop", "web", Wait.VERSION, "u1", 42)
    assert mark.hold_s == HOLD_LIMIT_S


def test_a_generated_name_is_learnt() -> None:
    """The path of a creation names no object."""
    mark = _ended(replace(PATCH, verb=Verb.CREATE, name=""), replace(WEB, name="web-x7k2p"))
    assert mark is not None
    assert mark.name == "web-x7k2p"


@pytest.mark.parametrize("version", [None, 42])
def test_a_deletion_is_waited_for(version: int | None) -> None:
    """By UID when the answer tells no version."""
    mark = _ended(replace(PATCH, verb=Verb.DELETE), replace(WEB, version=version, deleted=True))
    assert mark is not None
    assert (mark.wait, mark.uid, mark.version) == (Wait.GONE, "u1", version)


@pytest.mark.parametrize(
    ("target", "written"),
    [
        (PATCH, None),
        (PATCH, Written(500)),
        (PATCH, Written(200)),
        (replace(PATCH, verb=Verb.DELETE), Written(200, deleted=True)),
        (replace(PATCH, verb=Verb.DELETE_COLLECTION, name=""), Written(200)),
        (Target(Verb.CREATE, "", "v1", "pods", "shop", "web", "eviction"), Written(201)),
    ],
)
def test_what_is_not_known_holds_for_a_time(target: Target, written: Written | None) -> None:
    """Lost answers, failures, collections, and answers without a version."""
    mark = _ended(target, written)
    assert mark is not None
    assert (mark.wait, mark.hold_s) == (Wait.TIME, UNKNOWN_HOLD_S)


def test_what_changed_nothing_holds_nothing() -> None:
    """Refused, never sent, or a dry run."""
    assert _ended(PATCH, Written(409)) is None
    assert _ended(PATCH, None, dispatched=False) is None
    assert _ended(replace(PATCH, verb=Verb.DELETE), replace(WEB, deleted=True, dry_run=True)) is None


def _operation(kind: Kind, state: State, **outcome: object) -> Operation:
    resource = Resource("apps", "v1", "deployments", "Deployment", namespaced=True)
    told: dict[str, object] = {"resource": resource, "namespace": "shop", "name": "web", "uid": "u1", "version": "42"}
    return Operation(
        "O1", "prod", kind, state, "ci", Subject("apps/v1", "Deployment", "shop", "web"), NOW, NOW,
        outcome=Ended(state, **(told | outcome)),  # type: ignore[arg-type]  # fields by name
    )  # fmt: skip


def test_operations_are_waited_for() -> None:
    """Their outcome has the version; an unknown one is known by kind alone."""
    mark = Mark("O1", "prod", "apps", "deployments", "shop", "web", Wait.VERSION, "u1", 42, "Deployment")
    assert mark_of_operation(_operation(Kind.APPLY, State.SUCCEEDED)) == mark
    deleted = mark_of_operation(_operation(Kind.DELETE, State.SUCCEEDED))
    assert deleted == replace(mark, wait=Wait.GONE, hold_s=UNKNOWN_HOLD_S)
    lost = mark_of_operation(_operation(Kind.APPLY, State.UNKNOWN, resource=None, uid="", version=""))
    assert lost is not None
    assert (lost.group, lost.plural, lost.kind, lost.wait) == ("apps", "", "Deployment", Wait.TIME)
    assert mark_of_operation(_operation(Kind.SCALE, State.SUCCEEDED, version="", uid="")) is not None


@pytest.mark.parametrize(
    ("kind", "state"), [(Kind.GET, State.SUCCEEDED), (Kind.APPLY, State.FAILED), (Kind.APPLY, State.EXPIRED)]
)
def test_operations_that_changed_nothing(kind: Kind, state: State) -> None:
    """Reads, refusals and what never ran."""
    assert mark_of_operation(_operation(kind, state)) is None
    assert mark_of_operation(replace(_operation(Kind.APPLY, State.SENT), outcome=None)) is None
