"""What became of an operation, and what an answer of the API server says about it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import Kind, OperationRequest
from fairlead.executor.errors import ApiRefused

KEPT_MESSAGE_CHARACTERS = 2048
"""How much of a message is kept beside a claim."""
_NOT_REPEATED = "this is the kept result of an earlier attempt; the object itself was not kept, read it again"


class Verdict(StrEnum):
    """The three ways in which an operation ends."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """It was refused and had no effect beyond what the message says."""
    UNKNOWN = "unknown"
    """It may have taken effect."""


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """The end of an operation; ``body`` is the result as JSON and is never kept."""

    verdict: Verdict
    code: int = 0
    """HTTP status, 0 when the API server gave none."""
    reason: str = ""
    message: str = ""
    resource: Resource | None = None
    namespace: str = ""
    name: str = ""
    uid: str = ""
    version: str = ""
    body: bytes = b""

    def kept(self) -> Outcome:
        """What may stand in the bucket: no body, a bounded message, and none at all about Secrets.

        The API server's messages can quote values of the manifest that it refused.
        """
        is_secret = self.resource is not None and self.resource.name == "secrets"
        message = "" if is_secret else self.message[:KEPT_MESSAGE_CHARACTERS]
        return msgspec.structs.replace(self, message=message, body=b"")


class _Meta(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resourceVersion: str = ""  # noqa: N815 - the wire name


class _Details(msgspec.Struct):
    name: str = ""
    uid: str = ""


class _Answered(msgspec.Struct):
    kind: str = ""
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    details: _Details = msgspec.field(default_factory=_Details)


_decode = msgspec.json.Decoder(_Answered).decode


def succeeded(code: int, body: bytes, blank: Outcome) -> Outcome:
    """Turn the answer to a successful request into an outcome.

    Args:
        code: HTTP status.
        body: the object, a Status, or a subresource such as Scale, without managedFields.
        blank: resource, namespace and name that were asked for; what the answer says goes before.

    """
    try:
        answered = _decode(body)
    except msgspec.MsgspecError:
        answered = _Answered()
    meta, details = answered.metadata, answered.details
    return msgspec.structs.replace(
        blank,
        verdict=Verdict.SUCCEEDED,
        code=code,
        namespace=meta.namespace or blank.namespace,
        name=meta.name or details.name or blank.name,
        uid=meta.uid or details.uid or blank.uid,
        version=meta.resourceVersion or blank.version,
        body=b"" if answered.kind == "Status" else body,
    )


def without_managed_fields(body: bytes) -> bytes:
    """Cut ``metadata.managedFields`` out of an object; what is none comes back as it is."""
    try:
        top = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(top["metadata"], type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, KeyError):
        return body
    metadata.pop("managedFields", None)
    top["metadata"] = msgspec.Raw(msgspec.json.encode(metadata))
    return msgspec.json.encode(top)


def failed(blank: Outcome, reason: str, message: str, *, code: int = 0) -> Outcome:
    """Make the outcome of something that did not happen."""
    return msgspec.structs.replace(blank, verdict=Verdict.FAILED, code=code, reason=reason, message=message, body=b"")


def unknown(blank: Outcome, reason: str, message: str, *, code: int = 0) -> Outcome:
    """Make the outcome of something that may have happened."""
    return msgspec.structs.replace(blank, verdict=Verdict.UNKNOWN, code=code, reason=reason, message=message, body=b"")


def repeated(outcome: Outcome) -> Outcome:
    """Make the answer to a resend out of a kept outcome."""
    told = f"{outcome.message}; {_NOT_REPEATED}" if outcome.message else _NOT_REPEATED
    return msgspec.structs.replace(outcome, message=told) if outcome.verdict is Verdict.SUCCEEDED else outcome


def leaves_doubt(refusal: ApiRefused) -> bool:
    """Whether a write that was answered so may have taken effect all the same.

    502 and 504 come from something between us and a server that may have done it, or from a server that gave up waiting
    for its own store. A 503 that is no Status object comes from a proxy. etcd's errors reach us as 500 with its text
    (``etcdserver: request timed out``): the store may have committed.
    """
    if refusal.code in (502, 504) or refusal.reason == "Timeout":
        return True
    if refusal.code == 503:
        return not refusal.reason
    return refusal.code == 500 and any(
        mark in refusal.message for mark in ("etcdserver", "context deadline exceeded", "context canceled")
    )


def was_not_done(refusal: ApiRefused) -> bool:
    """Whether the API server turned the request away before it did anything, so that it may be sent again."""
    return refusal.code == 429 or (refusal.code == 503 and bool(refusal.reason))


def is_unserved(refusal: ApiRefused) -> bool:
    """Whether the cluster does not serve the version of a kind (any more); it says nothing of the object then."""
    return refusal.code == 404 and "could not find the requested resource" in refusal.message


STILL_TERMINATING = "StillTerminating"
NO_KIND_MATCH = "NoKindMatch"
UNKNOWN_OUTCOME = "OutcomeUnknown"


def after_doubt(outcome: Outcome, request: OperationRequest) -> Outcome:
    """Judge the outcome of a repetition: the run before it may have taken effect, unseen.

    Only fenced operations are repeated, so a repetition that succeeds was the only one to take effect, and a deletion
    that finds the UID gone has its end. Any other refusal may be the fence closing behind the first run.
    """
    if outcome.verdict is not Verdict.FAILED or outcome.reason == STILL_TERMINATING:
        return outcome
    is_gone = outcome.code == 404 or (outcome.code == 409 and not request.resource_version)
    if request.kind is Kind.DELETE and is_gone and outcome.reason != NO_KIND_MATCH:
        message = "the object is gone; an earlier try of this operation may have deleted it"
        return msgspec.structs.replace(outcome, verdict=Verdict.SUCCEEDED, message=message)
    message = (
        "an earlier try may have taken effect and lost its answer; the repetition was refused, perhaps because it had "
        f"({outcome.code} {outcome.reason}: {outcome.message})"
    )
    return unknown(outcome, UNKNOWN_OUTCOME, message, code=outcome.code)
