"""How much of one account is served at once; what lasts (watches, logs) is counted apart from what is short."""

from __future__ import annotations

from collections import Counter


class Admission:
    """Counts requests under way.

    Args:
        short: requests of one account at once.
        lasting: watches and logs of one account at once.

    """

    def __init__(self, short: int, lasting: int) -> None:
        self._limits = {False: short, True: lasting}
        self._counts: Counter[tuple[str, bool]] = Counter()

    def enter(self, account: str, *, lasting: bool) -> bool:
        """Let one more in; False: there are as many as may be."""
        key = (account, lasting)
        if self._counts[key] >= self._limits[lasting]:
            return False
        self._counts[key] += 1
        return True

    def leave(self, account: str, *, lasting: bool) -> None:
        """One has ended."""
        key = (account, lasting)
        self._counts[key] -= 1
        if not self._counts[key]:
            del self._counts[key]
