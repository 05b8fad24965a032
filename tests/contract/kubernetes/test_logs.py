"""A pod's log, as far as no kubelet is needed: who may be asked for what."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.kubernetes.client import Api


async def _pod(api: Api, *containers: str) -> str:
    spec: dict[str, Any] = {"containers": [{"name": name, "image": "example/a:1"} for name in containers]}
    spec["terminationGracePeriodSeconds"] = 0
    made = await api.post(api.core("pods"), {"metadata": {"name": "web"}, "spec": spec})
    assert made.code == 201, made.text
    return api.core("pods", "web") + "/log"


async def test_one_of_several_containers_must_be_named(api: Api) -> None:
    """And it must be one of the pod's."""
    path = await _pod(api, "a", "b")
    unnamed, unknown = await api.get(path), await api.get(path, container="z")

    why = "a container name must be specified for pod web, choose one of: [a b]"
    assert unnamed.failure == (400, "BadRequest", why)
    assert unknown.failure == (400, "BadRequest", "container z is not valid for pod web")


@pytest.mark.parametrize(
    ("query", "code", "why"),
    [
        ({"tailLines": "-1"}, 422, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        ({"sinceSeconds": "0"}, 422, "sinceSeconds: Invalid value: 0: must be greater than 0"),
        ({"limitBytes": "0"}, 422, "limitBytes: Invalid value: 0: must be greater than 0"),
        ({"tailLines": "x"}, 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        (
            {"sinceSeconds": "1", "sinceTime": "2020-01-01T00:00:00Z"},
            422,
            "[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
        ),
    ],
)
async def test_impossible_demands_are_refused(api: Api, query: dict[str, str], code: int, why: str) -> None:
    """Before anything is read."""
    answer = await api.get(await _pod(api, "a"), **query)

    assert answer.failure[0] == code
    assert answer.failure[2].endswith(why)


async def test_only_pods_have_logs(api: Api) -> None:
    """404 without the pod, 405 for anything but reading."""
    path = await _pod(api, "a")
    missing = await api.get(api.core("pods", "none") + "/log")
    post = await api.post(path, {})

    assert missing.failure == (404, "NotFound", 'pods "none" not found')
    assert post.failure[:2] == (405, "MethodNotAllowed")
