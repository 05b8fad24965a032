"""Operations: what a caller asks the executor to do.

The same JSON is the body of ``POST /v1/operations`` and the request that travels to the executor.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

import msgspec

REQUEST_LIMIT_BYTES = 4 * 1024 * 1024
"""Largest request; above what kube-apiserver takes (3 MiB, ``MaxRequestBodyBytes`` in k8s.io/apiserver)."""
RESULT_LIMIT_BYTES = 64 * 1024 * 1024
"""Largest result body that the gateway collects."""
LOG_LIMIT_BYTES = 16 * 1024 * 1024
"""Most of a log that one operation brings back."""
CHUNK_BYTES = 512 * 1024
"""Bodies travel in chunks of this size."""


class Kind(StrEnum):
    """What an operation does."""

    APPLY = "apply"
    CREATE = "create"
    REPLACE = "replace"
    PATCH = "patch"
    SCALE = "scale"
    RESTART = "restart"
    """Replace the pods of a workload, one after the other (``kubectl rollout restart``)."""
    PAUSE = "pause"
    RESUME = "resume"
    UNDO = "undo"
    """Go back to an earlier revision of a workload (``kubectl rollout undo``)."""
    RUN_JOB = "runJob"
    """Create a Job, in the place of an earlier one where that was asked for, and follow it."""
    DELETE = "delete"
    GET = "get"
    LIST = "list"
    HISTORY = "history"
    """The revisions of a workload."""
    ROLLOUT_STATUS = "rolloutStatus"
    """How far a rollout has come."""
    LOGS = "logs"
    """Of a container of a pod, or of the pod of a Job or workload."""
    EVENTS = "events"
    """The events about one object."""
    POD_METRICS = "podMetrics"
    """What pods use, as ``metrics.k8s.io`` tells it."""


MANIFEST_KINDS = frozenset({Kind.APPLY, Kind.CREATE, Kind.REPLACE, Kind.RUN_JOB})
"""Operations about the object of a manifest; the others have a target."""
READS = frozenset({Kind.GET, Kind.LIST, Kind.HISTORY, Kind.ROLLOUT_STATUS, Kind.LOGS, Kind.EVENTS, Kind.POD_METRICS})
"""Operations that change nothing."""
_NAMELESS = frozenset({Kind.LIST, Kind.POD_METRICS})
"""Operations whose target may be a whole collection."""


class PatchType(StrEnum):
    """The three patch formats of the Kubernetes API, as kubectl names them."""

    STRATEGIC = "strategic"
    MERGE = "merge"
    JSON = "json"


class Propagation(StrEnum):
    """What becomes of an object's dependents (``DeleteOptions.propagationPolicy``)."""

    BACKGROUND = "Background"
    FOREGROUND = "Foreground"
    ORPHAN = "Orphan"

    @classmethod
    def _missing_(cls, value: object) -> Propagation | None:
        """Take lower case too, as kubectl and Spinnaker spell it."""
        return next((each for each in cls if isinstance(value, str) and each.value.lower() == value), None)


class FieldValidation(StrEnum):
    """What the API server does about fields that it does not know."""

    STRICT = "Strict"
    WARN = "Warn"
    IGNORE = "Ignore"


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The object, or for ``list`` the collection, that an operation is about."""

    kind: str
    """``Deployment``; may be ``Deployment.apps`` or a plural when ``apiVersion`` is left out."""
    apiVersion: str = ""  # noqa: N815 - the wire name
    namespace: str = ""
    name: str = ""


class OperationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """One request. ``apply``, ``create``, ``replace`` and ``runJob`` take a manifest, the others a target."""

    account: str
    kind: Kind
    manifest: msgspec.Raw = msgspec.Raw()
    target: Target | None = None
    patch: msgspec.Raw = msgspec.Raw()
    patch_type: PatchType = PatchType.STRATEGIC
    replicas: Annotated[int, msgspec.Meta(ge=0)] | None = None
    server_side: bool | None = None
    """Whether ``apply`` is server-side; left out, annotations of the manifest and the agent's settings decide."""
    force: bool = False
    """Whether a server-side ``apply`` takes over fields that another manager owns."""
    field_validation: FieldValidation = FieldValidation.STRICT
    """Of manifests, as kubectl; servers before 1.25 do not look at it."""
    recreate: bool = False
    """Whether ``runJob`` deletes a Job of the same name first."""
    propagation: Propagation = Propagation.BACKGROUND
    grace_period_seconds: Annotated[int, msgspec.Meta(ge=0)] | None = None
    ignore_not_found: bool = False
    """Whether ``delete`` succeeds when there is nothing to delete."""
    wait: bool | None = None
    """Whether ``delete`` answers when the object is gone (as it does unless told otherwise), ``runJob`` when the Job has
    ended, ``rolloutStatus`` when the rollout has."""
    revision: Annotated[int, msgspec.Meta(ge=0)] = 0
    """For ``undo``: where to go back to, 0 is the one before; for ``history``: the one to show whole."""
    container: str = ""
    previous: bool = False
    """Logs of the container before its last restart."""
    timestamps: bool = False
    tail_lines: Annotated[int, msgspec.Meta(ge=0)] | None = None
    since_seconds: Annotated[int, msgspec.Meta(gt=0)] | None = None
    limit_bytes: Annotated[int, msgspec.Meta(gt=0, le=LOG_LIMIT_BYTES)] = LOG_LIMIT_BYTES
    """Of logs: what is beyond is left out."""
    uid: str = ""
    """Precondition: the object still has this UID."""
    resource_version: str = ""
    """Precondition: the object still has this version."""
    label_selector: str = ""
    """For ``list``, ``podMetrics`` and ``delete``, which has no name then."""
    field_selector: str = ""
    limit: Annotated[int, msgspec.Meta(ge=0)] = 0
    field_manager: str = "fairlead"
    dry_run: bool = False
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 30.0
    """How long the executor may work on it, waiting included."""


class InvalidRequest(ValueError):
    """The request cannot be carried out as it stands; ``problems`` says all that is wrong, without repeating content."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


_request_decoder = msgspec.json.Decoder(OperationRequest)


def decode_request(data: bytes) -> OperationRequest:
    """Read a request and check it.

    Raises:
        InvalidRequest: with everything that is wrong.

    """
    if len(data) > REQUEST_LIMIT_BYTES:
        raise InvalidRequest([f"the request is larger than {REQUEST_LIMIT_BYTES} bytes"])
    try:
        request = _request_decoder.decode(data)
    except msgspec.ValidationError as error:
        raise InvalidRequest([_without_value(error)]) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest(["the request is no JSON"]) from None
    except RecursionError:
        raise InvalidRequest(["the request is nested too deeply"]) from None
    problems = list(_problems(request))
    if problems:
        raise InvalidRequest(problems)
    return request


def encode_request(request: OperationRequest) -> bytes:
    """Turn a request into JSON; fields at their defaults are left out, and absent raw bodies with them."""
    document: dict[str, Any] = {}
    for name, wire_name in zip(request.__struct_fields__, request.__struct_encode_fields__, strict=True):
        value = getattr(request, name)
        if isinstance(value, msgspec.Raw):
            if bytes(value):
                document[wire_name] = value
        elif value != _DEFAULTS.get(name, msgspec.NODEFAULT):
            document[wire_name] = value
    return msgspec.json.encode(document)


_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(OperationRequest)}


def _problems(request: OperationRequest) -> list[str]:
    problems = []
    kind = request.kind
    if not request.account:
        problems.append("`account` is empty")
    problems += _manifest_problems(request) if kind in MANIFEST_KINDS else _target_problems(request)
    if kind is Kind.PATCH and not bytes(request.patch):
        problems.append("`patch` needs a `patch` body")
    if kind is Kind.SCALE and request.replicas is None:
        problems.append("`scale` needs `replicas`")
    if kind in READS and (request.uid or request.resource_version):
        problems.append(f"`{kind}` has no preconditions: leave `uid` and `resourceVersion` out")
    return problems


def _target_problems(request: OperationRequest) -> list[str]:
    kind, target = request.kind, request.target
    if target is None:
        return [f"`{kind}` needs a `target`"]
    if not target.kind:
        return ["`target.kind` is empty"]
    if kind is Kind.DELETE and request.label_selector:
        if target.name or request.uid or request.resource_version:
            return ["`delete` takes `target.name` or `labelSelector`; preconditions are for one name"]
        return []
    if not target.name and kind not in _NAMELESS:
        return [f"`{kind}` needs `target.name`"]
    return []


class _Head(msgspec.Struct):
    name: str = ""
    generateName: str = ""  # noqa: N815 - the wire name
    namespace: str = ""


class ManifestIdentity(msgspec.Struct):
    """What a manifest says of itself; everything else in it is left as bytes."""

    apiVersion: str  # noqa: N815 - the wire name
    kind: str
    metadata: _Head


_manifest_decoder = msgspec.json.Decoder(ManifestIdentity)


def identify_manifest(manifest: bytes) -> ManifestIdentity:
    """Read the identity of a manifest.

    Raises:
        InvalidRequest: it is no Kubernetes object.

    """
    try:
        return _manifest_decoder.decode(manifest)
    except msgspec.ValidationError as error:
        raise InvalidRequest([f"`manifest` is no Kubernetes object: {_without_value(error)}"]) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest(["`manifest` is no JSON"]) from None
    except RecursionError:
        raise InvalidRequest(["`manifest` is nested too deeply"]) from None


def _without_value(error: msgspec.ValidationError) -> str:
    """The error's text; an enumeration's repeats the value, which may be anything."""
    return re.sub(
        r"Invalid enum value .*?(?= - at `|$)", "not one of the values it may have", str(error), flags=re.DOTALL
    )


def _manifest_problems(request: OperationRequest) -> list[str]:
    if not bytes(request.manifest):
        return [f"`{request.kind}` needs a `manifest`"]
    try:
        identity = identify_manifest(bytes(request.manifest))
    except InvalidRequest as error:
        return error.problems
    problems = []
    if not identity.apiVersion or not identity.kind:
        problems.append("`manifest.apiVersion` and `manifest.kind` must not be empty")
    generates = request.kind in (Kind.CREATE, Kind.RUN_JOB)
    named = identity.metadata.name or (generates and identity.metadata.generateName)
    if not named:
        problems.append("`manifest.metadata.name` is missing")
    if request.kind is Kind.RUN_JOB and identity.kind != "Job":
        problems.append("`runJob` takes the manifest of a Job")
    return problems
