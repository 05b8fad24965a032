"""What the steps of a run share."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.executor_doubles import MemoryCluster, job, target

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import decode_request
from fairlead.executor.core.aims import aim
from fairlead.executor.core.apply_mode import ApplyPolicy
from fairlead.executor.core.retries import Retries
from fairlead.executor.errors import NoKindMatch
from fairlead.executor.flows import call as call_module
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
    call = Call(attempt, request, aim(request), SilentCluster(), Retries(), ApplyPolicy(), lambda: False)

    with pytest.raises(OutOfTime):
        await call.resolve()


async def test_a_request_always_has_a_limit() -> None:
    """Also one that is made in the very moment in which the time ends: no limit would be for ever."""
    attempt = job(kind="get", target=target(), timeoutSeconds=0.001)
    request = decode_request(attempt.request)
    call = Call(attempt, request, aim(request), MemoryCluster(), Retries(), ApplyPolicy(), lambda: False)
    await asyncio.sleep(0.002)

    assert call.remaining_s <= 0 < call.limit_s


async def test_a_resource_completes_what_is_told() -> None:
    """Once the kind is known, outcomes name it, and the namespace that is used."""
    attempt = job(kind="get", target={"kind": "ConfigMap", "name": "cargo"})
    request = decode_request(attempt.request)
    call = Call(attempt, request, aim(request), MemoryCluster(), Retries(), ApplyPolicy(), lambda: False)

    assert (call.blank.resource, call.blank.namespace) == (None, "")
    resource = await call.resolve()
    assert (call.blank.resource, call.blank.namespace) == (resource, "default")


async def test_a_custom_kind_may_be_a_moment_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked for again for a while; a built-in kind that is missing is missing at once."""
    monkeypatch.setattr(call_module, "LATE_KIND_PAUSE_S", 0.01)
    buoy = Resource("sea.example.test", "v1", "buoys", "Buoy", namespaced=True)
    cluster = MemoryCluster()
    looks: list[str] = []

    class Late(MemoryCluster):
        async def resolve(self, api_version: str, kind: str) -> Resource:
            looks.append(kind)
            if len(looks) == 3:
                self.kinds["Buoy"] = buoy
            return await super().resolve(api_version, kind)

    attempt = job(kind="get", target={"kind": "Buoy", "apiVersion": "sea.example.test/v1", "name": "red"})
    request = decode_request(attempt.request)
    call = Call(attempt, request, aim(request), Late(), Retries(), ApplyPolicy(), lambda: False)
    assert await call.resolve() == buoy

    monkeypatch.setattr(call_module, "LATE_KIND_S", 0.05)
    call = Call(attempt, request, aim(request), cluster, Retries(), ApplyPolicy(), lambda: False)
    for api_version, kind in (("sea.example.test/v1", "Buoy"), ("apps/v1", "Buoy")):
        with pytest.raises(NoKindMatch):
            await call.find(api_version, kind)
