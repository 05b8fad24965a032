"""Continue tokens and validated options."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.simcluster.api.options import ContinueToken, decode_token, dry_run, list_options, parse_version
from fairlead.simcluster.api.routes import Request, Target
from fairlead.simcluster.errors import StatusError
from fairlead.simcluster.resources import Registry

PODS = Registry().by_key("pods")


@given(st.integers(-1, 2**63), st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1))
def test_tokens_come_back(version: int, start: str) -> None:
    """Any version, any key."""
    token = ContinueToken(version, start.lstrip("/") or "x")

    assert decode_token(token.encode()) == token


def test_a_token_is_the_real_servers() -> None:
    """Its own form, so that clients which look inside find what they know."""
    assert ContinueToken(289, "default/a").encode() == (
        "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6Mjg5LCJzdGFydCI6Ii9kZWZhdWx0L2FcdTAwMDAifQ"
    )


@pytest.mark.parametrize("text", ["abc", "eyJ9", "!!!"])
def test_nonsense_is_no_token(text: str) -> None:
    """400."""
    with pytest.raises(StatusError) as caught:
        decode_token(text)
    assert caught.value.code == 400


def test_options_are_read() -> None:
    """Numbers, flags, selection."""
    assert PODS is not None
    query = {
        "limit": "5",
        "timeoutSeconds": "7",
        "allowWatchBookmarks": "true",
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "labelSelector": "a=b",
    }
    options = list_options(Request("GET", "/", query), Target("", "v1", "pods", "x"), PODS, watch=True)

    assert (options.limit, options.timeout_s, options.bookmarks, options.initial_events) == (5, 7.0, True, True)
    assert options.selection.namespace == "x"
    assert options.selection.selective


def test_versions_are_numbers() -> None:
    """Empty is zero."""
    assert parse_version("") == 0
    assert parse_version("42") == 42
    for text in ("-1", "abc", "٣"):
        with pytest.raises(StatusError):
            parse_version(text)


def test_dry_run_is_all_or_nothing() -> None:
    """422 for anything else."""
    assert dry_run({"dryRun": "All"}, "CreateOptions")
    assert not dry_run({}, "CreateOptions")
    with pytest.raises(StatusError, match="CreateOptions"):
        dry_run({"dryRun": "Some"}, "CreateOptions")
