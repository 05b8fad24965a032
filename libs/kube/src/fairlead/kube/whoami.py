"""Who we are to a server, what it runs, and which cluster it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from fairlead.kube.errors import Forbidden, NotFound, ProtocolError

if TYPE_CHECKING:
    from fairlead.kube.session import KubeSession

_Form = TypeVar("_Form")
_REVIEW_VERSIONS = ("v1", "v1beta1", "v1alpha1")


@dataclass(frozen=True, slots=True)
class User:
    """The user that the API server takes us for; ``known`` is False where the server cannot tell."""

    name: str
    groups: tuple[str, ...] = ()
    known: bool = True

    @property
    def anonymous(self) -> bool:
        """True when the server did not see our credentials at all."""
        return self.name == "system:anonymous"


@dataclass(frozen=True, slots=True)
class ClusterIdentity:
    """Which cluster this is: the UID of kube-system where it may be read, and the endpoint in any case."""

    uid: str
    endpoint: str

    @property
    def key(self) -> str:
        """The one to compare by: the UID, else the endpoint."""
        return self.uid or self.endpoint


class _UserInfo(msgspec.Struct):
    username: str = ""
    groups: list[str] | None = None


class _ReviewStatus(msgspec.Struct):
    userInfo: _UserInfo  # noqa: N815  # the wire's name


class _Review(msgspec.Struct):
    status: _ReviewStatus


class _Version(msgspec.Struct):
    gitVersion: str  # noqa: N815  # the wire's name


class _NamespaceMeta(msgspec.Struct):
    uid: str


class _Namespace(msgspec.Struct):
    metadata: _NamespaceMeta


async def who_am_i(session: KubeSession) -> User:
    """Ask by SelfSubjectReview (KEP-3325, v1 since Kubernetes 1.28).

    A server without it, or one that does not let us ask, makes an unknown user, not an error.

    Raises:
        Unauthorized, Unreachable and other KubeErrors: no answer about anybody.

    """
    for version in _REVIEW_VERSIONS:
        api_version = f"authentication.k8s.io/{version}"
        try:
            answer = await session.request(
                "POST",
                f"/apis/{api_version}/selfsubjectreviews",
                body=msgspec.json.encode({"apiVersion": api_version, "kind": "SelfSubjectReview"}),
            )
        except NotFound:
            continue
        except Forbidden:
            break
        info = _decoded(answer.body, _Review).status.userInfo
        return User(info.username, tuple(info.groups or ()))
    return User("unknown", known=False)


async def server_version(session: KubeSession) -> str:
    """Ask for the server's version, such as ``v1.37.1``."""
    answer = await session.request("GET", "/version")
    return _decoded(answer.body, _Version).gitVersion


async def cluster_identity(session: KubeSession) -> ClusterIdentity:
    """Find out which cluster this is; without the right to read kube-system only by its endpoint.

    Raises:
        Unreachable and other KubeErrors: nothing is known then, not even that the UID may not be read.

    """
    credentials = session.credentials
    endpoint = f"{credentials.host} {credentials.ca_fingerprint}".strip()
    try:
        answer = await session.request("GET", "/api/v1/namespaces/kube-system")
    except (Forbidden, NotFound):
        return ClusterIdentity("", endpoint)
    return ClusterIdentity(_decoded(answer.body, _Namespace).metadata.uid, endpoint)


def _decoded(body: bytes, form: type[_Form]) -> _Form:
    try:
        return msgspec.json.decode(body, type=form)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the answer is not what the Kubernetes API promises: {error}") from error
