"""Operations that are sent again after something has changed: claims ran out, or somebody called them off."""

from __future__ import annotations

import psycopg
from tests.integration.gateway.test_operations import Report, _apply, _ended, _operation, _submit
from tests.support.gateway import RunningGateway
from tests.support.scripted_bridge import bridge, claimed_before

from fairlead.contracts.v1 import link_pb2 as pb


async def test_claims_that_ran_out(resending: RunningGateway, database: str) -> None:
    """Claims are kept for an hour: a resend after that is bound to no incarnation, for none can prove that nothing ran."""
    async with resending.api() as api, bridge(resending) as agent:
        await agent.claim("shop")
        submitted = await _submit(api, _apply(), deadlineSeconds="180m")
        await agent.report(await _operation(agent), Report.STATE_CLAIMED)
        async with await psycopg.AsyncConnection.connect(database) as connection:
            await connection.execute("update fairlead.operations set sent_at = sent_at - interval '56 minutes'")

        def is_unbound(frame: pb.GatewayFrame) -> bool:
            return frame.HasField("operation") and not frame.operation.first_incarnation

        resend = (await agent.find(is_unbound)).operation
        assert (resend.id, resend.attempt > 1) == (submitted["id"], True)
        await agent.report(resend, Report.STATE_UNKNOWN, message="it may have run")


async def test_cancel(gateway: RunningGateway) -> None:
    """What no agent took is cancelled at once; an executor is asked about the rest."""
    await claimed_before(gateway, "shop")
    async with gateway.api() as api:
        pending = await _submit(api, _apply())
        answer = await api.delete(f"/v1/operations/{pending['id']}")
        assert (answer.status_code, answer.json()["state"]) == (200, "failed")
        async with bridge(gateway) as agent:
            await agent.claim("shop")
            running = await _submit(api, _apply())
            await agent.report(await _operation(agent), Report.STATE_CLAIMED)
            answer = await api.delete(f"/v1/operations/{running['id']}")
            assert answer.status_code == 202
            assert (await agent.next("cancel_operation")).cancel_operation.id == running["id"]


async def test_a_cancellation_is_remembered(gateway: RunningGateway) -> None:
    """An agent that comes back is asked to give it up before it gets it again; without an executor it ends, unsent."""
    async with gateway.api() as api:
        async with bridge(gateway) as first:
            await first.claim("shop")
            running = await _submit(api, _apply())
            await _operation(first)
            declined = await _submit(api, _apply("other"))
            other = (await first.next("operation")).operation
            for each in (running, declined):
                assert (await api.delete(f"/v1/operations/{each['id']}")).status_code == 202
            await first.report(other, Report.STATE_NO_EXECUTOR)
            ended = await _ended(api, declined["id"])
            assert (ended["state"], ended["result"]["reason"]) == ("failed", "Cancelled")
        async with bridge(gateway) as second:
            await second.claim("shop")
            again = (await second.next("operation")).operation
            assert again.id == running["id"]
            assert [frame.cancel_operation.id for frame in second.received if frame.HasField("cancel_operation")] == [
                running["id"]
            ]
            await second.report(again, Report.STATE_FAILED, reason="Canceled")
