"""What people get wrong with containers ends in a message that names what to change."""

from __future__ import annotations

import socket

import pytest
from tests.support.deployment import IMAGE_TAG, SERVICES, Deployment, run


def test_a_port_that_a_program_has(other: Deployment) -> None:
    """`make up` fails and names the variable."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        other.environment["HTTPS_PORT"] = str(taken.getsockname()[1])
        said = other.make("up", "UP=gateway")

    assert said.code != 0
    assert f"127.0.0.1:{other.environment['HTTPS_PORT']} cannot be had on this machine: set HTTPS_PORT" in said.err
    assert "LINK_PORT" not in said.err


def test_a_port_that_another_container_has(other: Deployment, deployment: Deployment) -> None:
    """The same, where the engine itself gave the port away."""
    other.environment["LINK_PORT"] = deployment.environment["LINK_PORT"]
    said = other.make("up", "UP=gateway")

    assert said.code != 0
    assert "set LINK_PORT to another port" in said.err


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_without_its_settings(service: str, deployment: Deployment) -> None:
    """It ends by itself, and names the setting that it cannot do without."""
    name = f"fairlead/{service}:{IMAGE_TAG}"
    said = run("docker", "run", "--rm", "--read-only", "--network", "none", name, timeout_s=_ENDED_S)

    assert said.code not in (0, 125)
    assert MISSING[service] in said.everything


MISSING = {**dict.fromkeys(("watcher", "scrubber", "bridge", "executor"), "nats.url"), "gateway": "gateway.database"}
"""A setting that each service cannot do without."""
_ENDED_S = 90.0
