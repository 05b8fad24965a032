"""Continue tokens."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import hypothesis.strategies as st
import pytest
from hypothesis import given

from fairlead.contracts.identity import ObjectKey
from fairlead.gateway.core.facade.continuation import Continuation, MalformedToken, is_ours, parse_token
from fairlead.gateway.core.facade.cursors import CHANGE_LIMIT, NONCE_LIMIT, Cursor

texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=60)
continuations = st.builds(
    Continuation,
    st.builds(Cursor, st.integers(0, NONCE_LIMIT - 1), st.integers(0, CHANGE_LIMIT - 1)),
    st.builds(ObjectKey, texts, texts.filter(bool)),
)


@given(continuations)
def test_a_token_survives_its_text(continuation: Continuation) -> None:
    """Whatever cursor and key; and it can stand in a URL."""
    token = str(continuation)
    assert parse_token(token) == continuation
    assert is_ours(token)
    assert token.replace(".", "").replace("-", "").replace("_", "").isalnum()


def _token(content: bytes) -> str:
    return "fairlead." + urlsafe_b64encode(content).decode()


@pytest.mark.parametrize("token", [
    "fairlead.", "fairlead.%%%", _token(b"{}"), _token(b'[1,2,"a"]'), _token(b'[1,2,"a","b","c"]'), _token(b'["1",2,"a","b"]'),
    _token(b'[-1,2,"a","b"]'), _token(b'[1,-2,"a","b"]'), _token(b'[281474976710656,2,"a","b"]'),
    _token(b'[1,18446744073709551616,"a","b"]'), _token(b'[1,2,"a",""]'), _token(b'[1,2,"a\\u0000","b"]'),
    _token(b'[1,2,"a","' + b"b" * 3000 + b'"]'), "fairlead.\u00e4",
])  # fmt: skip
def test_what_only_begins_like_a_token_is_refused(token: str) -> None:
    """Each part has its type and range."""
    with pytest.raises(MalformedToken):
        parse_token(token)


@given(st.text())
def test_any_text_is_a_token_or_refused(text: str) -> None:
    """Nothing else is raised."""
    try:
        parse_token("fairlead." + text)
    except MalformedToken:
        return


def test_tokens_of_api_servers_are_not_ours() -> None:
    """They are base64 of JSON that begins with the version of its form."""
    theirs = urlsafe_b64encode(b'{"v":"meta.k8s.io/v1","rv":47,"start":"default/web\\u0000"}').decode()
    assert not is_ours(theirs)
    with pytest.raises(MalformedToken):
        parse_token(theirs)
