"""What makes a door safe enough to open."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.gateway.core.doors import Door, is_loopback


def test_hosts(tmp_path: Path) -> None:
    """With TLS a door opens everywhere, without it on loopback, unless a host is named."""
    file = tmp_path / "pem"
    file.touch()
    assert Door("d", 1, cert_file=file, key_file=file).bind_host == "0.0.0.0"  # noqa: S104 - what it is about
    assert Door("d", 1).bind_host == "127.0.0.1"
    assert Door("d", 1, "10.0.0.1").bind_host == "10.0.0.1"
    assert not list(Door("d", 1, cert_file=file, key_file=file, client_ca_file=file).problems())


@pytest.mark.parametrize(
    ("door", "told"),
    [
        (Door("d", 1, "10.0.0.1"), "loopback only"),
        (Door("d", 1, cert_file=Path("/nowhere")), "belong together"),
        (Door("d", 1, client_ca_file=Path("/nowhere")), "clientCaFile"),
    ],
)
def test_problems(door: Door, told: str) -> None:
    """What is unsafe or missing is told by its setting."""
    assert any(told in problem and problem.startswith("d") for problem in door.problems())


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("[::1]", True),
        ("192.0.2.1", False),
        ("a.b", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    """Only addresses that certainly do not leave the machine are loopback."""
    assert is_loopback(host) is loopback
