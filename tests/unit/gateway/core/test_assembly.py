"""Bodies in chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.gateway.core.assembly import Assembly, BodyTooLarge


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=6), st.data())
def test_any_order_with_duplicates(chunks: list[bytes], data: st.DataObject) -> None:
    """Whatever the order and the repetitions, the body comes out once, whole, and nothing of it stays."""
    assembly: Assembly[str] = Assembly(limit_bytes=1000, total_bytes=1000)
    order = data.draw(st.permutations(range(len(chunks))))
    repeated = [number for number in order for _ in range(data.draw(st.integers(1, 2)))]
    last = len(chunks) - 1
    bodies = []
    seen: set[int] = set()
    for number in repeated:
        if seen == set(range(len(chunks))):
            break
        seen.add(number)
        body = assembly.add("a", number, chunks[number], last=number == last)
        if body is not None:
            bodies.append(body)
    assert bodies == [b"".join(chunks)]
    assert (len(assembly), assembly.size) == (0, 0)


def test_limits() -> None:
    """A body over its limit is refused and forgotten; too many together cost the one that waited longest."""
    assembly: Assembly[str] = Assembly(limit_bytes=10, total_bytes=12)
    with pytest.raises(BodyTooLarge):
        assembly.add("large", 0, b"x" * 11, last=True)
    assert assembly.size == 0
    assembly.add("first", 0, b"x" * 8, last=False)
    assembly.add("second", 0, b"y" * 8, last=False)
    assert assembly.add("first", 1, b"z", last=True) is None
    assert assembly.add("second", 1, b"z", last=True) == b"yyyyyyyyz"


def test_put_back() -> None:
    """A body that was taken back is whole again with its last chunk alone."""
    assembly: Assembly[str] = Assembly(limit_bytes=100, total_bytes=100)
    for number, chunk in enumerate((b"ab", b"cd")):
        assembly.add("a", number, chunk, last=False)
    body = assembly.add("a", 2, b"ef", last=True)
    assert body == b"abcdef"
    assembly.put_back("a", 2, b"ef", body)
    assert assembly.add("a", 2, b"ef", last=True) == b"abcdef"
    assembly.put_back("single", 0, b"ef", b"ef")
    assert len(assembly) == 0
