"""Messages of the link."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.contracts.operations import CHUNK_BYTES
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.core.claims import ClusterIdentity
from fairlead.gateway.core.commits import Repair
from fairlead.gateway.core.operations import Dispatch, State
from fairlead.gateway.core.sessions import Opened
from fairlead.gateway.core.states import ResourceState
from fairlead.gateway.flows.link import messages

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PODS = pb.Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)
MODES = ("", "agent", "spinnaker-service")


@given(st.integers(0, 3 * CHUNK_BYTES))
def test_operations_travel_in_chunks(size: int) -> None:
    """Whatever its size, the chunks of a request are numbered, bounded, and make the whole again."""
    body = b"x" * size
    operations = [
        frame.operation for frame in messages.operation_frames(Dispatch("1", "shop", 2, "bucket", NOW, body, "trace"))
    ]
    assert b"".join(each.request for each in operations) == body
    assert [each.chunk for each in operations] == list(range(len(operations)))
    assert [each.last for each in operations] == [False] * (len(operations) - 1) + [True]
    assert all(len(each.request) <= CHUNK_BYTES and each.attempt == 2 for each in operations)
    assert operations[0].deadline_unix_ms == int(NOW.timestamp() * 1000)


def test_sessions() -> None:
    """Versions are text, empty for none; ages and counts go along."""
    answer = messages.session_opened(Opened("s", 3, 2**100, 5, None, 7)).session_opened
    assert (answer.checkpoint, answer.highest, answer.checkpoint_age_ms, answer.rows) == (str(2**100), "", 5, 7)
    cluster = ClusterIdentity("uid", "server", "ca")
    request = messages.open_request(pb.OpenSession(account="shop", resource=PODS, scope="x", ended_epoch=4), cluster)
    assert (request.cluster, request.resource.name, request.ended_epoch) == (cluster, "pods", 4)
    assert messages.after(pb.StoredVersionsRequest(after_name="web")) is None
    assert messages.after(pb.StoredVersionsRequest(resumed=True, after_name="web")) == ObjectKey("", "web")


def test_claims_and_states() -> None:
    """A claim takes the agent's mode, unless its cluster is elsewhere; a state in the future is of now, and an unknown one is left out."""
    claimed = pb.AccountClaim(name="shop", namespaces=["a"], read_roles=["dev"], execute_roles=["ci"], own_cluster=True)
    claim = messages.claim(claimed, mode="")
    assert (claim.name, claim.mode, claim.namespaces, claim.read_roles) == ("shop", "agent", ("a",), ("dev",))
    assert claim.execute_roles == ("ci",)
    modes = [
        (messages.claim(pb.AccountClaim(own_cluster=own), mode=mode).mode) for own in (True, False) for mode in MODES
    ]
    assert modes == ["agent", "agent", "spinnaker-service", "infrastructure", "infrastructure", "spinnaker-service"]
    late = pb.ResourceState(account="shop", resource=PODS, state=pb.ResourceState.STATE_GONE, since_unix_ms=2**42)
    report = messages.state_report(late, NOW)
    assert report is not None
    assert (report.state, report.since) == (ResourceState.GONE, NOW)
    assert messages.state_report(pb.ResourceState(account="shop", resource=PODS), NOW) is None


def test_outcomes_and_repairs() -> None:
    """An ending keeps what it took effect on, if anything; a repair names objects or asks for a list."""
    report = pb.OperationReport(code=200, resource=PODS, name="web", version="7")
    told = messages.outcome(report, State.SUCCEEDED)
    assert told.resource == Resource("", "v1", "pods", "Pod", namespaced=True)
    assert (told.code, told.name, told.version) == (200, "web", "7")
    assert messages.outcome(pb.OperationReport(), State.FAILED).resource is None
    repair = messages.repair_request("s", Repair([ObjectKey("shop", "web")])).repair_request
    assert [(each.namespace, each.name) for each in repair.objects] == [("shop", "web")]
    assert messages.repair_request("s", Repair(relist=True)).repair_request.relist
