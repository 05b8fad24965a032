"""Who may run an operation, as a table."""

from __future__ import annotations

import pytest
from tests.support.executor_doubles import CONFIG_MAP

from fairlead.executor.core.claims import CLAIMS_LOST as LOST
from fairlead.executor.core.claims import OWNER_DIED as DIED
from fairlead.executor.core.claims import (
    AnswerResult,
    Claim,
    Decision,
    Leave,
    Owner,
    Refuse,
    Run,
    Situation,
    StillRunning,
    Unknown,
    decide,
    decode_claim,
    encode_claim,
    may_replace,
)
from fairlead.executor.core.outcome import Outcome, Verdict

DONE = Outcome(Verdict.SUCCEEDED, 201, resource=CONFIG_MAP, name="cargo", uid="u", version="7")
CLAIM = Claim("other", "run", 1, 5, "digest")
ENDED = Claim("other", "run", 1, 5, "digest", DONE)
FOREIGN = Claim("other", "run", 1, 5, "another")

UNCLAIMED = [
    # attempt, same incarnation, prompt, repeatable → decision
    (1, True, True, False, Run()),
    (1, True, False, False, Run()),
    (1, False, True, False, Run()),
    (1, False, False, False, Leave()),
    (1, False, False, True, Leave()),
    (2, True, True, False, Run()),
    (2, True, False, True, Run()),
    (2, False, True, False, Unknown(LOST)),
    (2, False, False, False, Unknown(LOST)),
    (2, False, True, True, Run(doubt=True)),
]
CLAIMED = [
    # claim, owner, repeatable → decision
    (ENDED, Owner.LOST, False, AnswerResult(DONE)),
    (ENDED, Owner.RUNNING, True, AnswerResult(DONE)),
    (CLAIM, Owner.RUNNING, False, StillRunning()),
    (CLAIM, Owner.RUNNING, True, StillRunning()),
    (CLAIM, Owner.LOST, False, Unknown(DIED)),
    (CLAIM, Owner.LOST, True, Run(doubt=True)),
    (CLAIM, Owner.UNTOUCHED, False, Run()),
    (FOREIGN, Owner.RUNNING, True, Refuse()),
    (FOREIGN, Owner.UNTOUCHED, False, Refuse()),
]


@pytest.mark.parametrize(("attempt", "same", "prompt", "repeatable", "expected"), UNCLAIMED)
def test_nobody_had_claimed(attempt: int, *, same: bool, prompt: bool, repeatable: bool, expected: Decision) -> None:
    """A first attempt runs; a later one runs when the bucket still knows, or when it can do no harm."""
    situation = Situation(attempt, "digest", repeatable, same_incarnation=same, prompt=prompt)

    assert decide(situation) == expected


@pytest.mark.parametrize(("attempt", "same", "prompt", "repeatable", "expected"), UNCLAIMED)
def test_a_claim_that_never_began_is_none(
    attempt: int, *, same: bool, prompt: bool, repeatable: bool, expected: Decision
) -> None:
    """A claim whose owner gave it up decides nothing: the incarnation does, as without it."""
    situation = Situation(attempt, "digest", repeatable, CLAIM, Owner.UNTOUCHED, same_incarnation=same, prompt=prompt)

    assert decide(situation) == expected


@pytest.mark.parametrize(("claim", "owner", "repeatable", "expected"), CLAIMED)
def test_somebody_had_claimed(claim: Claim, owner: Owner, *, repeatable: bool, expected: Decision) -> None:
    """A result is told again; a living owner is left alone; a dead one's operation runs again only if harmless."""
    assert decide(Situation(2, "digest", repeatable, claim, owner)) == expected


def test_whose_outcome_stands() -> None:
    """Our outcome replaces nothing, our own claim, and another's ``unknown``; never a run that was taken over."""
    ours = Claim("me", "mine", 1, 5, "digest", DONE)
    unknown = Claim("other", "run", 2, 6, "digest", Outcome(Verdict.UNKNOWN))

    assert may_replace(None, ours)
    assert may_replace(Claim("me", "mine", 1, 5, "digest"), ours)
    assert may_replace(unknown, ours)
    assert not may_replace(CLAIM, ours)
    assert not may_replace(ENDED, ours)


def test_claims_survive_their_storage() -> None:
    """What is stored is read back; anything else is an error."""
    assert decode_claim(encode_claim(ENDED)) == ENDED
    assert b"body" not in encode_claim(ENDED)
    with pytest.raises(ValueError, match="missing required field"):
        decode_claim(b"{}")
