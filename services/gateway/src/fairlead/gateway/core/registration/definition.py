"""An account as Clouddriver's account API takes it (`PUT /credentials`): the same bytes for the same account, for ever.

Clouddriver compares definitions by their fields; one that differs ends the account's caching agents and makes new ones. The
fields are those of its `KubernetesAccountProperties.ManagedAccount`; ``type`` is the discriminator (the documentation says
``@type``, which is ignored).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from fairlead.contracts.accounts import account_path
from fairlead.gateway.core.tokens import matches

ACCOUNT = "{account}"
"""Stands for the account's name in the path of a token file."""
FIXED = frozenset({
    "type", "@type", "name", "permissions", "requiredGroupMembership", "kubeconfigContents", "kubeconfigFile", "context",
    "serviceAccount", "oAuthServiceAccount", "oAuthScopes", "checkPermissionsOnStartup", "namespaces", "omitNamespaces",
    "rawResourcesEndpointConfig",
})  # fmt: skip
"""Fields that settings cannot choose: they are the account's or the gateway's, or (`namespaces`,
`rawResourcesEndpointConfig` with its patterns that equal nothing) make Clouddriver load the account again and again."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Spinnaker roles that may use an account, by what they may do; none at all: everyone may."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    execute: tuple[str, ...] = ()

    def problem(self) -> str:
        """What is wrong with them; empty when nothing is.

        Clouddriver drops roles that are blank, and an account without roles is open to everyone.
        """
        for role in (*self.read, *self.write, *self.execute):
            if not role or role != role.strip() or not role.isprintable():
                return (
                    "the account's permissions hold a role that is empty or has blanks around it; such an account is never"
                    " registered, for Clouddriver would open it to everyone. Mend `permissions` in the agent's configuration"
                )
        return ""

    def all(self) -> tuple[str, ...]:
        """Every role, once."""
        return tuple(sorted({*self.read, *self.write, *self.execute}))


@dataclass(frozen=True, slots=True)
class Template:
    """What is the same for every account.

    ``token_file`` is the path in Clouddriver's pods, read anew by each kubectl. ``fields`` are further fields;
    ``rules`` change them for accounts whose names match, later rules win.
    """

    url: str
    """Of the facade, as Clouddriver's pods reach it."""
    ca: bytes = b""
    """Authority of the facade's certificate, PEM; empty for one that Clouddriver's image trusts."""
    token_file: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[tuple[tuple[str, ...], Mapping[str, Any]], ...] = ()

    def server(self, account: str) -> str:
        """The server in an account's kubeconfig: it also tells our definitions from those of others.

        Raises:
            ValueError: the account can have no such address; says why.

        """
        return self.url + account_path(account)


@dataclass(frozen=True, slots=True)
class Definition:
    """What is put."""

    account: str
    server: str
    body: bytes
    digest: str
    """SHA-256 of the body."""


def define(template: Template, account: str, roles: Roles, token: str = "") -> Definition:
    """Make the definition of an account; ``token`` stands in it when there is one, else the path of a file.

    Raises:
        ValueError: the account's name can stand in no URL, or name no file.

    """
    server = template.server(account)
    fields: dict[str, Any] = {
        "type": "kubernetes",
        "@type": "kubernetes",
        "name": account,
        "permissions": _permissions(roles),
        "kubeconfigContents": _kubeconfig(template, account, server, token),
        "checkPermissionsOnStartup": False,
    }
    body = json.dumps(fields | _chosen(template, account), separators=(",", ":")).encode()
    return Definition(account, server, body, sha256(body).hexdigest())


def bears_mark(theirs: Mapping[str, Any], *servers: str) -> bool:
    """Whether a definition read from Clouddriver points at one of these servers: then it is one of ours."""
    contents = theirs.get("kubeconfigContents")
    return isinstance(contents, str) and any(_server_line(server) in contents for server in servers if server)


def differing(ours: Definition, theirs: Mapping[str, Any]) -> list[str]:
    """Names of fields that Clouddriver holds otherwise than we put them. It leaves out what it does not know."""
    wanted: dict[str, Any] = json.loads(ours.body)
    return [name for name, value in wanted.items() if name in theirs and _plain(value) != _plain(theirs[name])]


def _chosen(template: Template, account: str) -> dict[str, Any]:
    chosen = dict(template.fields)
    for patterns, fields in template.rules:
        if any(matches(pattern, account) for pattern in patterns):
            chosen |= fields
    return {name: chosen[name] for name in sorted(chosen) if name not in FIXED}


def _permissions(roles: Roles) -> dict[str, list[str]]:
    named = {"READ": roles.read, "WRITE": roles.write, "EXECUTE": roles.execute}
    return {name: sorted(set(given)) for name, given in named.items() if given}


def _kubeconfig(template: Template, account: str, server: str, token: str) -> str:
    login = f"token: {_text(token)}" if token else f"tokenFile: {_text(template.token_file.replace(ACCOUNT, account))}"
    lines = [
        "apiVersion: v1",
        "kind: Config",
        "clusters:",
        "- name: fairlead",
        "  cluster:",
        f"    {_server_line(server)}",
        *([f"    certificate-authority-data: {base64.b64encode(template.ca).decode()}"] if template.ca else []),
        "users:",
        "- name: fairlead",
        "  user:",
        f"    {login}",
        "contexts:",
        "- name: fairlead",
        "  context: {cluster: fairlead, user: fairlead}",
        "current-context: fairlead",
    ]
    return "\n".join(lines) + "\n"


def _server_line(server: str) -> str:
    return f"server: {_text(server)}"


def _text(text: str) -> str:
    """A text in YAML: JSON's way of writing one is YAML's too, as long as nothing is written as a pair of surrogates."""
    return json.dumps(text, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """A value without what Clouddriver changes by itself: it keeps roles as sets."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if inner not in (None, [], {})}
    if isinstance(value, list):
        return sorted(json.dumps(_plain(each), sort_keys=True) for each in value)
    return value
