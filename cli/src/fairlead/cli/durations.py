"""Durations as people write them: ``30s``, ``2m``, ``500ms``, ``90d``."""

from __future__ import annotations

import re

from fairlead.cli.errors import MisuseError

_FACTORS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|)")


def parse_duration(text: str, option: str) -> float:
    """Return seconds; a bare number is seconds.

    Raises:
        MisuseError: naming the option.

    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise MisuseError(f"{option}: `{text}` is no duration; write 500ms, 30s, 2m or 90d")
    return float(found[1]) * _FACTORS[found[2]]
