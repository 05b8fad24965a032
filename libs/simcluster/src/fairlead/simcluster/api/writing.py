"""Create, update, patch and apply, with the rules of the API server's generic registry.

Everything here is synchronous over the store, so a write is atomic. Handlers and controllers use the same functions.
"""

from __future__ import annotations

import copy
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fairlead.simcluster import apply, conversions, defaults, validation
from fairlead.simcluster.errors import (
    StatusError,
    already_exists,
    bad_request,
    cause,
    conflict,
    forbidden,
    invalid,
    not_found,
)
from fairlead.simcluster.openapi.schemas import schema_of
from fairlead.simcluster.store import encode_entry, object_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairlead.simcluster.resources import Resource
    from fairlead.simcluster.state import State
    from fairlead.simcluster.store import Entry

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LOOSE_NAME: Final = re.compile(r"[^/%]+")
LOOSELY_NAMED: Final = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"})
NAME_RULE: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
METADATA_ORDER: Final = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)
SYSTEM_METADATA: Final = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


@dataclass(frozen=True, slots=True)
class Write:
    """How a write is made."""

    manager: str
    dry_run: bool = False
    subresource: str = ""
    operation: str = "Update"
    validation: str = ""
    """`Strict`, `Warn` or `Ignore` for what came from outside; empty: nothing is held against the schema."""
    is_patch: bool = False
    warnings: list[str] = field(default_factory=list, compare=False)
    """What the client is to be told in Warning headers."""

    def as_manager(self, resource: Resource) -> apply.Manager:
        """The record in managedFields."""
        return apply.Manager(self.manager, self.operation, resource.api_version, self.subresource)


def create(state: State, resource: Resource, namespace: str, obj: dict[str, Any], write: Write) -> Entry:
    """Create an object; StatusError 400, 403 (terminating namespace), 404 (no namespace), 409 or 422."""
    obj = conversions.to_stored(resource, _admitted(resource, obj, write))
    metadata = obj["metadata"] = dict(obj["metadata"])
    if metadata.get("resourceVersion"):
        raise StatusError(500, "", "resourceVersion should not be set on objects to be created")
    if namespace:
        metadata["namespace"] = namespace
    _name_object(state, resource, metadata)
    if namespace:
        _check_namespace(state, resource, namespace, metadata["name"])
    _begin(state, resource, obj)
    if write.operation != "Apply":
        apply.record_update(None, obj, write.as_manager(resource), metadata["creationTimestamp"])
    if state.store.get(resource.storage, object_key(namespace, metadata["name"])):
        raise already_exists(resource.group, resource.plural, metadata["name"])
    _check_size(state, resource, obj)
    return encode_entry(obj, 0) if write.dry_run else state.store.write(resource.storage, obj)


def _begin(state: State, resource: Resource, obj: dict[str, Any]) -> None:
    """Give a new object what the server gives it."""
    metadata = obj["metadata"]
    for name in (*SYSTEM_METADATA, "selfLink"):
        metadata.pop(name, None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = state.timestamp()
    if resource.keeps_generation or resource.custom:
        metadata["generation"] = 1
    if "status" in resource.subresources:
        obj.pop("status", None)
        if not resource.custom and resource.kind in defaults.EMPTY_STATUS:
            obj["status"] = copy.deepcopy(defaults.EMPTY_STATUS[resource.kind])
    if not resource.custom:
        defaults.fill(resource.kind, obj)
        defaults.check(resource.group, resource.kind, obj)
    obj["metadata"] = ordered_metadata(metadata)


def modify(  # noqa: PLR0913, PLR0917 - the parts of a request
    state: State,
    resource: Resource,
    namespace: str,
    name: str,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    write: Write,
) -> Entry:
    """Change an object through a function of its decoded state (with apiVersion and kind); StatusError 404, 409, 422.

    A change that changes nothing writes nothing, and the last finalizer of a deleted object removes it.
    """
    entry = state.store.get(resource.storage, object_key(namespace, name))
    if entry is None:
        raise not_found(resource.group, resource.plural, name)
    stored = entry.decoded()
    shown = {"apiVersion": resource.api_version, "kind": resource.kind, **conversions.to_served(resource, stored)}
    new = _admitted(resource, change(copy.deepcopy(shown)), write)
    _check_identity(resource, entry, new)
    new = _merged_parts(resource, stored, conversions.to_stored(resource, new), write)
    if write.operation != "Apply":
        apply.record_update(stored, new, write.as_manager(resource), state.timestamp())
    if _same(stored, new):
        return entry
    _check_size(state, resource, new)
    if write.dry_run:
        return encode_entry(new, entry.version)
    if removable(resource, new):
        return state.store.remove(resource.storage, new)
    return state.store.write(resource.storage, new)


def _merged_parts(resource: Resource, old: dict[str, Any], new: dict[str, Any], write: Write) -> dict[str, Any]:
    """The new state after the strategy: subresources keep apart, system metadata stays, generation counts."""
    if write.subresource == "status":
        kept = {name: part for name, part in old.items() if name != "status"}
        merged = {**kept, **({"status": new["status"]} if "status" in new else {})}
        metadata = dict(old["metadata"])
    else:
        merged = {name: part for name, part in new.items() if name != "status" or "status" not in resource.subresources}
        if "status" in resource.subresources and "status" in old:
            merged["status"] = old["status"]
        metadata = _kept_metadata(old["metadata"], new["metadata"])
        if not resource.custom:
            merged["metadata"] = metadata
            defaults.keep_assigned(resource.kind, old, merged)
            defaults.fill(resource.kind, merged)
            defaults.check(resource.group, resource.kind, merged)
    if write.operation == "Apply":
        metadata["managedFields"] = new["metadata"].get("managedFields")
    if (resource.keeps_generation or resource.custom) and _content(old) != _content(merged):
        metadata["generation"] = (old["metadata"].get("generation") or 0) + 1
    merged["metadata"] = ordered_metadata(metadata)
    return merged


def _kept_metadata(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The new metadata with the parts that only the server writes."""
    metadata = {name: part for name, part in new.items() if name not in (*SYSTEM_METADATA, "managedFields")}
    return metadata | {name: old[name] for name in (*SYSTEM_METADATA, "managedFields") if name in old}


def ordered_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """Metadata without empty parts, in the server's order."""
    ordered = {name: metadata.get(name) for name in METADATA_ORDER} | metadata
    kept = {name: value for name, value in ordered.items() if value not in (None, {}, [], "")}
    kept.setdefault("resourceVersion", "")
    return {name: kept[name] for name in METADATA_ORDER if name in kept} | kept


def _content(obj: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in obj.items() if name not in ("metadata", "status", "apiVersion", "kind")}


def _same(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a write would change nothing but the times in managedFields."""

    def bare(obj: dict[str, Any]) -> dict[str, Any]:
        metadata = {name: part for name, part in obj["metadata"].items() if name != "resourceVersion"}
        records = [{**record, "time": ""} for record in metadata.pop("managedFields", ())]
        parts = {name: part for name, part in obj.items() if name not in ("apiVersion", "kind")}
        return {**parts, "metadata": {**metadata, "managedFields": records}}

    return bare(old) == bare(new)


def removable(resource: Resource, obj: dict[str, Any]) -> bool:
    """Whether nothing holds a deleted object any longer."""
    metadata = obj["metadata"]
    if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
        return False
    if resource.key == "namespaces":
        return not (obj.get("spec") or {}).get("finalizers")
    return not metadata.get("deletionGracePeriodSeconds")


def _admitted(resource: Resource, obj: dict[str, Any], write: Write) -> dict[str, Any]:
    """The object with its type checked and completed; StatusError 400 or 422."""
    kind, api_version = obj.get("kind"), obj.get("apiVersion")
    if resource.custom and not (kind and api_version):
        missing = "Kind" if not kind else "apiVersion"
        raise bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): Object '{missing}' is missing"
        )
    if kind not in (None, "", resource.kind) or api_version not in (None, "", resource.api_version):
        version = (api_version or "").rpartition("/")[2]
        raise bad_request(
            f'{kind} in version "{version}" cannot be handled as a {resource.kind}: converting ({version}.{kind}) to '
            f"(core.{resource.kind}): unknown conversion"
        )
    if write.validation:
        _hold_against_schema(resource, obj, write)
    parts = {name: part for name, part in obj.items() if name not in ("kind", "apiVersion", "metadata")}
    return {"metadata": obj.get("metadata") or {}, **parts}


def _hold_against_schema(resource: Resource, obj: dict[str, Any], write: Write) -> None:
    """Check types, drop unknown fields as `fieldValidation` says, complete and validate custom resources."""
    schema = schema_of(resource)
    why = validation.decoding_error(validation.METADATA if resource.custom else schema, obj, resource.kind)
    if why:
        raise _undecodable(resource, obj, write, why)
    unknown = validation.prune(schema, obj)
    if unknown and write.operation == "Apply":
        raise _undecodable(resource, obj, write, f".{unknown[0]}: field not declared in schema")
    if unknown and write.validation == "Strict":
        listed = ", ".join(f'unknown field "{path}"' for path in unknown)
        raise _undecodable(resource, obj, write, f"strict decoding error: {listed}")
    if write.validation == "Warn":
        write.warnings.extend(f'unknown field "{path}"' for path in unknown)
    if resource.custom and resource.schema:
        validation.fill_defaults(resource.schema, obj)
        causes = validation.faults(resource.schema, obj)
        if causes:
            raise invalid(resource.group, resource.kind, (obj.get("metadata") or {}).get("name", ""), causes)


def _undecodable(resource: Resource, obj: dict[str, Any], write: Write, why: str) -> StatusError:
    if write.operation == "Apply":
        metadata = obj.get("metadata") or {}
        where = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}; {resource.api_version}"
        text = f"failed to create typed patch object ({where}, Kind={resource.kind}): {why}"
        return StatusError(500, "", text)
    if write.is_patch:
        shown = msgspec.json.encode(msgspec.json.encode(obj).decode()).decode()
        return invalid("", "", "", [cause("FieldValueInvalid", "patch", f"Invalid value: {shown}: {why}")])
    return bad_request(f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {why}')


def _name_object(state: State, resource: Resource, metadata: dict[str, Any]) -> None:
    name, prefix = metadata.get("name"), metadata.get("generateName")
    if not name and prefix:
        name = prefix + defaults.random_suffix()
        while state.store.get(resource.storage, object_key(metadata.get("namespace", ""), name)):
            name = prefix + defaults.random_suffix()
        metadata["name"] = name
    if not name:
        why = "Required value: name or generateName is required"
        raise invalid(resource.group, resource.kind, "", [cause("FieldValueRequired", "metadata.name", why)])
    pattern = _LOOSE_NAME if resource.kind in LOOSELY_NAMED else _NAME
    if len(name) > 253 or not pattern.fullmatch(name):
        why = f'Invalid value: "{name}": {NAME_RULE}'
        raise invalid(resource.group, resource.kind, name, [cause("FieldValueInvalid", "metadata.name", why)])


def _check_namespace(state: State, resource: Resource, namespace: str, name: str) -> None:
    entry = state.store.get("namespaces", namespace)
    if entry is None:
        raise not_found("", "namespaces", namespace)
    if b'"deletionTimestamp"' in entry.metadata and "deletionTimestamp" in entry.decoded()["metadata"]:
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        causes = [cause("NamespaceTerminating", "metadata.namespace", f"namespace {namespace} is being terminated")]
        raise forbidden(resource.group, resource.plural, name, why, causes=causes)


def _check_identity(resource: Resource, entry: Entry, new: dict[str, Any]) -> None:
    metadata = new["metadata"]
    if metadata.get("name", entry.name) != entry.name:
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL ({entry.name})"
        )
    metadata.setdefault("name", entry.name)
    if entry.namespace:
        if metadata.get("namespace", entry.namespace) != entry.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        metadata.setdefault("namespace", entry.namespace)
    uid = metadata.get("uid")
    if uid and uid != entry.uid:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {entry.uid}"
        raise conflict(resource.group, resource.plural, entry.name, why)
    version = metadata.get("resourceVersion")
    if version and version != str(entry.version):
        raise conflict(resource.group, resource.plural, entry.name)


def _check_size(state: State, resource: Resource, obj: dict[str, Any]) -> None:
    size = len(encode_entry(obj, 0).body)
    if size > state.limits.data_bytes and resource.kind in ("ConfigMap", "Secret"):
        why = f"Too long: may not be more than {state.limits.data_bytes} bytes"
        field = "[]" if resource.kind == "ConfigMap" else "data"
        raise invalid(resource.group, resource.kind, obj["metadata"]["name"], [cause("FieldValueTooLong", field, why)])
    if size > state.limits.object_bytes:
        raise StatusError(500, "", "etcdserver: request is too large")
