"""Which operations may be repeated."""

from __future__ import annotations

import pytest

from fairlead.contracts.operations import READS, Kind
from fairlead.contracts.repeatability import repeatability


@pytest.mark.parametrize("kind", Kind)
def test_only_reads_and_fenced_changes_may_be_repeated(kind: Kind) -> None:
    """Reads always may, creations and applies never, the others when a precondition fails the second time."""
    assert repeatability(kind, fenced=False).safe == (kind in READS)
    assert repeatability(kind, fenced=True).safe == (kind not in (Kind.CREATE, Kind.APPLY, Kind.RUN_JOB))
    assert repeatability(kind, fenced=False).why
