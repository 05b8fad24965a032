"""What goes through the tunnel."""

from __future__ import annotations

import pytest

from fairlead.gateway.ports.tunnel import TunnelRequest


@pytest.mark.parametrize(
    ("method", "writes"),
    [
        ("GET", False),
        ("HEAD", False),
        ("OPTIONS", False),
        ("POST", True),
        ("PUT", True),
        ("PATCH", True),
        ("DELETE", True),
    ],
)
def test_what_may_change_something_is_a_write(method: str, writes: bool) -> None:
    """Writes are claimed and never sent twice; what is not known to be a read is one."""
    assert TunnelRequest("01J0000000000000000000000A", "shore", method, "/api/v1/pods").writes is writes
