"""A cache that is bounded by the bytes it holds; what was used longest ago goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """Values with their sizes.

    Args:
        limit_bytes: of all together; a larger value is not kept at all.

    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.size = 0

    def get(self, key: K) -> V | None:
        """A value, which counts as used now."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keep a value in place of the former one."""
        self.drop(key)
        if size > self._limit:
            return
        self._kept[key] = (value, size)
        self.size += size
        while self.size > self._limit:
            _, (_, freed) = self._kept.popitem(last=False)
            self.size -= freed

    def drop(self, key: K) -> None:
        """Forget a value."""
        _, size = self._kept.pop(key, (None, 0))
        self.size -= size

    def __len__(self) -> int:
        return len(self._kept)
