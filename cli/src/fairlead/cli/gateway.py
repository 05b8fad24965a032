"""The gateway's REST API as the command and the demo use it.

Synchronous: a command does one thing after the other, and an asyncio program calls this in a thread.
"""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx

from fairlead.cli.errors import CommandError, MisuseError
from fairlead.cli.settings import ClientSettings

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 30.0
WAIT_STEP_S = 20.0
"""How long one request waits for an operation; longer waits are made of several."""
FINAL_STATES = frozenset({"succeeded", "failed", "unknown", "expired"})
PAGE = 500
"""Rows to a page."""
_NUMBERS = re.compile(r"\[(?:Errno -?\d+|[A-Z0-9_: ]+)\] ?| ?\(_ssl\.c:\d+\)")

Document = dict[str, Any]


class GatewayUnreachable(CommandError):
    """No connection, or none that can be trusted."""


class GatewayRefusal(CommandError):
    """The gateway answered that it will not; ``status`` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gateway:
    """One gateway, spoken to with one credential. Closes its connections when the context ends."""

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        ca_file: Path | None = None,
        trust_env: bool = True,
    ) -> None:
        self.url = url.rstrip("/")
        self.ca_file = ca_file
        self._client = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            verify=_trust(ca_file),
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            trust_env=trust_env,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    # ---- operations

    def submit(self, request: Mapping[str, Any], *, operation_id: str, wait_s: float = 0.0) -> Document:
        """Submit an operation and wait for its end, at most so long; returns it as it stands then.

        ``operation_id`` is a ULID; the same id and request are the same operation, so this may be repeated.
        """
        body = json.dumps({"id": operation_id, **request}).encode()
        operation = self.call("POST", "/v1/operations", params=_waiting(wait_s), body=body, extra_s=wait_s)
        return self._waited(operation, wait_s)

    def operation(self, operation_id: str, *, wait_s: float = 0.0) -> Document:
        """Read an operation, waiting for its end, at most so long."""
        operation = self.call(
            "GET", f"/v1/operations/{quote(operation_id, safe='')}", params=_waiting(wait_s), extra_s=wait_s
        )
        return self._waited(operation, wait_s)

    def _waited(self, operation: Document, wait_s: float) -> Document:
        until = time.monotonic() + wait_s - WAIT_STEP_S
        while operation["state"] not in FINAL_STATES and time.monotonic() < until:
            path = f"/v1/operations/{operation['id']}"
            operation = self.call("GET", path, params=_waiting(WAIT_STEP_S), extra_s=WAIT_STEP_S)
        return operation

    def result(self, operation_id: str) -> Any:
        """Read the object or list that an operation brought back."""
        return self.call("GET", f"/v1/operations/{quote(operation_id, safe='')}/result")

    def operations(self, **filters: str) -> list[Document]:
        """List operations, newest first."""
        return list(self.call("GET", "/v1/operations", params=filters)["items"])

    def cancel(self, operation_id: str) -> Document:
        """Ask for the end of an operation."""
        return _document(self.call("DELETE", f"/v1/operations/{quote(operation_id, safe='')}"))

    # ---- the mirror

    def accounts(self) -> list[Document]:
        """List the accounts that the credential may see."""
        return list(self.call("GET", "/v1/accounts")["items"])

    def account(self, name: str) -> Document:
        """Read one account."""
        return _document(self.call("GET", f"/v1/accounts/{quote(name, safe='')}"))

    def writes(self, account: str, *, limit: int = PAGE) -> Iterator[Document]:
        """Read the journal of writes to an account, newest first, page by page."""
        params = {"limit": str(min(limit, PAGE))}
        while True:
            page = self.call("GET", f"/v1/accounts/{quote(account, safe='')}/writes", params=params)
            yield from page["items"]
            if not page.get("continue"):
                return
            params["continue"] = page["continue"]

    def accept_cluster(self, account: str) -> Document:
        """Give an account to the cluster whose claim was refused last."""
        return _document(self.call("POST", f"/v1/accounts/{quote(account, safe='')}/accept"))

    def registrations(self) -> list[Document]:
        """List how accounts stand in Clouddriver."""
        return list(self.call("GET", "/v1/registrations")["items"])

    def registration(self, account: str) -> Document:
        """Read how one account stands there."""
        return _document(self.call("GET", _registration(account)))

    def register(self, account: str, *, adopt: bool) -> Document:
        """Ask for an account to be registered (again)."""
        return _document(self.call("POST", _registration(account), body=json.dumps({"adopt": adopt}).encode()))

    def unregister(self, account: str) -> Document:
        """Ask for an account to be taken out of Clouddriver."""
        return _document(self.call("DELETE", _registration(account)))

    def remove(self, account: str) -> Document:
        """Ask for an account to be removed with its rows."""
        return _document(self.call("DELETE", f"/v1/accounts/{quote(account, safe='')}"))

    def resources(self, account: str) -> list[Document]:
        """List the kinds of an account with their state and freshness."""
        return list(self.call("GET", f"/v1/accounts/{quote(account, safe='')}/resources")["items"])

    def objects(self, account: str, **filters: str) -> Iterator[Document]:
        """Read rows of the mirror, page by page.

        Filters are those of the API: kind or resource, namespace, name, labelSelector, bodies.
        """
        params = {"limit": str(PAGE), **filters}
        while True:
            page = self.call("GET", f"/v1/accounts/{quote(account, safe='')}/objects", params=params)
            yield from page["items"]
            if not page.get("continue"):
                return
            params["continue"] = page["continue"]

    def agents(self) -> list[Document]:
        """List the agents that are connected."""
        return list(self.call("GET", "/v1/agents")["items"])

    # ---- tokens

    def tokens(self) -> list[Document]:
        """List tokens: never the tokens themselves."""
        return list(self.call("GET", "/v1/tokens")["items"])

    def create_token(self, request: Mapping[str, Any]) -> Document:
        """Make a token; the answer is the only place where it can be read."""
        return _document(self.call("POST", "/v1/tokens", body=json.dumps(request).encode()))

    def revoke_token(self, name: str) -> None:
        """End a token."""
        self.call("DELETE", f"/v1/tokens/{quote(name, safe='')}")

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        extra_s: float = 0.0,
    ) -> Any:
        """Make one request and return the JSON of its answer.

        Raises:
            GatewayUnreachable: no connection, or none that can be trusted.
            GatewayRefusal: any other status than 2xx.

        """
        timeout = httpx.Timeout(ANSWER_TIMEOUT_S + extra_s, connect=CONNECT_TIMEOUT_S)
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            answer = self._client.request(
                method, path, params=dict(params or {}), content=body, headers=headers, timeout=timeout
            )
        except httpx.HTTPError as error:
            raise GatewayUnreachable(_unreachable(self.url, error)) from error
        except httpx.InvalidURL as error:
            raise MisuseError(f"{self.url} is no address of a gateway: it looks like https://host:8443") from error
        if not answer.is_success:
            raise GatewayRefusal(answer.status_code, _refusal(answer))
        return answer.json() if answer.content else {}


def open_gateway(settings: ClientSettings) -> Gateway:
    """Make the client that the settings describe.

    Raises:
        MisuseError: something is missing or cannot be read.

    """
    if not settings.gateway:
        raise MisuseError("name the gateway with --gateway https://host:8443 or FAIRLEAD_GATEWAY")
    if not settings.gateway.startswith(("https://", "http://")):
        raise MisuseError(f"{settings.gateway} is no address of a gateway: it looks like https://host:8443")
    token = _token(settings)
    if not (token.isascii() and token.isprintable()):
        raise MisuseError("the token holds characters that no token has: is it the right one, or the right file?")
    return Gateway(settings.gateway, token=token, ca_file=settings.ca_file)


def _token(settings: ClientSettings) -> str:
    if settings.token or settings.token_file is None:
        return settings.token
    try:
        return settings.token_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise MisuseError(f"the token file {settings.token_file} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise MisuseError(f"the token file {settings.token_file} is no text: is it the right one?") from None


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise MisuseError(
            f"the authority's certificate {ca_file} cannot be used ({_plain(error.strerror or str(error))})"
        ) from None


def _document(answer: Any) -> Document:
    if not isinstance(answer, dict):
        raise GatewayRefusal(200, "the gateway answered something unknown; do versions differ?")
    return answer


def _registration(account: str) -> str:
    return f"/v1/accounts/{quote(account, safe='')}/registration"


def _waiting(wait_s: float) -> dict[str, str]:
    return {"wait": f"{min(wait_s, WAIT_STEP_S):g}s"} if wait_s > 0 else {}


def _unreachable(url: str, error: httpx.HTTPError) -> str:
    said = str(error)
    text = _plain(said) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return f"the certificate of {url} is not trusted ({text}): {_remedy(said)}"
    if "WRONG_VERSION_NUMBER" in said:
        return f"{url} does not speak TLS ({text}): check --gateway, http:// and the port included"
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError) and url.startswith("http://"):
        return f"{url} takes no plain HTTP ({text}): check --gateway, a gateway with a certificate is https://"
    if isinstance(error, httpx.TimeoutException):
        return f"{url} did not answer in time"
    return f"cannot reach the gateway at {url} ({text}): is it running, and is the address right?"


def _remedy(said: str) -> str:
    """What to do about a certificate, by OpenSSL's words for what is wrong with it."""
    if "expired" in said or "not yet valid" in said:
        return "renew gateway.https.tls.certFile at the gateway"
    if "mismatch" in said:
        return "use a name that it has in --gateway"
    return "name its authority with --ca-file"


def _plain(text: str) -> str:
    """An error of the system or of OpenSSL without its numbers and places."""
    return _NUMBERS.sub("", text).strip().rstrip(".")


def _refusal(answer: httpx.Response) -> str:
    """The gateway's own words, with what to do where only the status tells."""
    told = _told(answer)
    match answer.status_code:
        case 401:
            return (
                "the gateway does not know the credential; it may have been revoked or have expired: give one with"
                " --token-file or FAIRLEAD_TOKEN_FILE"
            )
        case 404 if not told:
            return f"{answer.request.url.path} is not there: is {answer.request.url.host} a Fairlead gateway?"
        case _:
            return told or f"the gateway answered HTTP {answer.status_code}"


def _told(answer: httpx.Response) -> str:
    try:
        document = answer.json()
    except ValueError:
        return ""
    if not isinstance(document, dict):
        return ""
    problems = document.get("problems")
    more = "; ".join(map(str, problems)) if isinstance(problems, list) else ""
    return ": ".join(filter(None, [str(document.get("detail") or ""), more]))
