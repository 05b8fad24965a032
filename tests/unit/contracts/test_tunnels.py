"""What a piece of a body costs, and which methods write."""

from __future__ import annotations

import pytest

from fairlead.contracts.tunnels import PIECE_BYTES, WINDOW_BYTES, cost_of, is_write, may_last
from fairlead.contracts.v1 import link_pb2 as pb


def test_small_pieces_are_not_free() -> None:
    """However small its pieces, a window holds a bounded number of them; the largest fits several times."""
    assert cost_of(b"") > 0
    assert WINDOW_BYTES // cost_of(b"x") < 5000
    assert cost_of(bytes(PIECE_BYTES)) <= WINDOW_BYTES // 2


@pytest.mark.parametrize(
    ("method", "writes"),
    [
        ("GET", False),
        ("HEAD", False),
        ("OPTIONS", False),
        ("POST", True),
        ("DELETE", True),
        ("get", True),
        ("BREW", True),
    ],
)
def test_what_writes(method: str, *, writes: bool) -> None:
    """Whatever is not known to change nothing is a write; methods are told apart by case."""
    assert is_write(method) is writes


@pytest.mark.parametrize(("method", "idle_ms", "lasts"), [("GET", 0, True), ("GET", 60_000, False), ("POST", 0, False)])
def test_what_lasts(method: str, idle_ms: int, *, lasts: bool) -> None:
    """A read without a bound on silence may go on for ever; a write never does."""
    assert may_last(pb.TunnelOpen(method=method, idle_ms=idle_ms)) is lasts
