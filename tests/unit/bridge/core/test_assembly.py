"""Chunks of operations."""

from __future__ import annotations

import pytest

from fairlead.bridge.core.assembly import OPEN_MAX, Assembly
from fairlead.contracts.v1 import link_pb2 as pb


def chunk(number: int, text: bytes, *, last: bool = False, name: str = "op", attempt: int = 1) -> pb.Operation:
    """Make a chunk."""
    return pb.Operation(id=name, account="a", attempt=attempt, chunk=number, last=last, request=text)


def test_chunks_become_whole() -> None:
    """The last chunk gives the operation with everything that came before it."""
    assembly = Assembly()

    assert assembly.add(chunk(0, b"ab")) is None
    assert assembly.add(chunk(1, b"cd")) is None
    assert assembly.add(chunk(2, b"e", last=True)) == chunk(0, b"abcde", last=True)


def test_one_chunk() -> None:
    """Most operations come in one piece."""
    assert Assembly().add(chunk(0, b"x", last=True)) == chunk(0, b"x", last=True)


def test_operations_and_attempts_do_not_mix() -> None:
    """Chunks of several operations, and of two attempts of one, may interleave."""
    assembly = Assembly()
    assembly.add(chunk(0, b"1"))
    assembly.add(chunk(0, b"2", name="other"))
    assembly.add(chunk(0, b"3", attempt=2))

    whole = assembly.add(chunk(1, b"!", last=True))
    again = assembly.add(chunk(1, b"?", last=True, attempt=2))
    assert whole is not None
    assert again is not None
    assert (whole.request, again.request) == (b"1!", b"3?")


@pytest.mark.parametrize("numbers", [(1,), (0, 2), (0, 1, 1)])
def test_a_hole_drops_the_operation(numbers: tuple[int, ...]) -> None:
    """What is incomplete is never handed on, also not by chunks that come later."""
    assembly = Assembly()
    for number in numbers:
        assert assembly.add(chunk(number, b"x")) is None

    assert assembly.add(chunk(numbers[-1] + 1, b"x", last=True)) is None


def test_limits() -> None:
    """A request over the limit is dropped, and so is the oldest of too many open ones."""
    assembly = Assembly(limit_bytes=3)
    assembly.add(chunk(0, b"abc"))
    assert assembly.add(chunk(1, b"d", last=True)) is None

    for number in range(OPEN_MAX + 1):
        assembly.add(chunk(0, b"a", name=str(number)))
    assert assembly.add(chunk(1, b"b", last=True, name="0")) is None
    assert assembly.add(chunk(1, b"b", last=True, name="1")) is not None
