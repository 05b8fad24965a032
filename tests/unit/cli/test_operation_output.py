"""Operations as people read them."""

from __future__ import annotations

from fairlead.cli.operation_output import object_table, operation_line, operation_table, problem_of

OPERATION = {
    "id": "01J",
    "account": "shop",
    "kind": "scale",
    "state": "failed",
    "subject": {"kind": "Deployment", "namespace": "storefront", "name": "web"},
    "createdAt": "2026-05-04T12:00:00Z",
    "result": {"code": 409, "reason": "Conflict", "message": "the object has been modified\nplease apply again"},
}


def test_a_line_tells_what_was_done_to_what() -> None:
    """Id, deed, place, state and the API server's code."""
    assert operation_line(OPERATION) == "01J  scale Deployment storefront/web: failed (HTTP 409)"


def test_a_table_cuts_messages_short() -> None:
    """One line for each operation; the whole message is for `status`."""
    text = operation_table([{**OPERATION, "result": {"message": "x" * 200}}])

    assert len(text.splitlines()) == 2
    assert "x" * 59 + "…" in text


def test_a_problem_is_told_whole() -> None:
    """The message for a failure, and a warning for an unknown outcome; never nothing."""
    assert problem_of(OPERATION).endswith("the object has been modified\nplease apply again")
    assert "may have taken effect" in problem_of({**OPERATION, "state": "unknown"})
    assert "expired" in problem_of({**OPERATION, "state": "expired", "result": None})


def test_an_object_and_a_list_look_alike() -> None:
    """Items without a kind take that of their list."""
    item = {"metadata": {"namespace": "a", "name": "web", "resourceVersion": "7"}}

    assert object_table({"kind": "PodList", "items": [item]}) == object_table({"kind": "Pod", **item})
    assert object_table({"kind": "PodList", "items": []}) == "no objects"
