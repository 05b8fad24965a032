"""The mirror, as the tour reads it through the gateway's REST API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from fairlead.cli.gateway import Document, Gateway, GatewayRefusal
from fairlead.contracts.identity import Resource


@dataclass(frozen=True)
class Watched:
    """One kind and how its rows stand."""

    resource: Resource
    state: str
    rows: int


@dataclass(frozen=True)
class Row:
    """One row."""

    kind: str
    name: str
    version: int
    updated: datetime
    """When the gateway committed it."""
    document: Document


@dataclass(frozen=True)
class Mirror:
    """What the gateway holds of one account."""

    gateway: Gateway
    account: str

    def watched(self) -> list[Watched]:
        """Every kind that is watched; none as long as the account is unknown."""
        try:
            return [_watched(each) for each in self.gateway.resources(self.account)]
        except GatewayRefusal as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                return []
            raise

    def rows(self, kind: str, namespace: str, *, name: str = "", labels: str = "") -> list[Row]:
        """Rows of one kind in one namespace."""
        filters = {"kind": kind, "namespace": namespace, "name": name, "labelSelector": labels}
        given = {key: text for key, text in filters.items() if text}
        return [
            Row(
                kind,
                each["name"],
                int(each["resourceVersion"]),
                datetime.fromisoformat(each["updatedAt"]),
                each.get("object") or {},
            )
            for each in self.gateway.objects(self.account, **given)
        ]


def _watched(document: Document) -> Watched:
    group, _, version = document["apiVersion"].rpartition("/")
    plural = document["resource"].partition(".")[0]
    resource = Resource(group, version, plural, document["kind"], document["namespaced"])
    return Watched(resource, document["state"], document["rows"])
