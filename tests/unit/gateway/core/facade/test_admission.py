"""How much of an account is served at once."""

from __future__ import annotations

from fairlead.gateway.core.facade.admission import Admission


def test_each_account_has_its_own_bounds() -> None:
    """One that is full does not concern another."""
    subject = Admission(short=2, lasting=1)

    assert [subject.enter("a", lasting=False) for _ in range(3)] == [True, True, False]
    assert subject.enter("b", lasting=False)
    subject.leave("a", lasting=False)
    assert subject.enter("a", lasting=False)


def test_what_lasts_does_not_use_up_what_is_short() -> None:
    """Watches stay for hours; requests must go on beside them."""
    subject = Admission(short=1, lasting=1)

    assert subject.enter("a", lasting=True)
    assert not subject.enter("a", lasting=True)
    assert subject.enter("a", lasting=False)


def test_who_has_left_is_forgotten() -> None:
    """Names of accounts that nobody asks for any more do not stay."""
    subject = Admission(short=1, lasting=1)
    for number in range(3):
        subject.enter(f"account-{number}", lasting=False)
        subject.leave(f"account-{number}", lasting=False)

    assert not subject._counts
