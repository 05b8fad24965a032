"""Operations: what a caller asks the executor to do, and which of it may be done twice.

The same JSON is the body of ``POST /v1/operations`` and the request that travels to the executor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import msgspec

REQUEST_LIMIT_BYTES = 4 * 1024 * 1024
"""Largest request; above what kube-apiserver takes (3 MiB, ``MaxRequestBodyBytes`` in k8s.io/apiserver)."""
RESULT_LIMIT_BYTES = 64 * 1024 * 1024
"""Largest result body that the gateway collects."""
CHUNK_BYTES = 512 * 1024
"""Bodies travel in chunks of this size."""


class Kind(StrEnum):
    """What an operation does."""

    APPLY = "apply"
    CREATE = "create"
    REPLACE = "replace"
    PATCH = "patch"
    SCALE = "scale"
    DELETE = "delete"
    GET = "get"
    LIST = "list"


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


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The object, or for ``list`` the collection, that an operation is about."""

    kind: str
    """``Deployment``; may be ``Deployment.apps`` or a plural when ``apiVersion`` is left out."""
    apiVersion: str = ""  # noqa: N815 - the wire name
    namespace: str = ""
    name: str = ""


class OperationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """One request. ``apply``, ``create`` and ``replace`` take a manifest, the others a target."""

    account: str
    kind: Kind
    manifest: msgspec.Raw = msgspec.Raw()
    target: Target | None = None
    patch: msgspec.Raw = msgspec.Raw()
    patch_type: PatchType = PatchType.STRATEGIC
    replicas: Annotated[int, msgspec.Meta(ge=0)] | None = None
    propagation: Propagation = Propagation.BACKGROUND
    grace_period_seconds: Annotated[int, msgspec.Meta(ge=0)] | None = None
    wait: bool = True
    """Whether ``delete`` answers only when the object is gone."""
    uid: str = ""
    """Precondition: the object still has this UID."""
    resource_version: str = ""
    """Precondition: the object still has this version."""
    label_selector: str = ""
    field_selector: str = ""
    limit: Annotated[int, msgspec.Meta(ge=0)] = 0
    field_manager: str = "fairlead"
    force: bool = False
    """Whether ``apply`` takes over fields that another manager owns."""
    dry_run: bool = False
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 30.0
    """How long the executor may work on it, waiting for a deletion included."""


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
    if not request.account:
        problems.append("`account` is empty")
    if request.kind in (Kind.APPLY, Kind.CREATE, Kind.REPLACE):
        problems += _manifest_problems(request)
    elif request.target is None:
        problems.append(f"`{request.kind}` needs a `target`")
    elif not request.target.kind:
        problems.append("`target.kind` is empty")
    elif not request.target.name and request.kind is not Kind.LIST:
        problems.append(f"`{request.kind}` needs `target.name`")
    if request.kind is Kind.PATCH and not bytes(request.patch):
        problems.append("`patch` needs a `patch` body")
    if request.kind is Kind.SCALE and request.replicas is None:
        problems.append("`scale` needs `replicas`")
    return problems


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
    named = identity.metadata.name or (request.kind is Kind.CREATE and identity.metadata.generateName)
    if not named:
        problems.append("`manifest.metadata.name` is missing")
    return problems


@dataclass(frozen=True, slots=True)
class Repeatability:
    """Whether running an operation once more, after an unknown first run, can do harm."""

    safe: bool
    why: str


_READ = Repeatability(True, "it changes nothing")
_FENCED = Repeatability(True, "its precondition (uid or resourceVersion) fails once it took effect")
_UNFENCED: dict[Kind, Repeatability] = {
    Kind.APPLY: Repeatability(False, "it would overwrite changes made by the same field manager since"),
    Kind.CREATE: Repeatability(False, "it would bring back an object that was deleted since, or make a second one of a generated name"),
    Kind.REPLACE: Repeatability(False, "it would overwrite changes made since"),
    Kind.PATCH: Repeatability(False, "it would overwrite changes made since; a JSON patch may even apply twice"),
    Kind.SCALE: Repeatability(False, "it would undo a later scale"),
    Kind.DELETE: Repeatability(False, "it would delete an object created under the same name since"),
}  # fmt: skip


def repeatability(kind: Kind, *, fenced: bool) -> Repeatability:
    """Say whether an operation of this kind is safe to repeat, and why.

    Args:
        kind: of operation.
        fenced: whether it names a UID or a resourceVersion that it expects. A creation cannot.

    """
    if kind in (Kind.GET, Kind.LIST):
        return _READ
    if fenced and kind is not Kind.CREATE and kind is not Kind.APPLY:
        return _FENCED
    return _UNFENCED[kind]
