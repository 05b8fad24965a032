"""Free ports."""

from __future__ import annotations

import socket

from fairlead.cli.parts.ports import free_port, free_ports


def test_ports_can_be_bound_and_are_distinct() -> None:
    """Each port can be bound at once, and none is handed out twice."""
    ports = [*free_ports(20), free_port()]

    assert len(set(ports)) == 21
    for port in ports:
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_a_taken_port_is_not_handed_out() -> None:
    """A port that somebody listens on is never among the free ones."""
    with socket.create_server(("127.0.0.1", free_port())) as server:
        taken = server.getsockname()[1]

        assert taken not in free_ports(50)
