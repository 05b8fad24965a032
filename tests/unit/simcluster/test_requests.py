"""The request log."""

from __future__ import annotations

from fairlead.simcluster.requests import LoggedRequest, RequestLog


def _request(method: str, path: str, verb: str, resource: str = "pods", audit_id: str = "") -> LoggedRequest:
    return LoggedRequest(0.0, method, path, "", verb, resource, "admin", "agent", audit_id)


def test_requests_are_found_by_their_traits() -> None:
    """Verb, resource, path and audit id."""
    log = RequestLog()
    log.add(_request("GET", "/api/v1/pods", "list"))
    log.add(_request("POST", "/api/v1/namespaces/x/pods", "create", audit_id="op.1"))

    assert [each.verb for each in log.matching(resource="pods")] == ["list", "create"]
    assert len(log.matching(verb="list", path="/api/v1/")) == 1
    assert [each.method for each in log.matching(audit_id="op.1")] == ["POST"]
    assert [each.verb for each in log.writes()] == ["create"]


def test_the_log_is_bounded() -> None:
    """The oldest go; the total stays known."""
    log = RequestLog(limit=2)
    for number in range(3):
        log.add(_request("GET", f"/{number}", "get"))

    assert [each.path for each in log] == ["/1", "/2"]
    assert (len(log), log.total) == (2, 3)
    log.clear()
    assert len(log) == 0
