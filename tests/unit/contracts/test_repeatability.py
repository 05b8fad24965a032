"""Which operations may be repeated."""

from __future__ import annotations

import pytest

from fairlead.contracts.operations import READS, Kind, OperationRequest, Target
from fairlead.contracts.repeatability import is_fenced, repeatability


@pytest.mark.parametrize("kind", Kind)
def test_only_reads_and_fenced_changes_may_be_repeated(kind: Kind) -> None:
    """Reads always may, creations and applies never, the others when a precondition fails the second time."""
    assert repeatability(kind, fenced=False).safe == (kind in READS)
    assert repeatability(kind, fenced=True).safe == (kind not in (Kind.CREATE, Kind.APPLY, Kind.RUN_JOB))
    assert repeatability(kind, fenced=False).why


@pytest.mark.parametrize("kind", [Kind.DELETE, Kind.PATCH, Kind.SCALE, Kind.RESTART])
def test_what_fences(kind: Kind) -> None:
    """A version fences every change; a UID a deletion alone, for an object that was changed keeps its UID."""
    about = Target("Deployment", name="web")
    assert not is_fenced(OperationRequest("shop", kind, target=about))
    assert is_fenced(OperationRequest("shop", kind, target=about, resource_version="7"))
    assert is_fenced(OperationRequest("shop", kind, target=about, uid="u")) == (kind is Kind.DELETE)
