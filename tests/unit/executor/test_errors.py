"""Conditions carry what decisions need."""

from __future__ import annotations

from fairlead.executor.errors import ApiRefused, NoAnswer


def test_a_refusal_tells_code_and_reason_and_keeps_its_message_apart() -> None:
    """The server's message may quote the manifest, so it is no part of the error's text."""
    refusal = ApiRefused(422, "Invalid", "data: SENTINEL", retry_after_s=3)

    assert (str(refusal), refusal.message, refusal.retry_after_s) == ("422 Invalid", "data: SENTINEL", 3)
    assert str(ApiRefused(503, "", "x")) == "503"


def test_no_answer_tells_whether_it_was_sent() -> None:
    """A write that was not sent may be sent again."""
    assert not NoAnswer("cannot connect", maybe_sent=False).maybe_sent
