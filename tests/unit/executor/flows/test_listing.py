"""Lists put together from pages."""

from __future__ import annotations

import json

import pytest
from tests.support.executor_doubles import CONFIG_MAP, MemoryCluster, job
from tests.unit.executor.flows.test_run import AT_ONCE, SILENT, run, told

from fairlead.contracts.operations import decode_request
from fairlead.executor.core.aims import aim
from fairlead.executor.core.apply_mode import ApplyPolicy
from fairlead.executor.errors import ApiRefused, ResultTooLarge
from fairlead.executor.flows.call import Call
from fairlead.executor.flows.listing import list_objects
from fairlead.executor.ports import Page

TARGET = {"kind": "ConfigMap", "namespace": "sea"}
EXPIRED = ApiRefused(410, "Expired", "the token is too old")


def page(*numbers: int, token: str = "", remaining: int | None = None) -> Page:
    """A page of numbered objects."""
    return Page([json.dumps({"n": number}).encode() for number in numbers], "7", token, remaining)


async def test_pages_become_one_list() -> None:
    """Items of all pages stand in one list of the kind, at the list's version."""
    cluster = MemoryCluster(pages=[page(1, 2, token="a"), SILENT, page(3)])

    outcome = await run(cluster, kind="list", target=TARGET)

    assert told(outcome) == ("succeeded", 200, "")
    assert json.loads(outcome.body) == {
        "apiVersion": "v1", "kind": "ConfigMapList", "metadata": {"resourceVersion": "7"},
        "items": [{"n": 1}, {"n": 2}, {"n": 3}],
    }  # fmt: skip
    assert [dict(request.parameters).get("continue") for request, _ in cluster.requests] == [None, "a", "a"]


async def test_an_empty_list() -> None:
    """No objects are a list without items."""
    outcome = await run(MemoryCluster(pages=[page()]), kind="list", target=TARGET)

    assert json.loads(outcome.body)["items"] == []


async def test_a_limit_cuts_short() -> None:
    """No more than asked for come back, and how many there are beyond."""
    cluster = MemoryCluster(pages=[page(1, 2, token="a"), page(3, token="b", remaining=9)])

    outcome = await run(cluster, kind="list", target=TARGET, limit=3)

    body = json.loads(outcome.body)
    assert ([item["n"] for item in body["items"]], body["metadata"]["remainingItemCount"]) == ([1, 2, 3], 9)
    assert [dict(request.parameters)["limit"] for request, _ in cluster.requests] == ["3", "1"]


async def test_an_expired_token_begins_anew_once() -> None:
    """A list that changed too much under way is listed again; twice is a failure."""
    cluster = MemoryCluster(pages=[page(1, token="a"), EXPIRED, page(2)])
    assert json.loads((await run(cluster, kind="list", target=TARGET)).body)["items"] == [{"n": 2}]

    cluster = MemoryCluster(pages=[page(1, token="a"), EXPIRED, page(1, token="a"), EXPIRED])
    assert told(await run(cluster, kind="list", target=TARGET)) == ("failed", 410, "Expired")


async def test_a_list_over_the_limit() -> None:
    """A list that is too large ends as such, before it is all in memory."""
    cluster = MemoryCluster(pages=[page(*range(100), token="a"), page(*range(100), token="b")])
    attempt = job(kind="list", target=TARGET)
    request = decode_request(attempt.request)
    call = Call(attempt, request, aim(request), cluster, AT_ONCE, ApplyPolicy(), lambda: False)

    with pytest.raises(ResultTooLarge, match="labelSelector"):
        await list_objects(call, CONFIG_MAP, limit_bytes=4200)

    assert len(cluster.requests) == 1
