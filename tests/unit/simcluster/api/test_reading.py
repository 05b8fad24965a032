"""Lists and their pages."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.simcluster.calls import MAPS, Hands, config_map

from fairlead.simcluster.api import reading
from fairlead.simcluster.api.answers import Answer


def _pages(hands: Hands, path: str, limit: int) -> list[dict[str, Any]]:
    pages = [hands.get(f"{path}?limit={limit}")]
    while token := pages[-1]["metadata"].get("continue"):
        pages.append(hands.get(f"{path}?limit={limit}&continue={token}"))
    return pages


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 12), st.integers(1, 5), st.booleans())
def test_pages_hold_everything_once(count: int, limit: int, wide: bool) -> None:
    """Any limit, one namespace or all; remaining counts fall to none."""
    hands = Hands()
    for number in range(count):
        namespace = "default" if number % 2 else "other"
        hands.call("POST", f"/api/v1/namespaces/{namespace}/configmaps", config_map(f"m-{number}"))
    path = "/api/v1/configmaps" if wide else MAPS
    pages = _pages(hands, path, limit)
    names = [item["metadata"]["name"] for page in pages for item in page["items"]]

    assert len(names) == len(set(names)) == (count if wide else count // 2)
    assert [page["metadata"].get("remainingItemCount", 0) for page in pages] == [
        max(len(names) - limit * (at + 1), 0) for at in range(len(pages))
    ]


def test_a_page_after_a_write_shows_the_first_ones_time() -> None:
    """Deleted objects still come, new ones do not."""
    hands = Hands()
    for name in "abc":
        hands.call("POST", MAPS, config_map(name))
    first = hands.get(f"{MAPS}?limit=1")
    hands.call("DELETE", f"{MAPS}/b")
    hands.call("POST", MAPS, config_map("bb"))
    second = hands.get(f"{MAPS}?limit=5&continue={first['metadata']['continue']}")

    assert [item["metadata"]["name"] for item in second["items"]] == ["b", "c"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_large_lists_come_in_pieces() -> None:
    """About a megabyte each; together they are one document."""
    hands = Hands()
    for number in range(5):
        hands.call("POST", MAPS, config_map(f"m-{number}", a="x" * (reading.PIECE_BYTES // 2)))
    answer = hands.answer("GET", MAPS)
    assert isinstance(answer, Answer)

    assert len(answer.pieces) == 3
    assert len(msgspec.json.decode(b"".join(answer.pieces))["items"]) == 5


def test_a_limit_makes_a_version_exact() -> None:
    """Without a match; with a version alone the answer is at least as new."""
    hands = Hands()
    _, made = hands.call("POST", MAPS, config_map("a"))
    version = made["metadata"]["resourceVersion"]
    hands.call("POST", MAPS, config_map("b"))

    assert hands.names(f"{MAPS}?resourceVersion={version}&limit=5") == ["a"]
    assert hands.names(f"{MAPS}?resourceVersion={version}") == ["a", "b"]


def test_forgotten_versions_are_gone() -> None:
    """410, with a token to go on inconsistently."""
    hands = Hands()
    for name in "abc":
        hands.call("POST", MAPS, config_map(name))
    page = hands.get(f"{MAPS}?limit=1")
    hands.call("POST", MAPS, config_map("d"))
    hands.state.store.compact()
    code, status = hands.call("GET", f"{MAPS}?limit=1&continue={page['metadata']['continue']}")

    assert (code, status["reason"]) == (410, "Expired")
    assert hands.names(f"{MAPS}?continue={status['metadata']['continue']}") == ["b", "c", "d"]
