"""Bodies that travel in numbered chunks, put together again: in any order, duplicates dropped, bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class BodyTooLarge(ValueError):
    """A body exceeds its limit; what was collected is gone."""


@dataclass(slots=True)
class _Body:
    chunks: dict[int, bytes] = field(default_factory=dict)
    last: int | None = None
    size: int = 0


class Assembly(Generic[K]):
    """Bodies under way, by key.

    Args:
        limit_bytes: of one body.
        total_bytes: of all together; past it the body that was longest without a chunk is given up.

    """

    def __init__(self, *, limit_bytes: int, total_bytes: int) -> None:
        self._limit = limit_bytes
        self._total_limit = total_bytes
        self._bodies: OrderedDict[K, _Body] = OrderedDict()
        self.size = 0

    def add(self, key: K, chunk: int, data: bytes, *, last: bool) -> bytes | None:
        """Take one chunk; returns the body once it is whole, and forgets it.

        Raises:
            BodyTooLarge: the body is forgotten.

        """
        body = self._bodies.setdefault(key, _Body())
        self._bodies.move_to_end(key)
        if chunk not in body.chunks:
            body.chunks[chunk] = data
            body.size += len(data)
            self.size += len(data)
        if last:
            body.last = chunk
        if body.size > self._limit:
            self.forget(key)
            raise BodyTooLarge(f"the body is larger than {self._limit} bytes")
        if body.last is not None and all(number in body.chunks for number in range(body.last + 1)):
            self.forget(key)
            return b"".join(body.chunks[number] for number in range(body.last + 1))
        while self.size > self._total_limit and len(self._bodies) > 1:
            self.forget(next(iter(self._bodies)))
        return None

    def put_back(self, key: K, last: int, data: bytes, body: bytes) -> None:
        """Take a whole body back but for its last chunk, which will come once more."""
        self.forget(key)
        if last:
            head = body[: len(body) - len(data)]
            # The chunks before the last one stand in the first place; the others are empty.
            self._bodies[key] = _Body({0: head} | dict.fromkeys(range(1, last), b""), None, len(head))
            self.size += len(head)

    def forget(self, key: K) -> None:
        """Give a body up."""
        body = self._bodies.pop(key, None)
        if body is not None:
            self.size -= body.size

    def __len__(self) -> int:
        return len(self._bodies)
