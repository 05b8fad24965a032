"""Names of things that every service agrees on: resources, object keys and versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

VERSION_BITS_MAX = 128
VERSION_DIGITS_MAX = len(str(2**VERSION_BITS_MAX))


@dataclass(frozen=True, slots=True, order=True)
class Resource:
    """One kind of object as the API server serves it.

    Two kinds of equal name in two groups are two resources. ``group`` is empty for the core group; ``plural`` is the
    name in URLs (``deployments``), ``kind`` the name in manifests (``Deployment``).
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """``v1`` or ``apps/v1``, as manifests spell it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def name(self) -> str:
        """``pods`` or ``deployments.apps``: the short name used in logs, metrics and REST answers."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "") -> str:
        """The URL path of the collection, or of one object when ``name`` is given.

        An empty ``namespace`` means all namespaces, or a cluster-scoped resource.
        """
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


class ObjectKey(NamedTuple):
    """Where an object stands inside one resource of one account; ``namespace`` is empty for cluster-scoped ones."""

    namespace: str
    name: str


def parse_version(text: str) -> int:
    """Turn a ``resourceVersion`` into a number that compares as the server orders it.

    KEP-5504 fixes the form: decimal, no leading zero, at most 128 bits, comparable within one resource of one cluster.

    Raises:
        ValueError: the text is no such number. The text itself is not repeated in the error.

    """
    if len(text) > VERSION_DIGITS_MAX:
        raise ValueError(f"resourceVersion has more than {VERSION_BITS_MAX} bits")
    if not text.isascii() or not text.isdigit() or (len(text) > 1 and text[0] == "0"):
        raise ValueError("resourceVersion is not a decimal number without leading zeros")
    version = int(text)
    if version.bit_length() > VERSION_BITS_MAX:
        raise ValueError(f"resourceVersion has more than {VERSION_BITS_MAX} bits")
    return version
