"""Tokens that stand in definitions."""

from __future__ import annotations

import pytest
from tests.support.registration_doubles import UniqueTokens

from fairlead.gateway.core.keyring import KEY_BYTES, Keyring
from fairlead.gateway.core.registration.lifecycle import Record
from fairlead.gateway.core.tokens import PREFIX, Kind, Verb, digest
from fairlead.gateway.flows.account_tokens import AccountTokens

OLD, NEW = b"a" * KEY_BYTES, b"b" * KEY_BYTES


async def test_it_is_the_same_until_it_is_revoked() -> None:
    """For every gateway with the key; it is stored by its digest, for its account alone."""
    store = UniqueTokens()
    token, record = await AccountTokens(store, Keyring([OLD])).token_for("shop", Record())
    grant = store.stored["clouddriver.shop.1"]
    assert token.startswith(PREFIX)
    assert (grant.digest, grant.kind, grant.accounts) == (digest(token), Kind.FACADE, ("shop",))
    assert grant.verbs == {Verb.READ, Verb.WRITE}

    other = AccountTokens(store, Keyring([OLD]))
    await other.refresh()
    assert await other.token_for("shop", record) == (token, record)
    assert await other.token_for("shop", Record()) == (token, record)
    assert (await other.token_for("shop2", Record()))[0] != token

    await store.revoke("clouddriver.shop.1")
    await other.refresh()
    second, record = await other.token_for("shop", record)
    assert second != token
    assert record.token_generation == 2
    assert await other.token_for("shop", record) == (second, record)


async def test_a_new_key_changes_nothing_until_the_old_one_is_gone() -> None:
    """Rotating the gateway's key must not load every account again."""
    store = UniqueTokens()
    token, record = await AccountTokens(store, Keyring([OLD])).token_for("shop", Record())
    rotated = AccountTokens(store, Keyring([NEW, OLD]))
    await rotated.refresh()
    assert await rotated.token_for("shop", record) == (token, record)
    gone = AccountTokens(store, Keyring([NEW]))
    await gone.refresh()
    other, renewed = await gone.token_for("shop", record)
    assert other != token
    assert (renewed.token_key != record.token_key, renewed.token_generation) == (True, 2)
    assert digest(other) in {grant.digest for grant in store.stored.values()}


async def test_another_gateway_was_faster() -> None:
    """Then its token, the same, is found."""
    store = UniqueTokens()
    late = AccountTokens(store, Keyring([OLD]))
    await late.refresh()
    token, record = await AccountTokens(store, Keyring([OLD])).token_for("shop", Record())
    assert await late.token_for("shop", Record()) == (token, record)


@pytest.mark.parametrize("name", ["*", "shop*", "sho?"])
async def test_a_name_that_is_a_pattern_gets_none(name: str) -> None:
    """Its token would open other accounts."""
    with pytest.raises(ValueError, match="pattern"):
        await AccountTokens(UniqueTokens(), Keyring([OLD])).token_for(name, Record())
