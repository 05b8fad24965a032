"""Streams are cut into the same lines whatever the chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.kube.errors import ProtocolError
from fairlead.kube.lines import LineCutter


@given(lines=st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"."))), data=st.data())
def test_lines_do_not_depend_on_chunk_boundaries(lines: list[bytes], data: st.DataObject) -> None:
    """Any cutting of a stream gives its lines, in order, blank ones left out."""
    stream = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    cutter = LineCutter()

    found = [
        line
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for line in cutter.feed(stream[start:end])
    ]

    assert found == [line for line in lines if line.strip()]
    assert cutter.pending_bytes == 0


def test_an_unfinished_line_is_kept_and_counted() -> None:
    """What came after the last newline waits for its end."""
    cutter = LineCutter()

    assert cutter.feed(b"one\ntw") == [b"one"]
    assert cutter.pending_bytes == 2
    assert cutter.feed(b"o\n") == [b"two"]
    assert cutter.pending_bytes == 0


def test_a_line_over_the_limit_is_an_error() -> None:
    """The buffer is bounded, however small the chunks are."""
    cutter = LineCutter(limit_bytes=100)
    for _ in range(10):
        cutter.feed(b"x" * 10)

    with pytest.raises(ProtocolError, match="longer than 100 bytes"):
        cutter.feed(b"x")


def test_a_long_line_in_many_chunks_is_put_together_once() -> None:
    """A line of megabytes in small chunks comes back whole."""
    cutter = LineCutter()
    for _ in range(3000):
        assert cutter.feed(b"x" * 1000) == []

    assert cutter.feed(b"\n") == [b"x" * 3_000_000]
