"""Health, discovery and OpenAPI as answers."""

from __future__ import annotations

import pytest
from tests.unit.simcluster.calls import Hands

from fairlead.simcluster.api.answers import Answer

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
BETA = AGGREGATED.replace("v=v2;", "v=v2beta1;")


def _get(hands: Hands, path: str, **headers: str) -> Answer:
    answer = hands.answer("GET", path, **headers)
    assert isinstance(answer, Answer)
    return answer


def test_both_versions_of_aggregated_discovery_are_spoken() -> None:
    """Each under its own name, the first that is asked for."""
    hands = Hands()
    for accept, version in ((AGGREGATED, "v2"), (BETA, "v2beta1"), (f"{BETA},{AGGREGATED}", "v2beta1")):
        code, document = hands.call("GET", "/apis", accept=f"{accept},application/json")
        assert (code, document["apiVersion"]) == (200, f"apidiscovery.k8s.io/{version}")


@pytest.mark.parametrize("spoken", [(), ("v2",)])
def test_servers_without_a_version_answer_in_the_old_way(spoken: tuple[str, ...]) -> None:
    """Or not at all, when nothing else will do."""
    hands = Hands()
    hands.state.aggregated_discovery = spoken

    assert hands.call("GET", "/apis", accept=f"{BETA},application/json")[1]["kind"] == "APIGroupList"
    assert hands.call("GET", "/api", accept=f"{BETA},*/*")[1]["kind"] == "APIVersions"
    assert hands.call("GET", "/apis", accept=BETA)[0] == 406


def test_tags_are_honoured() -> None:
    """304 without a body."""
    hands = Hands()
    for path, accept in (("/apis", AGGREGATED), ("/openapi/v2", "application/json"), ("/openapi/v3/api/v1", "")):
        tag = _get(hands, path, accept=accept).headers["ETag"]
        again = _get(hands, path, accept=accept, if_none_match=tag)
        assert (again.code, again.pieces) == (304, [])


def test_a_stale_hash_leads_to_the_present_one() -> None:
    """301; with the right one the answer may be kept for a year."""
    hands = Hands()
    moved = _get(hands, "/openapi/v3/api/v1?hash=OLD")
    kept = _get(hands, moved.headers["Location"])

    assert (moved.code, kept.code) == (301, 200)
    assert kept.headers["Cache-Control"] == "public, immutable"


@pytest.mark.parametrize("path", ["/openapi/v2", "/openapi/v3/api/v1"])
def test_openapi_in_another_form_is_not_acceptable(path: str) -> None:
    """406 without a word, as the server does it."""
    answer = _get(Hands(), path, accept="text/html")

    assert (answer.code, answer.pieces) == (406, [])
