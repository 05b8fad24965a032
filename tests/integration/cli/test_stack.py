"""A whole stack on this machine: every part real, started, broken and ended by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.polling import wait_until

from fairlead.cli.gateway import Gateway, GatewayRefusal
from fairlead.cli.parts.errors import PartFailedError
from fairlead.cli.stack import Stack

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


def pods_in(gateway: Gateway) -> int:
    """Rows of pods; none as long as the account is unknown."""
    try:
        return sum(each["rows"] for each in gateway.resources("shop") if each["resource"] == "pods")
    except GatewayRefusal:
        return 0


def test_four_services_make_a_mirror_and_come_back(new_stack: Callable[..., Stack]) -> None:
    """Rows arrive; a part that is killed is told as gone, and comes back by its name; the end ends everything."""
    stack = new_stack(replicas={"scrubber": 2})
    stack.start_all()
    with stack.gateway() as gateway:
        wait_until(lambda: pods_in(gateway) > 0, what="rows of pods")
        stack.kill("scrubber", "nats")
        assert not stack.running("scrubber")
        assert not stack.running("nats")
        stack.start("nats", "scrubber")
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "harbour"}}
        request = {"account": "shop", "kind": "create", "manifest": manifest}
        operation = gateway.submit(request, operation_id="01JQ8Z0000000000000000000A", wait_s=30)
        assert operation["state"] == "succeeded", operation
        wait_until(
            lambda: any(gateway.objects("shop", kind="Namespace", name="harbour")), what="the row of the namespace"
        )
    stack.stop_all()

    assert [name for name in stack.parts if stack.running(name)] == []


def test_one_process_is_the_same_agent(new_stack: Callable[..., Stack]) -> None:
    """`fairlead agent` does what the four services do."""
    stack = new_stack(one_process=True)
    stack.start_all()
    with stack.gateway() as gateway:
        wait_until(lambda: pods_in(gateway) > 0, what="rows of pods")
        target = {"kind": "Deployment", "namespace": "storefront", "name": "web"}
        request = {"account": "shop", "kind": "get", "target": target}
        operation = gateway.submit(request, operation_id="01JQ8Z0000000000000000000B", wait_s=30)
        assert gateway.result(operation["id"])["metadata"]["name"] == "web"

    assert stack.parts == ("nats", "postgres", "gateway", "agent")


def test_a_part_that_cannot_start_says_why(new_stack: Callable[..., Stack]) -> None:
    """The end of its log is in the message; overrides of the configuration reach the services."""
    stack = new_stack(overrides={"scrubbing": {"batchesUnderWay": 0}})
    stack.start_neighbours()

    with pytest.raises(PartFailedError, match="exit code 2") as caught:
        stack.start("scrubber")
    assert "batchesUnderWay" in str(caught.value)
