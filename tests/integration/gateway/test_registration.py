"""Accounts get into Clouddriver by themselves, stay as they were put, and touch nobody else's; against a fake of its API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.support.clouddriver_accounts import ClouddriverAccounts, clouddriver_accounts, foreign
from tests.support.gateway import READER_TOKEN, Authorities
from tests.support.registering import FACADE, claim, registering, stands, tell_discovery, tell_namespaces, usable
from tests.support.scripted_bridge import bridge, until


@pytest.fixture
async def clouddriver() -> AsyncIterator[ClouddriverAccounts]:
    """A Clouddriver without accounts."""
    async with clouddriver_accounts() as fake:
        yield fake


async def test_an_account_is_registered_once_it_can_be_used(
    database: str, authorities: Authorities, clouddriver: ClouddriverAccounts
) -> None:
    """Until then its state says what is missing; afterwards it stands there as designed, and is left alone."""
    async with (
        registering(database, authorities, clouddriver) as gateway,
        bridge(gateway) as agent,
        gateway.api() as api,
    ):
        await claim(agent)
        await stands(api, "waiting", saying="what the cluster serves")
        await tell_discovery(agent)
        await stands(api, "waiting", saying="add Namespace to the account's kinds")
        assert not clouddriver.writes()

        await tell_namespaces(agent, "default")
        await stands(api, "registered")
        stored = clouddriver.store["shop"]
        assert stored["permissions"] == {}
        assert (stored["checkPermissionsOnStartup"], stored["metrics"], stored["namespaces"]) == (False, False, [])
        assert f'server: "{FACADE}/accounts/shop"' in stored["kubeconfigContents"]
        assert 'tokenFile: "/var/run/fairlead/tokens/shop"' in stored["kubeconfigContents"]
        seen = len(clouddriver.requests)
        await tell_namespaces(agent, "default", "more")
        assert (clouddriver.loads["shop"], len(clouddriver.requests)) == (1, seen)


async def test_definitions_outlast_restarts_and_follow_roles(
    database: str, authorities: Authorities, clouddriver: ClouddriverAccounts
) -> None:
    """The same bytes from each gateway; changed roles are put, and Fiat hears of them."""
    fiat = {"fiatUrl": clouddriver.url, "user": "fairlead@example.com"}
    for _ in range(2):
        async with (
            registering(database, authorities, clouddriver, **fiat) as gateway,
            bridge(gateway) as agent,
            gateway.api() as api,
        ):
            await usable(agent, read_roles=["ops", "dev"], write_roles=["ops"])
            await stands(api, "registered")
            await api.post("/v1/accounts/shop/registration")  # puts it again
            await until(lambda: _put(clouddriver, 1))
    assert len(set(clouddriver.bodies["shop"])) == 1
    assert clouddriver.loads["shop"] == 1
    assert clouddriver.store["shop"]["permissions"].keys() == {"READ", "WRITE"}
    assert {user for _, _, user in clouddriver.requests} == {"fairlead@example.com"}

    async with (
        registering(database, authorities, clouddriver) as gateway,
        bridge(gateway) as agent,
        gateway.api() as api,
    ):
        await usable(agent, read_roles=["dev"], execute_roles=["ci"])

        async def followed() -> bool:
            return bool(clouddriver.store["shop"]["permissions"] == {"READ": ["dev"], "EXECUTE": ["ci"]})

        await until(followed)
        await stands(api, "registered")
    assert clouddriver.loads["shop"] == 2


async def _put(clouddriver: ClouddriverAccounts, times: int, account: str = "shop") -> bool:
    return len(clouddriver.bodies.get(account, [])) >= times


async def test_malformed_roles_never_open_an_account(
    database: str, authorities: Authorities, clouddriver: ClouddriverAccounts
) -> None:
    """An account meant to be restricted is not registered open; one that was registered before is taken out."""
    async with (
        registering(database, authorities, clouddriver) as gateway,
        bridge(gateway) as agent,
        gateway.api() as api,
    ):
        await usable(agent, read_roles=[" "])
        assert "open it to everyone" in (await stands(api, "refused"))["message"]
        assert not clouddriver.writes()
        await claim(agent, read_roles=["dev"])
        await stands(api, "registered")
        await claim(agent, read_roles=["dev", ""])
        await stands(api, "refused")
        assert "shop" not in clouddriver.store


async def test_accounts_of_others_are_left_alone(
    database: str, authorities: Authorities, clouddriver: ClouddriverAccounts
) -> None:
    """In the store, of a configuration file, of another provider: a conflict that a person can decide."""
    theirs = foreign("shop")
    clouddriver.store["shop"] = theirs
    clouddriver.configured["shop-aws"] = {"name": "shop-aws", "type": "aws"}
    clouddriver.poll()
    async with (
        registering(database, authorities, clouddriver) as gateway,
        bridge(gateway) as agent,
        gateway.api() as api,
    ):
        for account in ("shop", "shop-aws"):
            await usable(agent, account)
            assert (
                f"fairlead accounts register {account} --adopt" in (await stands(api, "conflict", account))["message"]
            )
        await api.delete("/v1/accounts/shop/registration")
        await stands(api, "withdrawn")
        assert clouddriver.store == {"shop": theirs}
        assert not clouddriver.writes()

        await api.post("/v1/accounts/shop/registration")
        await stands(api, "conflict")
        answer = await api.post("/v1/accounts/shop/registration", json={"adopt": True})
        assert answer.status_code == 202
        await stands(api, "registered")
        assert FACADE in clouddriver.store["shop"]["kubeconfigContents"]
        # Somebody takes it back: that is his decision, once and for all.
        clouddriver.store["shop"] = theirs
        await api.post("/v1/accounts/shop/registration")
        await stands(api, "conflict")
        assert clouddriver.store["shop"] == theirs


async def test_what_is_missing_or_changed_is_put_again(
    database: str, authorities: Authorities, clouddriver: ClouddriverAccounts
) -> None:
    """The gateway looks now and then; an account that points elsewhere by now is somebody's, and stays."""
    async with (
        registering(database, authorities, clouddriver, readBackSeconds=0.1) as gateway,
        bridge(gateway) as agent,
        gateway.api() as api,
    ):
        await usable(agent, read_roles=["b", "a", "c"])
        await stands(api, "registered")
        del clouddriver.store["shop"]
        await until(lambda: _holds(clouddriver, cacheThreads=1))
        clouddriver.store["shop"]["cacheThreads"] = 7
        await until(lambda: _holds(clouddriver, cacheThreads=1))
        await stands(api, "registered")
        puts = len(clouddriver.bodies["shop"])
        asked = len(clouddriver.requests)
        await until(lambda: _asked(clouddriver, asked + 5))
        assert len(clouddriver.bodies["shop"]) == puts
        clouddriver.store["shop"] = foreign("shop")
        await stands(api, "conflict")
        assert clouddriver.store["shop"] == foreign("shop")


async def _holds(clouddriver: ClouddriverAccounts, **fields: Any) -> bool:
    return fields.items() <= clouddriver.store.get("shop", {}).items()


async def _asked(clouddriver: ClouddriverAccounts, times: int) -> bool:
    return len(clouddriver.requests) >= times


async def test_clouddriver_may_be_down(
    database: str, authorities: Authorities, clouddriver: ClouddriverAccounts
) -> None:
    """The state says so, and when it is back everything is done; what somebody withdrew meanwhile is not put."""
    async with (
        registering(database, authorities, clouddriver) as gateway,
        bridge(gateway) as agent,
        gateway.api() as api,
    ):
        await usable(agent)
        await stands(api, "registered")
        await clouddriver.stop()
        await usable(agent, "shop-2")
        for account in ("shop", "shop-3"):
            await usable(agent, account)
            await api.delete(f"/v1/accounts/{account}/registration")
        retrying = await stands(api, "retrying", "shop-2")
        assert clouddriver.url in retrying["message"]
        assert retrying["nextAt"]
        await clouddriver.start()
        await stands(api, "registered", "shop-2")
        await stands(api, "withdrawn")
        await stands(api, "withdrawn", "shop-3")
        assert set(clouddriver.store) == {"shop-2"}


async def test_one_account_that_fails_does_not_stop_the_others(
    database: str, authorities: Authorities, clouddriver: ClouddriverAccounts
) -> None:
    """Its state has Clouddriver's words, without the token that Clouddriver quotes; storage that is off is explained."""
    clouddriver.failing["shop"] = (500, "Cannot save account with definition {kubeconfigContents: flt_secret}")
    clouddriver.failing["shop-1"] = (
        400,
        "Cannot save account without granting permissions for current user flt_secret",
    )
    async with (
        registering(database, authorities, clouddriver) as gateway,
        bridge(gateway) as agent,
        gateway.api() as api,
    ):
        for account in ("shop", "shop-1", "shop-2"):
            await usable(agent, account)
        await stands(api, "registered", "shop-2")
        failed, refused = await stands(api, "retrying"), await stands(api, "refused", "shop-1")
        assert "answered with 500" in failed["message"]
        assert "WRITE roles" in refused["message"]
        assert "secret" not in failed["message"] + refused["message"]
        clouddriver.storage = False
        await api.post("/v1/accounts/shop-2/registration")
        assert "account.storage.enabled" in (await stands(api, "retrying", "shop-2"))["message"]


async def test_tokens_may_stand_in_definitions(
    database: str, authorities: Authorities, clouddriver: ClouddriverAccounts
) -> None:
    """The same one after a restart; it opens that account's facade alone; revoked, the next one is put."""
    inline = {"inlineTokens": True}
    for _ in range(2):
        async with (
            registering(database, authorities, clouddriver, **inline) as gateway,
            bridge(gateway) as agent,
            gateway.api() as api,
        ):
            await usable(agent)
            await stands(api, "registered")
            await api.post("/v1/accounts/shop/registration")
            await stands(api, "registered")
    first = _token(clouddriver.bodies["shop"][-1])
    assert clouddriver.loads["shop"] == 1
    async with registering(database, authorities, clouddriver, **inline) as gateway, gateway.api() as api:
        (listed,) = (await api.get("/v1/tokens")).json()["items"]
        assert (listed["kind"], listed["accounts"], listed["verbs"]) == ("facade", ["shop"], ["read", "write"])
        async with gateway.api(first) as kubectl:
            assert (await kubectl.get("/accounts/shop/api")).status_code == 200
            assert (await kubectl.get("/accounts/other/api")).status_code in (401, 403)
            assert (await kubectl.get("/v1/accounts")).status_code == 401
        await api.delete(f"/v1/tokens/{listed['name']}")
        await until(lambda: _changed(clouddriver, first))
        async with gateway.api(_token(clouddriver.bodies["shop"][-1])) as kubectl:
            await until(lambda: _opens(kubectl))


def _token(body: bytes) -> str:
    contents: str = json.loads(body)["kubeconfigContents"]
    return contents.partition('token: "')[2].partition('"')[0]


async def _opens(kubectl: httpx.AsyncClient) -> bool:
    """New tokens are looked up at most every 250 ms."""
    return (await kubectl.get("/accounts/shop/api")).status_code == 200


async def _changed(clouddriver: ClouddriverAccounts, token: str) -> bool:
    return token not in clouddriver.store["shop"]["kubeconfigContents"]


async def test_two_gateways_register_once(
    database: str, authorities: Authorities, clouddriver: ClouddriverAccounts
) -> None:
    """One of them acts; when it goes the other one does. Both show the same."""
    async with registering(database, authorities, clouddriver) as second:
        async with (
            registering(database, authorities, clouddriver) as first,
            bridge(first) as agent,
            second.api() as api,
        ):
            await usable(agent)
            await stands(api, "registered")
            assert len(clouddriver.bodies["shop"]) == 1
        async with bridge(second) as agent, second.api() as api:
            await usable(agent, "shop-2")
            await stands(api, "registered", "shop-2")


async def test_an_account_is_removed_by_decision(
    database: str, authorities: Authorities, clouddriver: ClouddriverAccounts
) -> None:
    """Not while an agent serves it; then out of Clouddriver, and with its rows. The same name starts anew afterwards."""
    async with registering(database, authorities, clouddriver) as gateway, gateway.api() as api:
        async with bridge(gateway) as agent:
            await usable(agent)
            await stands(api, "registered")
            refused = await api.delete("/v1/accounts/shop")
            assert (refused.status_code, "agent-0" in refused.json()["detail"]) == (409, True)
        await until(lambda: _unserved(api))
        async with gateway.api(READER_TOKEN) as reader:
            assert (await reader.delete("/v1/accounts/shop")).status_code == 403
        removing = await api.delete("/v1/accounts/shop")
        assert (removing.status_code, removing.json()["wanted"]) == (202, "removed")
        await until(lambda: _gone(api))
        assert "shop" not in clouddriver.store
        assert (await api.get("/v1/accounts/shop/registration")).status_code == 404
        assert (await api.delete("/v1/accounts/shop")).status_code == 404
        async with bridge(gateway) as agent:
            await claim(agent)
            await stands(api, "waiting")
            await tell_discovery(agent)
            await tell_namespaces(agent, "default")
            await stands(api, "registered")


async def _unserved(api: httpx.AsyncClient) -> bool:
    return not (await api.get("/v1/accounts/shop")).json()["connected"]


async def _gone(api: httpx.AsyncClient) -> bool:
    return (await api.get("/v1/accounts/shop")).status_code == 404


async def test_calls_that_make_no_sense(
    database: str, authorities: Authorities, clouddriver: ClouddriverAccounts
) -> None:
    """Unknown accounts, unknown fields, no JSON, and accounts that the token may not see."""
    async with (
        registering(database, authorities, clouddriver) as gateway,
        bridge(gateway) as agent,
        gateway.api() as api,
    ):
        await claim(agent)
        assert (await api.post("/v1/accounts/nobody/registration")).status_code == 404
        assert (await api.delete("/v1/accounts/nobody")).status_code == 404
        for body in (b"{", b'{"adapt": true}', b'{"adopt": "yes"}'):
            assert (await api.post("/v1/accounts/shop/registration", content=body)).status_code == 400
        async with gateway.api(READER_TOKEN) as reader:
            assert (await reader.get("/v1/accounts/other/registration")).status_code == 404
            assert (await reader.post("/v1/accounts/shop/registration")).status_code == 403
            await stands(reader, "waiting")
            (listed,) = (await reader.get("/v1/registrations")).json()["items"]
            assert listed["account"] == "shop"
