"""Conditional requests (RFC 9110, 13.1.2)."""

from __future__ import annotations


def matches_etag(condition: str, etag: str) -> bool:
    """Whether ``If-None-Match`` names this ETag; weak ones count as well."""
    named = (each.strip().removeprefix("W/") for each in condition.split(","))
    return any(each in (etag, "*") for each in named)
