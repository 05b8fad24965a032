"""Who may run an operation: the decision behind "a write takes effect at most once, or is told as unknown".

A claim is a key in a bucket that all executors of a zone share, made before the first request of a write and holding its
outcome afterwards. Keys are made only when absent and changed only at a known revision, so of two executors one wins.

The bucket can be deleted or lost. Its incarnation tells: under the one that the operation was first sent, the absence of
a claim proves that nobody has begun; under another it proves nothing. The incarnation is read after the claim was made,
so that a bucket which was exchanged meanwhile is noticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import msgspec

from fairlead.executor.core.outcome import Outcome, Verdict


class Owner(Enum):
    """What is known of the executor that holds a claim."""

    RUNNING = "running"
    """It says that it is at it, or says nothing at all though it is there."""
    UNTOUCHED = "untouched"
    """It made the claim and never began: as good as no claim."""
    LOST = "unknown"
    """It is gone, or knows nothing of the operation: it died in the middle."""


class Claim(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands under an operation's key; never an object."""

    owner: str
    """Id of the executor; empty when it gave the claim up before it began."""
    run: str
    """A random mark of this run, by which an executor knows its own claim again."""
    attempt: int
    started_ms: int
    digest: str
    """Of the request."""
    outcome: Outcome | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Claim).decode


def encode_claim(claim: Claim) -> bytes:
    """Turn a claim into what is stored."""
    return _encode(claim)


def decode_claim(data: bytes) -> Claim:
    """Read a stored claim.

    Raises:
        ValueError: it is none.

    """
    return _decode(data)


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the decision depends on."""

    attempt: int
    digest: str
    repeatable: bool
    """Whether running the operation once more can do no harm."""
    existing: Claim | None = None
    """The claim that stood there; None when there was none and ours stands now."""
    owner: Owner = Owner.LOST
    """Of the existing claim, when it has no outcome."""
    same_incarnation: bool = True
    """Whether the bucket is the one under which the operation was first sent; counts where nobody has begun."""
    prompt: bool = True
    """Whether the message came only just now, so that it cannot have been sent again."""


@dataclass(frozen=True, slots=True)
class Run:
    """Run it now. With ``doubt`` an earlier run may have taken effect."""

    doubt: bool = False


@dataclass(frozen=True, slots=True)
class AnswerResult:
    """It has ended: report that again."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class StillRunning:
    """Its owner is at it: say so."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have taken effect, and running it again could do harm."""

    why: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The id belongs to another request."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Neither run nor answer: give the claim up, a resend decides."""


Decision = Run | AnswerResult | StillRunning | Unknown | Refuse | Leave

OWNER_DIED = "the executor that had claimed it died in the middle; its request may have reached the API server"
CLAIMS_LOST = (
    "the record of which operations had run was lost after this one was first sent; an earlier attempt may have reached "
    "the API server"
)


def decide(situation: Situation) -> Decision:
    """Decide about one attempt at a write."""
    existing = situation.existing
    if existing is None:
        return _unclaimed(situation)
    if existing.digest != situation.digest:
        return Refuse()
    if existing.outcome is not None:
        return AnswerResult(existing.outcome)
    if situation.owner is Owner.UNTOUCHED:
        return _unclaimed(situation)
    if situation.owner is Owner.RUNNING:
        return StillRunning()
    return Run(doubt=True) if situation.repeatable else Unknown(OWNER_DIED)


def _unclaimed(situation: Situation) -> Decision:
    if situation.same_incarnation:
        return Run()
    if situation.attempt == 1:
        # Nothing was sent before this message; but one that lay about may have been overtaken by its own resend.
        return Run() if situation.prompt else Leave()
    return Run(doubt=True) if situation.repeatable else Unknown(CLAIMS_LOST)


def may_replace(standing: Claim | None, ours: Claim) -> bool:
    """Whether the outcome of our run may take the place of what stands under the key after all.

    Nothing stands there when the bucket was lost. Our own claim stands there when an answer was lost. Another executor's
    ``unknown`` gives way to the truth; a run that somebody took over does not.
    """
    if standing is None or standing.run == ours.run:
        return True
    return (
        standing.digest == ours.digest and standing.outcome is not None and standing.outcome.verdict is Verdict.UNKNOWN
    )
