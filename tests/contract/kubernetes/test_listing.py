"""LIST: shape, selectors, pages, versions."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from tests.contract.kubernetes.client import Api


def _names(document: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in document["items"] if item["metadata"]["name"] != "kube-root-ca.crt"]


async def test_items_of_built_in_lists_have_no_type(api: Api) -> None:
    """Kind and apiVersion stand on the list only, and a single object has them."""
    await api.config_map("one")
    answer = await api.get(api.core("configmaps"), labelSelector="!nothing")

    assert (answer.json["kind"], answer.json["apiVersion"]) == ("ConfigMapList", "v1")
    assert list(answer.json) == ["kind", "apiVersion", "metadata", "items"]
    assert all("kind" not in item and "apiVersion" not in item for item in answer.json["items"])
    assert (await api.get(api.core("configmaps", "one"))).json["kind"] == "ConfigMap"


async def test_an_empty_list_has_items(api: Api) -> None:
    """An empty array, never null, and a version."""
    answer = await api.get(api.core("configmaps"), labelSelector="no=such")

    assert answer.json["items"] == []
    assert answer.json["metadata"]["resourceVersion"].isdigit()


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("tier=web", ["a", "b"]),
        ("tier==web,env!=test", ["a"]),
        ("tier in (web, db)", ["a", "b", "c"]),
        ("tier notin (web)", ["c", "d"]),
        ("env", ["a", "b"]),
        ("!env", ["c", "d"]),
        ("rank>5", ["b"]),
        ("rank<5", ["a"]),
    ],
)
async def test_label_selectors(api: Api, selector: str, expected: list[str]) -> None:
    """Every operator; `!=` and `notin` take objects without the label."""
    await api.config_map("a", {"tier": "web", "env": "live", "rank": "3"})
    await api.config_map("b", {"tier": "web", "env": "test", "rank": "7"})
    await api.config_map("c", {"tier": "db"})
    await api.config_map("d")
    answer = await api.get(api.core("configmaps"), labelSelector=selector)

    assert _names(answer.json) == expected


async def test_field_selectors(api: Api) -> None:
    """Names everywhere, more fields where a kind has them; an unknown field is a 400."""
    await api.config_map("a")
    await api.config_map("b")
    one = await api.get("/api/v1/configmaps", fieldSelector=f"metadata.namespace={api.namespace},metadata.name=b")
    pods = await api.get(api.core("pods"), fieldSelector="status.phase=Running,spec.nodeName!=x")
    secrets = await api.get(api.core("secrets"), fieldSelector="type=Opaque")
    unknown = await api.get(api.core("configmaps"), fieldSelector="data.a=1")

    assert _names(one.json) == ["b"]
    assert pods.json["items"] == secrets.json["items"] == []
    known = 'only "metadata.name", "metadata.namespace"'
    assert unknown.failure == (400, "BadRequest", f'"data.a" is not a known field selector: {known}')


async def test_a_malformed_selector_is_a_bad_request(api: Api) -> None:
    """400."""
    answer = await api.get(api.core("configmaps"), labelSelector="a b")

    message = "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"
    assert answer.failure == (400, "BadRequest", message)


async def test_pages_are_one_snapshot(api: Api) -> None:
    """All pages carry the first one's version and show the state of that version, whatever happens in between."""
    for name in "abcde":
        await api.config_map(name, {"page": "yes"})
    first = (await api.get(api.core("secrets"), limit=1)).json
    assert "continue" not in first["metadata"]
    page = (await api.get(api.core("configmaps"), limit=2)).json
    version = page["metadata"]["resourceVersion"]
    await api.delete(api.core("configmaps", "c"))
    await api.config_map("bb")
    await api.patch(api.core("configmaps", "d"), {"data": {"late": "yes"}})
    names, remaining = _names(page), [page["metadata"].get("remainingItemCount")]
    items = list(page["items"])
    while token := page["metadata"].get("continue"):
        page = (await api.get(api.core("configmaps"), **{"limit": 2, "continue": token})).json
        assert page["metadata"]["resourceVersion"] == version
        remaining.append(page["metadata"].get("remainingItemCount"))
        names += _names(page)
        items += page["items"]

    assert names == ["a", "b", "c", "d", "e"]
    assert remaining[-1] is None
    counts = [count for count in remaining if count is not None]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == len(items) - 2
    assert next(item for item in items if item["metadata"]["name"] == "d").get("data") is None


async def test_selected_pages_do_not_count(api: Api) -> None:
    """RemainingItemCount is absent when a selector is given."""
    for name in "abc":
        await api.config_map(name, {"page": "yes"})
    page = (await api.get(api.core("configmaps"), limit=1, labelSelector="page=yes")).json

    assert page["metadata"]["continue"]
    assert "remainingItemCount" not in page["metadata"]


async def test_a_continue_token_has_rules(api: Api) -> None:
    """It may not be combined with a version, nor be nonsense."""
    for name in "abc":
        await api.config_map(name)
    token = (await api.get(api.core("configmaps"), limit=1)).json["metadata"]["continue"]
    both = await api.get(api.core("configmaps"), **{"continue": token, "resourceVersion": "5"})
    nonsense = await api.get(api.core("configmaps"), **{"continue": "abc"})

    assert both.failure == (400, "BadRequest", "specifying resource version is not allowed when using continue")
    assert nonsense.failure[:2] == (400, "BadRequest")
    assert nonsense.failure[2].startswith("invalid continue token:")
    padded = token + "=" * (-len(token) % 4)
    assert json.loads(base64.urlsafe_b64decode(padded))["v"] == "meta.k8s.io/v1"


async def test_an_expired_page_is_gone_but_may_go_on(api: Api) -> None:
    """410 Expired with a new token, which continues inconsistently; an exact list of an old version is gone too."""
    for name in "abc":
        await api.config_map(name)
    page = (await api.get(api.core("configmaps"), limit=2)).json
    version, token = page["metadata"]["resourceVersion"], page["metadata"]["continue"]
    await api.config_map("d")
    await api.compact()
    late = await api.get(api.core("configmaps"), **{"limit": "2", "continue": token})
    exact = await api.get(api.core("configmaps"), resourceVersion=version, resourceVersionMatch="Exact")

    assert late.failure[:2] == (410, "Expired")
    assert late.failure[2].startswith("The provided continue parameter is too old to display a consistent list result")
    assert exact.failure == (410, "Expired", "The resourceVersion for the provided list is too old.")
    rest = await api.get(api.core("configmaps"), **{"continue": late.json["metadata"]["continue"]})
    assert rest.code == 200
    assert "d" in _names(rest.json)
    assert "a" not in _names(rest.json)


async def test_an_exact_version_shows_the_past(api: Api) -> None:
    """resourceVersionMatch=Exact gives the state and the version asked for; NotOlderThan the present."""
    first = await api.config_map("a", x="1")
    version = first["metadata"]["resourceVersion"]
    await api.config_map("b")
    await api.delete(api.core("configmaps", "a"))
    past = await api.get(api.core("configmaps"), resourceVersion=version, resourceVersionMatch="Exact")
    present = await api.get(api.core("configmaps"), resourceVersion=version, resourceVersionMatch="NotOlderThan")

    assert past.json["metadata"]["resourceVersion"] == version
    assert _names(past.json) == ["a"]
    assert _names(present.json) == ["b"]
    assert int(present.json["metadata"]["resourceVersion"]) > int(version)


async def test_version_zero_is_not_paged(api: Api) -> None:
    """A list from the cache ignores the limit."""
    for name in "abc":
        await api.config_map(name)
    path = api.core("configmaps") + "?resourceVersion=0&limit=1"
    listed = await api.eventually(path, lambda found: set("abc") <= set(_names(found)))  # the cache lags behind writes

    assert "continue" not in listed["metadata"]


async def test_a_version_of_the_future_times_out(api: Api) -> None:
    """504 with Retry-After and the cause ResourceVersionTooLarge."""
    answer = await api.get(api.core("configmaps"), resourceVersion="99999999999", limit=1)

    assert answer.failure[:2] == (504, "Timeout")
    assert answer.failure[2].startswith("Timeout: Too large resource version: 99999999999, current: ")
    assert answer.headers["Retry-After"] == "1"
    assert answer.json["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({"resourceVersion": "abc"}, 400, "invalid resource version: resourceVersion: Invalid value"),
        (
            {"resourceVersionMatch": "Exact"},
            422,
            "resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
        (
            {"resourceVersionMatch": "Exact", "resourceVersion": "0"},
            422,
            '"exact" is forbidden for resourceVersion "0"',
        ),
        ({"resourceVersionMatch": "Odd", "resourceVersion": "1"}, 422, 'Unsupported value: "Odd"'),
        ({"sendInitialEvents": "true"}, 422, "sendInitialEvents is forbidden for list"),
        ({"limit": "x"}, 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
    ],
)
async def test_contradictory_options_are_refused(api: Api, params: dict[str, str], code: int, message: str) -> None:
    """400 or 422, as ValidateListOptions has it."""
    answer = await api.get(api.core("configmaps"), **params)

    assert answer.code == code
    assert message in answer.failure[2]
