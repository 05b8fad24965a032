"""What the facade's parts hand each other."""

from __future__ import annotations

from fairlead.gateway.core.tokens import Grant, Kind
from fairlead.gateway.ports.facade import FacadeRequest


def test_the_first_value_of_a_parameter_counts() -> None:
    """As in the API server, which takes the first of several values."""
    query = (("labelSelector", "app=a"), ("labelSelector", "app=b"), ("limit", ""))
    caller = Grant("somebody", Kind.FACADE, ("*",))
    request = FacadeRequest("shore", "GET", "/api/v1/pods", "/api/v1/pods", query, {}, caller)

    assert request.parameter("labelSelector") == "app=a"
    assert request.parameter("limit", "7") == ""
    assert request.parameter("watch", "no") == "no"
