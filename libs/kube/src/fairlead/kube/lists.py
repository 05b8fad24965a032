"""Lists, page by page, as bytes.

The envelope of a page is decoded, its items are cut out unread. Paging follows the API's rules: only the first page
names a resourceVersion, the continue token carries it on; all pages show one version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from fairlead.contracts.identity import parse_version
from fairlead.kube.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fairlead.contracts.identity import Resource
    from fairlead.kube.session import KubeSession

PAGE_SIZE = 500
WHOLE_LIST = "application/json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class Page(msgspec.Struct, frozen=True):
    """One page of a list.

    ``version`` is the list's; ``items`` are whole objects as bytes, without (or, read as metadata, with a wrong)
    ``apiVersion`` and ``kind``: see ``objects.prepare``. ``token`` is empty on the last page; ``remaining`` is the
    server's estimate of what follows, None when it gives none.
    """

    version: int
    items: list[bytes]
    token: str
    remaining: int | None


class _ListMeta(msgspec.Struct, gc=False):
    resourceVersion: str = ""  # noqa: N815  # the wire's name
    token: str | None = msgspec.field(default=None, name="continue")
    remainingItemCount: int | None = None  # noqa: N815  # the wire's name


class _List(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


_decode_list = msgspec.json.Decoder(_List).decode


async def list_pages(  # noqa: PLR0913  # the API's own list options, by keyword
    session: KubeSession,
    resource: Resource,
    *,
    namespace: str = "",
    limit: int = PAGE_SIZE,
    resource_version: str | None = None,
    resource_version_match: str | None = None,
    label_selector: str = "",
    field_selector: str = "",
    metadata_only: bool = False,
    token: str = "",
    timeout_s: float | None = None,
) -> AsyncGenerator[Page]:
    """Yield the pages of a list until the last; ``limit=0`` asks for everything in one page.

    ``token`` continues an earlier list. ``timeout_s`` bounds each page.

    Raises:
        Gone: the continue token expired on the way; what was yielded is of a version the server has forgotten.
        ApiError, Unreachable: as ``KubeSession.request``.
        ProtocolError: the answer is no list.

    """
    accept = {"Accept": METADATA_LIST if metadata_only else WHOLE_LIST}
    options = {"limit": str(limit) if limit else "", "labelSelector": label_selector, "fieldSelector": field_selector}
    first = {"resourceVersion": resource_version or "", "resourceVersionMatch": resource_version_match or ""}
    while True:
        params = options | ({"continue": token} if token else first)
        answer = await session.request(
            "GET",
            resource.path(namespace),
            params={name: value for name, value in params.items() if value},
            headers=accept,
            timeout_s=timeout_s,
        )
        page = parse_page(answer.body)
        yield page
        if not page.token:
            return
        if page.token == token:
            raise ProtocolError(f"list of {resource.name}: the server gave the same continue token twice")
        token = page.token


def parse_page(body: bytes) -> Page:
    """Cut a list's answer into its items, each copied out so that one kept item does not keep the page.

    Raises:
        ProtocolError: the body is no list of the Kubernetes API.

    """
    try:
        envelope = _decode_list(body)
        meta = envelope.metadata
        version = parse_version(meta.resourceVersion)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the answer is no Kubernetes list: {error}") from error
    return Page(version, [bytes(item) for item in envelope.items or ()], meta.token or "", meta.remainingItemCount)
