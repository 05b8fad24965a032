"""The query parameters of list, watch and writes, validated as kube-apiserver does (ValidateListOptions)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from fairlead.simcluster.errors import StatusError, bad_request, cause, invalid
from fairlead.simcluster.selectors import Selection, parse_fields, parse_labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairlead.simcluster.api.routes import Request, Target
    from fairlead.simcluster.resources import Resource


@dataclass(frozen=True, slots=True)
class ContinueToken:
    """Where a paged list goes on: the snapshot's version (-1: whatever is current) and the first key."""

    version: int
    start: str

    def encode(self) -> str:
        """The opaque text, in the real server's own form."""
        start = "/" + self.start + "\0"
        text = msgspec.json.encode({"v": "meta.k8s.io/v1", "rv": self.version, "start": start})
        return base64.urlsafe_b64encode(text).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class ListOptions:
    """A list or watch request, validated."""

    selection: Selection
    version: str = ""
    match: str = ""
    limit: int = 0
    token: ContinueToken | None = None
    timeout_s: float | None = None
    bookmarks: bool = False
    initial_events: bool | None = None


def decode_token(text: str) -> ContinueToken:
    """Parse a continue token; StatusError 400 when it is none."""
    try:
        padded = text + "=" * (-len(text) % 4)
        document: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=dict[str, Any])
        return ContinueToken(int(document["rv"]), str(document["start"]).removeprefix("/").rstrip("\0"))
    except (ValueError, KeyError, binascii.Error, msgspec.DecodeError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error


def list_options(request: Request, target: Target, resource: Resource, *, watch: bool) -> ListOptions:
    """Parse and validate; StatusError 400 or 422."""
    query = request.query
    _check_match(query, watch=watch)
    labels = parse_labels(query.get("labelSelector", ""))
    fields = parse_fields(query.get("fieldSelector", ""), resource)
    continued = query.get("continue", "")
    if continued and query.get("resourceVersion", "") not in ("", "0"):
        raise bad_request("specifying resource version is not allowed when using continue")
    timeout_s = _integer(query, "timeoutSeconds")
    return ListOptions(
        selection=Selection(target.namespace, labels, fields),
        version=query.get("resourceVersion", ""),
        match=query.get("resourceVersionMatch", ""),
        limit=max(_integer(query, "limit"), 0),
        token=decode_token(continued) if continued and not watch else None,
        timeout_s=float(timeout_s) if timeout_s > 0 else None,
        bookmarks=request.flag("allowWatchBookmarks"),
        initial_events=request.flag("sendInitialEvents") if "sendInitialEvents" in query else None,
    )


def _integer(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    try:
        return int(text) if text else 0
    except ValueError as error:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def _forbidden(field: str, why: str) -> dict[str, str]:
    return cause("FieldValueForbidden", field, f"Forbidden: {why}")


def _unsupported(match: str, supported: str) -> dict[str, str]:
    why = f'Unsupported value: "{match}": supported values: {supported}'
    return cause("FieldValueNotSupported", "resourceVersionMatch", why)


def _check_match(query: Mapping[str, str], *, watch: bool) -> None:
    causes = _watch_match(query) if watch else _list_match(query)
    if causes:
        raise invalid("meta.k8s.io", "ListOptions", "", causes)


def _watch_match(query: Mapping[str, str]) -> list[dict[str, str]]:
    match, field = query.get("resourceVersionMatch", ""), "resourceVersionMatch"
    if "sendInitialEvents" not in query:
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        return [_forbidden(field, why)] if match else []
    if match == "NotOlderThan":
        return []
    causes = [_forbidden(field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")]
    return [*causes, _unsupported(match, '"NotOlderThan"')] if match else causes


def _list_match(query: Mapping[str, str]) -> list[dict[str, str]]:
    match, field = query.get("resourceVersionMatch", ""), "resourceVersionMatch"
    version = query.get("resourceVersion", "")
    causes: list[dict[str, str]] = []
    if match and not version:
        causes.append(_forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if match and query.get("continue"):
        causes.append(_forbidden(field, "resourceVersionMatch is forbidden when continue is provided"))
    if match not in ("", "Exact", "NotOlderThan"):
        causes.append(_unsupported(match, '"Exact", "NotOlderThan", ""'))
    if match == "Exact" and version == "0":
        causes.append(_forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    if "sendInitialEvents" in query:
        causes.append(_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return causes


def parse_version(text: str) -> int:
    """A resourceVersion as number; StatusError as a watch answers it (500 without a reason, as the server does)."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        why = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise StatusError(500, "", why)
    return int(text)


def dry_run(query: Mapping[str, str], kind: str) -> bool:
    """Whether a write is only to be tried; StatusError 422 for a value that is not `All`."""
    value = query.get("dryRun", "")
    if value in ("", "All"):
        return value == "All"
    why = f'Unsupported value: ["{value}"]: supported values: "All"'
    raise invalid("meta.k8s.io", kind, "", [cause("FieldValueNotSupported", "dryRun", why)])


def field_validation(query: Mapping[str, str], kind: str) -> str:
    """What becomes of unknown fields: `Strict`, `Warn` (the default) or `Ignore`; StatusError 422."""
    value = query.get("fieldValidation") or "Warn"
    if value in ("Ignore", "Strict", "Warn"):
        return value
    why = f'Unsupported value: "{value}": supported values: "", "Ignore", "Strict", "Warn"'
    raise invalid("meta.k8s.io", kind, "", [cause("FieldValueNotSupported", "fieldValidation", why)])
