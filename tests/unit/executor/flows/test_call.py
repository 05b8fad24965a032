"""What the steps of a run share."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.executor_doubles import MemoryCluster, job, target

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import decode_request
from fairlead.executor.core.aims import aim
from fairlead.executor.core.retries import Retries
from fairlead.executor.flows.call import Call, OutOfTime


class SilentCluster(MemoryCluster):
    """Never answers."""

    async def resolve(self, api_version: str, kind: str) -> Resource:
        """Wait for ever."""
        await asyncio.Event().wait()
        return await super().resolve(api_version, kind)


async def test_no_step_outlasts_the_operation() -> None:
    """A cluster that neither answers nor refuses takes no more than the operation's time."""
    attempt = job(kind="get", target=target(), timeoutSeconds=0.05)
    request = decode_request(attempt.request)
    call = Call(attempt, request, aim(request), SilentCluster(), Retries(), lambda: False)

    with pytest.raises(OutOfTime):
        await call.resolve()


async def test_a_resource_completes_what_is_told() -> None:
    """Once the kind is known, outcomes name it, and the namespace that is used."""
    attempt = job(kind="get", target={"kind": "ConfigMap", "name": "cargo"})
    request = decode_request(attempt.request)
    call = Call(attempt, request, aim(request), MemoryCluster(), Retries(), lambda: False)

    assert (call.blank.resource, call.blank.namespace) == (None, "")
    resource = await call.resolve()
    assert (call.blank.resource, call.blank.namespace) == (resource, "default")
